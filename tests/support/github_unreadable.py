"""What a simulated GitHub did not show during a sync, held against the gaps that the tap tells."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from github_simulator.states import exists

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from github_simulator import Run, Simulator
    from github_simulator.log import Entry

DETAILS = re.compile(r"/actions/runs/(\d+)(?:/attempts/(\d+)(/jobs)?)?$")
SLACK = 60
"""The tap's time is the last answer's, which may be some seconds off."""
OK = 200
LISTED_AFTER = 3_600
"""A run is in every listing by then."""


@dataclass(frozen=True)
class Detail:
    """Something of a run that can be asked for; `what` as the tap's gaps call it."""

    run: int
    attempt: int
    """0 where the run itself was asked for."""
    what: str


@dataclass
class Visit:
    """One sync, as the simulator saw it."""

    began: float
    ended: float
    missed: set[Detail] = field(default_factory=set)
    """Asked for in vain at least once."""
    left: set[Detail] = field(default_factory=set)
    """Asked for in vain to the last, though it was there."""
    shown: set[Detail] = field(default_factory=set)
    """Shown when it was asked for last."""


class Witness:
    """Follows a simulator from sync to sync."""

    def __init__(self, simulator: Simulator) -> None:
        self.world = simulator.world
        self.log = simulator.log
        self.visits: list[Visit] = []

    def look(self, began: float, first: int) -> Visit:
        """Take down the sync that began then, with the request of that number."""
        visit = Visit(began, self.world.clock.exact())
        last: dict[Detail, Entry] = {}
        for entry in self.log.entries[first:]:
            if (asked := what_was_asked(entry.path)) is None:
                continue
            last[asked] = entry
            if is_in_vain(entry):
                visit.missed.add(asked)
        visit.shown = {asked for asked, entry in last.items() if entry.status == OK} - visit.missed
        visit.left = {
            asked
            for asked, entry in last.items()
            if is_in_vain(entry) and self._is_there(asked, int(entry.answered_clock))
        }
        self.visits.append(visit)
        return visit

    def unexplained(self, gaps: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the open gaps about what could be read when it was last asked for."""
        return [gap for gap in gaps if not self._is_true(gap)]

    def outdated(self, visit: Visit, gaps: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the gaps that are open though a whole sync was shown what they are about."""
        return [gap for gap in gaps if self._was_shown(visit, gap)]

    def untold(self, visit: Visit, gaps: Sequence[dict[str, Any]]) -> list[Detail]:
        """Return what a whole sync met, could not read, and left without a gap."""
        told = {(gap["github_run_id"], gap["run_attempt"], gap["what"] == "run") for gap in gaps}

        def is_told(detail: Detail) -> bool:
            return any(
                run == detail.run
                and (detail.attempt in (0, attempt) or (is_run and attempt <= detail.attempt))
                for run, attempt, is_run in told
            )

        return [each for each in {*visit.left, *self._bad_runs(visit)} if not is_told(each)]

    def _is_there(self, asked: Detail, now: int) -> bool:
        return asked.run in self.world.runs and exists(self.world.runs[asked.run], now)

    def _is_true(self, gap: dict[str, Any]) -> bool:
        tried = datetime.fromisoformat(gap["last_tried"].replace("Z", "+00:00")).timestamp()
        visit = [each for each in self.visits if each.began - SLACK <= tried][-1]
        run, number, what = self._run(gap), gap["run_attempt"], gap["what"]
        attempt = run.attempts[number - 1]
        if what == "unfinished jobs":
            late = any(job.reported > visit.began - SLACK for job in attempt.jobs)
            return late and attempt.ended <= visit.ended
        if what == "run":
            return (
                run.lacks_until > visit.began
                or attempt.ended > visit.began
                or any(each.run == run.id for each in visit.missed)
            )
        return Detail(run.id, number, what) in visit.missed

    def _was_shown(self, visit: Visit, gap: dict[str, Any]) -> bool:
        run, number, what = self._run(gap), gap["run_attempt"], gap["what"]
        if what == "unfinished jobs":
            asked = Detail(run.id, number, "jobs")
            late = any(job.reported > visit.began - SLACK for job in run.attempts[number - 1].jobs)
            return asked in visit.shown and not late
        if what == "run":
            is_whole = run.lacks_until <= visit.began
            return is_whole and Detail(run.id, number, "jobs") in visit.shown
        return Detail(run.id, number, what) in visit.shown

    def _run(self, gap: dict[str, Any]) -> Run:
        return self.world.runs[gap["github_run_id"]]

    def _bad_runs(self, visit: Visit) -> Iterator[Detail]:
        """Yield the runs that nobody could read from before a sync until after it."""
        before = int(visit.began) - LISTED_AFTER
        for run in self.world.runs.values():
            if not (exists(run, before) and exists(run, int(visit.ended))):
                continue
            if run.lacks_until > visit.ended:
                yield Detail(run.id, 0, "run")
            elif run.poisoned_until > visit.ended and run.attempts[0].ended <= before:
                yield Detail(run.id, 1, "jobs")


def what_was_asked(path: str) -> Detail | None:
    """Return which detail of which run a request is for; None when it is for something else."""
    found = DETAILS.search(path)
    if found is None:
        return None
    run, attempt, jobs = found.groups()
    what = "jobs" if jobs else "attempt" if attempt else "run"
    return Detail(int(run), int(attempt or 0), what)


def is_in_vain(entry: Entry) -> bool:
    """Whether an answer did not show what was asked for, and no passing fault was the cause."""
    return entry.withheld or (entry.fault is None and entry.status in (404, 502))

"""Which attempts of a run have not been emitted yet, and reading them with their jobs."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from tap_github_actions.api.paging import read_all
from tap_github_actions.errors import NotFoundError
from tap_github_actions.runs.records import (
    attempt_number,
    created,
    is_whole,
    job_record,
    last_end,
    run_record,
    step_records,
)
from tap_github_actions.times import parse_time

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_github_actions.api.client import Client
    from tap_github_actions.runs.bookmark import Bookmark
    from tap_github_actions.runs.coverage_artifacts import CoverageReader
    from tap_github_actions.runs.records import Run

LONGEST_RUN = timedelta(days=36)
"""GitHub ends a run after 35 days, waiting included."""
_logger = logging.getLogger("tap-github-actions")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which streams were selected: what nobody wants is not asked for."""

    runs: bool = True
    jobs: bool = True
    steps: bool = True
    workflows: bool = True
    coverage: bool = False
    pull_requests: bool = True

    @property
    def any_run(self) -> bool:
        """Whether runs have to be listed at all."""
        return self.runs or self.jobs or self.steps or self.coverage


@dataclass(frozen=True, slots=True)
class Due:
    """A run with attempts that have to be read."""

    run: Run
    first: int
    """The first attempt that may be new."""
    since: datetime | None = None
    """Attempts that began earlier have been emitted; None: from `first` on, all are new."""
    was_touched: bool = False
    """The latest attempt began earlier, but something changed: new only if a job ended later."""


@dataclass(slots=True)
class Outcome:
    """What reading a run gave."""

    run_id: int
    records: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    attempts: int = 0
    open_from: int | None = None
    """The attempt that is still unfinished."""
    began: datetime | None = None
    final: int | None = None
    """The latest attempt, when it is final."""


def due(run: Run, before: Bookmark) -> Due | None:
    """Decide what of a run has to be read, from the bookmark alone.

    Args:
        run: The run as listed, which shows its latest attempt.
        before: The bookmark as the sync began with it.
    """
    moment, latest = created(run), attempt_number(run)
    numbered = (run.get("workflow_id") or 0, run.get("run_number") or 0)
    if run["id"] in before.open:
        return Due(run, before.open[run["id"]][0])
    if run["id"] in before.recent:
        # Its attempts up to this one are emitted, however recently they began.
        first = before.recent[run["id"]] + 1
        return Due(run, first) if first <= latest else None
    since = before.new_since(moment)
    if since is None or moment >= since or before.was_missing(*numbered):
        return Due(run, 1)
    if began(run) >= since:
        return Due(run, 1, since)
    # What began before the last look was emitted, unless GitHub took a conclusion back since: a run
    # that needed an approval shows as completed until it is approved, and then goes on.
    if run.get("status") == "completed":
        return Due(run, latest, since, was_touched=True) if touched(run) >= since else None
    return Due(run, latest)


def touched(run: Run) -> datetime:
    """Return when anything about the run last changed."""
    return parse_time(run.get("updated_at")) or began(run)


def ended_since(jobs: list[dict[str, Any]], since: datetime | None) -> bool:
    """Whether a job has ended after that instant."""
    end = last_end(jobs)
    return end is not None and (since is None or end >= since)


def began(attempt: Run) -> datetime:
    """Return when an attempt began."""
    return parse_time(attempt.get("run_started_at")) or created(attempt)


@dataclass(frozen=True, slots=True)
class AttemptReader:
    """Reads runs attempt by attempt; its methods run in several threads."""

    client: Client
    path: str
    repository: str
    repository_id: int
    wanted: Wanted
    coverage: CoverageReader | None = None

    def read(self, task: Due, now: datetime) -> Outcome:
        """Read the attempts that are due, the oldest first."""
        run = task.run
        latest = attempt_number(run)
        outcome = Outcome(run["id"], began=began(run))
        attempts = [*reversed(list(self._earlier(task))), run]
        for attempt, following in zip(attempts, [*attempts[1:], None], strict=True):
            number = attempt_number(attempt)
            is_latest = number == latest
            if is_latest and run.get("status") != "completed":
                outcome.open_from = number
                continue
            jobs = self._jobs(run["id"], number)
            if jobs is None:
                return Outcome(run["id"])
            if task.was_touched and not ended_since(jobs, task.since):
                outcome.final = number
                continue
            too_old = now - began(run) > LONGEST_RUN
            if is_latest and not is_whole(jobs) and not too_old:
                outcome.open_from = number
                continue
            self._add(outcome, run, attempt, jobs, following)
            if is_latest:
                outcome.final = number
        return outcome

    def refetch(self, run_id: int) -> Run | None:
        """Return a run by its id; None when GitHub no longer shows it."""
        try:
            return self.client.get_object(f"{self.path}/actions/runs/{run_id}")
        except NotFoundError:
            return None

    def _earlier(self, task: Due) -> Iterator[Run]:
        """Yield the attempts before the latest, going down as far as they are new."""
        run = task.run
        for number in range(attempt_number(run) - 1, task.first - 1, -1):
            path = f"{self.path}/actions/runs/{run['id']}/attempts/{number}"
            try:
                attempt = self.client.get_object(path)
            except NotFoundError:
                _logger.warning(
                    "%s: GitHub no longer shows attempt %d of run %d",
                    *(self.repository, number, run["id"]),
                )
                continue
            if task.since is not None and began(attempt) < task.since:
                return
            yield attempt

    def _jobs(self, run_id: int, number: int) -> list[dict[str, Any]] | None:
        """Return the jobs of an attempt; None when the run has been deleted."""
        if not (self.wanted.jobs or self.wanted.steps):
            return []
        path = f"{self.path}/actions/runs/{run_id}/attempts/{number}/jobs"
        try:
            return list(read_all(self.client, path, "jobs"))
        except NotFoundError:
            if self.refetch(run_id) is not None:
                return []  # GitHub keeps the details of a run for 410 days, the run for longer
            # Gone with its run, or with the whole repository: then nothing may count as read.
            self.client.get(self.path)
            return None

    def _add(
        self,
        outcome: Outcome,
        run: Run,
        attempt: Run,
        jobs: list[dict[str, Any]],
        following: Run | None,
    ) -> None:
        number = attempt_number(attempt)
        record = run_record(
            attempt,
            repository=self.repository,
            repository_id=self.repository_id,
            run_created_at=run.get("created_at"),
            jobs=jobs,
        )
        outcome.attempts += 1
        if self.wanted.runs:
            outcome.records.append(("workflow_runs", record))
        for job in jobs:
            if self.wanted.jobs:
                made = job_record(job, repository=self.repository, attempt=number)
                outcome.records.append(("workflow_jobs", made))
            if self.wanted.steps:
                steps = step_records(job, repository=self.repository, attempt=number)
                outcome.records += [("workflow_steps", step) for step in steps]
        if self.coverage is not None:
            until = None if following is None else began(following)
            reports = self.coverage.read(self.path, record, until)
            outcome.records += [("coverage_snapshots", report) for report in reports]

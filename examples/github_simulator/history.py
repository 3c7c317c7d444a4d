"""Made-up histories of a repository, full of what extractors lose runs to."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from github_simulator.clock import Clock
from github_simulator.model import JobPlan
from github_simulator.world import DAY, RERUN_DAYS, World

if TYPE_CHECKING:
    from github_simulator.model import Run, Workflow

NAME = "octo-org/telemetry-demo"
START = 1_780_000_000
HOUR = 3_600
BURST = 40
"""About how many runs come in a burst."""
MAX_RERUNS = 5


@dataclass(frozen=True)
class Shape:
    """How a history is to look."""

    seed: int
    runs: int = 600
    days: int = 40
    bursts: float = 0.4
    """Share of runs that come dozens in a second."""
    reruns: float = 0.08
    deletions: float = 0.03
    touches: float = 0.05
    slow: float = 0.04
    """Share of runs that stay unfinished for hours or days."""
    poison: float = 0.0
    """Share of runs whose jobs answer 502 for days."""
    lacking: float = 0.0
    """Share of runs whose payload lacks its creation for days."""
    laggards: float = 0.0
    """Share of jobs that are shown as running for days after their run has ended."""
    retention_days: int | None = None


class History:
    """A world whose past and future are planned, and the instants between which it happens."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.dice = random.Random(shape.seed)
        self.start = START
        self.end = START + shape.days * DAY
        self.world = World(seed=shape.seed, clock=Clock(self.start))
        self.repository = self.world.add_repository(NAME, retention_days=shape.retention_days)
        names = ("CI", "Lint", "Deploy", "Nightly")
        self.workflows = [self.world.add_workflow(self.repository, name) for name in names]
        for moment in self._creations():
            self._live(self.dice.choice(self.workflows), moment)

    def last_end(self) -> int:
        """Return the instant after which nothing happens any more."""
        ends = [
            max(job.reported for job in attempt.jobs) if attempt.jobs else attempt.ended
            for run in self.world.runs.values()
            for attempt in run.attempts
        ]
        ends += [max(run.poisoned_until, run.lacks_until) for run in self.world.runs.values()]
        ends += [run.attempts[-1].moments[-1] for run in self.world.runs.values()]
        return max([self.end, *ends])

    def _creations(self) -> list[int]:
        """Return when runs are created: alone, or dozens within a second or two."""
        moments: list[int] = []
        while len(moments) < self.shape.runs:
            moment = self.dice.randrange(self.start + 1, self.end)
            size = 1
            if self.dice.random() < self.shape.bursts / BURST:
                size = self.dice.randrange(BURST // 2, 2 * BURST)
            spread = self.dice.choice((1, 1, 2, 5))
            moments += [moment + self.dice.randrange(spread) for _ in range(size)]
        return sorted(moments[: self.shape.runs])

    def _live(self, workflow: Workflow, moment: int) -> None:
        dice, shape = self.dice, self.shape
        kind = dice.choices(("usual", "without jobs", "invalid"), (98, 1, 1))[0]
        run = self.world.add_run(
            workflow,
            created=moment,
            jobs=[] if kind == "without jobs" else self._jobs(),
            event=dice.choice(("push", "pull_request", "schedule")),
            branch=dice.choice(("main", "feature", None)),
            actor=dice.choice(("octocat", "hubot", None)),
            title=f"Change {moment}",
            pull_requests=dice.choice(((), (), (17,), (17, 4))),
            head_repository=dice.choice(("", "", "fork/telemetry-demo", None)),
            waiting=dice.randrange(HOUR, 3 * DAY) if dice.random() < shape.slow / 4 else 0,
            invalid_file=kind == "invalid",
        )
        while run.attempts[-1].number <= MAX_RERUNS and dice.random() < shape.reruns:
            self._rerun(run)
        if dice.random() < shape.touches and run.attempts[-1].jobs:
            self.world.touch(run, at=run.attempts[-1].ended + dice.randrange(1, 60 * DAY))
        # A share of nothing takes no dice: the histories of earlier seeds stay as they were.
        if shape.poison and dice.random() < shape.poison:
            run.poisoned_until = moment + dice.randrange(HOUR, 6 * DAY)
        if shape.lacking and dice.random() < shape.lacking:
            run.lacks, run.lacks_until = ("created_at",), moment + dice.randrange(HOUR, 4 * DAY)
        if dice.random() < shape.deletions:
            self.world.delete_run(run, at=dice.randrange(moment + 1, moment + 20 * DAY))

    def _rerun(self, run: Run) -> None:
        """Run again: at once, after hours, or so late that the run is long behind any bookmark."""
        dice = self.dice
        last = run.attempts[-1]
        pause = dice.choice(
            (dice.randrange(1, 300), dice.randrange(10 * HOUR), dice.randrange(25 * DAY))
        )
        at = last.ended + pause
        if any(job.reported > at for job in last.jobs) or at > run.created + RERUN_DAYS * DAY:
            return
        again = {plan.name: plan for plan in self._jobs()}
        self.world.rerun(
            run,
            at=at,
            jobs=again,
            only_failed=dice.choice((True, False)),
            actor=dice.choice(("octocat", "monalisa")),
        )

    def _jobs(self) -> list[JobPlan]:
        dice = self.dice
        return [
            JobPlan(
                f"job {number}",
                seconds=self._seconds(),
                queued=dice.choice((0, 1, 3, 40, 900)),
                conclusion=dice.choices(
                    ("success", "failure", "cancelled", "skipped", "neutral"), (70, 15, 4, 10, 1)
                )[0],
                delay=dice.choice((0, 0, 5, 600)),
                report_lag=self._lag(),
                labels=dice.choice((("ubuntu-latest",), ("self-hosted", "gpu"), ())),
            )
            for number in range(dice.choice((1, 1, 2, 3)))
        ]

    def _lag(self) -> int:
        lag = self.dice.choice((0, 0, 0, 0, 0, 0, 0, 20))
        if self.shape.laggards and self.dice.random() < self.shape.laggards:
            return self.dice.randrange(HOUR, 5 * DAY)
        return lag

    def _seconds(self) -> int:
        if self.dice.random() < self.shape.slow:
            return self.dice.randrange(HOUR, 6 * DAY)
        return self.dice.randrange(0, 1_200)

"""Runs come, end, are re-run and go while the pages of a listing are being read."""

from __future__ import annotations

import os
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from github_simulator import Clock, Fault, JobPlan, Simulator, World, final_records, iso
from github_simulator.history import HOUR, NAME
from github_simulator.world import DAY
from support.github import NOON
from support.github_tap import Warehouse, settings, sync

if TYPE_CHECKING:
    from github_simulator import Run, Workflow

FULL = os.environ.get("TELEMETRY_PROOF") == "full"
RUNS = 330
LISTING = "/actions/runs[?]"


@dataclass(frozen=True)
class Event:
    """Something that happens just before a page is read."""

    page: int
    kind: str
    places: tuple[int, ...]
    """Which runs it happens to, counted from the newest."""


class Repository:
    """A repository whose listing is several pages long, with many runs in each second."""

    def __init__(self, a_second: int) -> None:
        self.world = World(seed=5, clock=Clock(NOON))
        repository = self.world.add_repository(NAME)
        self.workflows: list[Workflow] = [
            self.world.add_workflow(repository, name) for name in ("CI", "Lint")
        ]
        first = NOON - 5 * DAY
        self.runs: list[Run] = []
        for number in range(RUNS):
            self._create(number % 2, first + number // a_second * 60)
        self.dice = random.Random(5)  # noqa: S311 - a made-up history

    def _create(self, workflow: int, moment: int) -> None:
        jobs = [JobPlan("test", seconds=20)]
        self.runs.append(self.world.add_run(self.workflows[workflow], created=moment, jobs=jobs))

    def happen(self, event: Event) -> None:
        now = self.world.clock.advance(2)
        for place in event.places:
            if event.kind == "create":
                self._create(place % 2, now)
                continue
            run = self.runs[-1 - place % len(self.runs)]
            if run.deleted is not None:
                continue
            if event.kind == "delete":
                self.world.delete_run(run)
            elif run.attempts[-1].ended < now:
                self.world.rerun(run, only_failed=place % 3 == 0)


events = st.lists(
    st.builds(
        Event,
        page=st.integers(0, 6),
        kind=st.sampled_from(["create", "delete", "delete", "rerun"]),
        places=st.lists(st.integers(0, RUNS), min_size=1, max_size=8).map(tuple),
    ),
    max_size=5,
)


@pytest.mark.proof
@pytest.mark.timeout(3_600)
@hypothesis_settings(
    max_examples=200 if FULL else 4,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=not FULL,
)
@given(
    backfill=events,
    between=st.lists(st.integers(0, RUNS), max_size=40).map(tuple),
    sweep=events,
    a_second=st.sampled_from([1, 7, 60, 130]),
)
@example(
    # Deletions move re-run runs from the third page to the second when that has been read.
    backfill=[Event(2, "delete", (3, 30, 60))],
    between=(203, 204, 205, 206, 320),
    sweep=[Event(2, "delete", tuple(range(90, 98)))],
    a_second=1,
)
@example(
    backfill=[Event(1, "create", (0, 1, 2))],
    between=tuple(range(60, 260)),
    sweep=[Event(0, "rerun", (5, 70)), Event(3, "delete", (1, 2))],
    a_second=60,
)
def test_nothing_slips_through_between_two_pages(
    backfill: list[Event], between: tuple[int, ...], sweep: list[Event], a_second: int
) -> None:
    repository = Repository(a_second)
    world, warehouse = repository.world, Warehouse()
    with Simulator(world) as simulator:
        config = settings(simulator, repositories=[NAME], start_date=iso(NOON - 30 * DAY))
        for happening in (backfill, sweep, []):
            simulator.faults.clear()
            for event in happening:
                strike = Fault.meanwhile(
                    lambda event=event: repository.happen(event), match=LISTING, after=event.page
                )
                simulator.faults.add(strike)
            warehouse.load(sync(simulator, config, warehouse.state))
            if happening is backfill:
                world.clock.advance(HOUR)
                repository.happen(Event(0, "rerun", between))
            world.clock.advance(26 * HOUR)
    lost = final_records(world)["workflow_runs"].keys() - warehouse.rows["workflow_runs"].keys()
    assert lost == set()
    lost_jobs = (
        final_records(world)["workflow_jobs"].keys() - warehouse.rows["workflow_jobs"].keys()
    )
    assert lost_jobs == set()

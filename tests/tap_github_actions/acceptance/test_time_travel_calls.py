"""What a sync costs: requests are counted, not trusted to be few."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from github_simulator import Clock, Simulator, final_records, iso
from github_simulator.history import HOUR, NAME, History, Shape
from github_simulator.world import DAY
from support.github_tap import Warehouse, settings, sync

if TYPE_CHECKING:
    from collections.abc import Iterator

FULL = os.environ.get("TELEMETRY_PROOF") == "full"
PAGE = 100
SLACK = 1.05
QUIET = 3


@dataclass
class Month:
    """Thirty days of history that have been lived, with nothing to come."""

    history: History
    simulator: Simulator

    def config(self, **more: Any) -> dict[str, Any]:
        start = {"start_date": iso(self.history.start), **more}
        return settings(self.simulator, repositories=[NAME], **start)

    def calls(self, pattern: str = "") -> int:
        return self.simulator.log.count(pattern)


@pytest.fixture(scope="module")
def month() -> Iterator[Month]:
    shape = Shape(
        seed=3,
        runs=10_000 if FULL else 1_200,
        days=30,
        bursts=0.3,
        deletions=0,
        touches=0,
        reruns=0.06,
        slow=0,
    )
    history = History(shape)
    history.world.clock = Clock(history.last_end() + HOUR)
    with Simulator(history.world) as simulator:
        simulator.callers.add_token("a-token", limit=10**6)
        yield Month(history, simulator)


@pytest.fixture(autouse=True)
def _nothing_asked_yet(month: Month) -> None:
    month.simulator.log.clear()


@pytest.mark.proof
@pytest.mark.timeout(1_200)
def test_a_first_sync_costs_a_call_a_hundred_runs_one_an_attempt_and_one_an_earlier_attempt(
    month: Month,
) -> None:
    output = sync(month.simulator, month.config(), {})
    attempts = final_records(month.history.world)["workflow_runs"]
    runs = {run for run, _ in attempts}
    assert len(output.records("workflow_runs")) == len(attempts)
    expected = -(-len(runs) // PAGE) + len(attempts) + (len(attempts) - len(runs))
    assert month.calls() <= SLACK * expected


@pytest.mark.proof
@pytest.mark.timeout(1_200)
def test_a_sync_with_nothing_new_costs_three_calls_at_most(month: Month) -> None:
    warehouse = Warehouse()
    warehouse.load(sync(month.simulator, month.config(), {}))
    clock = month.history.world.clock
    for _ in range(3):
        month.simulator.log.clear()
        clock.advance(15 * 60)
        output = sync(month.simulator, month.config(), warehouse.state)
        warehouse.load(output)
        assert month.calls() <= QUIET
        assert output.records("workflow_runs") == []


def test_deselected_jobs_and_steps_cost_nothing(month: Month) -> None:
    off = ("workflow_jobs", "workflow_steps")
    output = sync(month.simulator, month.config(), {}, deselected=off)
    assert output.records("workflow_jobs") == []
    assert output.records("workflow_runs") != []
    assert month.calls("/jobs") == 0


def test_a_start_date_moved_back_fetches_only_the_gap(month: Month) -> None:
    world = month.history.world
    middle = month.history.start + 15 * DAY
    warehouse = Warehouse()
    late = month.config(start_date=iso(middle))
    warehouse.load(sync(month.simulator, late, {}))
    assert set(warehouse.rows["workflow_runs"]) == set(
        final_records(world, since=middle)["workflow_runs"]
    )
    known = {run for run, _ in warehouse.rows["workflow_runs"]}
    month.simulator.log.clear()
    warehouse.load(sync(month.simulator, month.config(), warehouse.state))
    assert set(warehouse.rows["workflow_runs"]) == set(final_records(world)["workflow_runs"])
    asked = {int(entry.path.split("/")[6]) for entry in month.simulator.log.matching("/jobs$")}
    assert asked.isdisjoint(known)


def test_where_nothing_was_deleted_nothing_is_missing(month: Month) -> None:
    """Many runs share a second, and GitHub shows them in another order on each page."""
    for days in range(0, 30, 3):
        start = iso(month.history.start + days * DAY)
        config = month.config(start_date=start)
        output = sync(month.simulator, config, {}, deselected=("workflow_jobs", "workflow_steps"))
        (partition,) = output.states[-1]["bookmarks"]["workflow_runs"]["partitions"]
        assert "missing" not in partition

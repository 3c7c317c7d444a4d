"""The proof: whatever happens between and during syncs, in the end every record is there, and true.

A month of made-up history is planned in advance. Syncs happen at random instants in it, with time
passing between requests, one request in ten failing, and most syncs killed somewhere. What a target
would have stored is compared with the simulator's truth, field by field.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from github_simulator import Fault, ListingRules, Simulator, Stutter, final_records, iso
from github_simulator.history import HOUR, NAME, History, Shape
from github_simulator.truth import possible_updates
from github_simulator.world import DAY
from support.github_tap import Output, Warehouse, settings, sync, sync_and_kill
from support.github_unreadable import Witness

if TYPE_CHECKING:
    from pathlib import Path

FULL = os.environ.get("TELEMETRY_PROOF") == "full"
CUT_SHARE = 0.7
MAX_CONCURRENCY = 4
MAX_STATE_BYTES = 2_048
EARLY = ("started_at", "completed_at", "duration_seconds", "status", "conclusion", "queued_seconds")
STREAMS = ("repositories", "workflows", "workflow_runs", "workflow_jobs", "workflow_steps")


def faults() -> list[Fault]:
    """Return everything that goes wrong."""
    return [
        Fault.server_error(500),
        Fault.server_error(502),
        Fault.server_error(503),
        Fault.cut_body(),
        Fault.disconnect(),
        Fault.garbage(),
        Fault.secondary_limit(),
        Fault.secondary_limit(status=429, retry_after=3),
        Fault.secondary_limit(retry_after=5, as_date=True),
        Fault.primary_limit(seconds=40),
        Fault.primary_limit(seconds=20, status=429),
        Fault.empty_listing(),
    ]


class Traveller:
    """Syncs at instants of a history, and keeps what a target would have stored."""

    def __init__(self, history: History, simulator: Simulator) -> None:
        self.history = history
        self.simulator = simulator
        self.dice = history.dice
        self.warehouse = Warehouse()
        self.config = settings(
            simulator,
            repositories=[NAME],
            start_date=iso(history.start),
            max_wait_seconds=7_200,
        )
        self.pace = 0.0
        simulator.faults.add(Fault.meanwhile(self._pass_time, times=None))

    def _pass_time(self) -> None:
        self.history.world.clock.advance(self.dice.uniform(0, self.pace))

    def visit(self, moment: int, *, pace: float = 4.0, cut: bool = False) -> Output:
        """Sync at an instant, or later when the clock is past it; lose the end when cut."""
        clock = self.history.world.clock
        clock.set(max(moment, clock.now()))
        self.pace = pace
        output = sync(self.simulator, self.config, self.warehouse.state)
        if cut:
            output = output.cut(self.dice.randrange(len(output.messages) + 1))
            lost = self.dice.choice((None, self.dice.randrange(1 + len(output.states))))
            self.warehouse.load(output, lost_after=lost)
        else:
            self.warehouse.load(output)
        return output

    def settle(self, *, pause: int = 26 * HOUR) -> None:
        """Let everything end, and sync twice without any failure."""
        self.simulator.faults.clear()
        self.simulator.stutter.calm_down()
        for _ in range(2):
            clock = self.history.world.clock
            moment = max(self.history.last_end(), clock.now()) + pause
            output = self.visit(moment, pace=0)
            assert output.error is None, output.error


def differences(history: History, warehouse: Warehouse) -> list[str]:
    """Return how what was stored differs from the truth; nothing when it does not."""
    world = history.world
    wanted = final_records(world)
    possible = final_records(world, deleted=True)
    now = world.clock.now()
    updates = {
        (run.id, attempt.number): possible_updates(attempt, now)
        for run in world.runs.values()
        for attempt in run.attempts
    }
    executed = {
        (run.id, attempt.number)
        for run in world.runs.values()
        for attempt in run.attempts
        if any(job.executed for job in attempt.jobs)
    }
    found: list[str] = []
    for stream in STREAMS:
        stored = warehouse.rows.get(stream, {})
        found += [f"{stream} {key} was lost" for key in wanted[stream].keys() - stored.keys()]
        found += [f"{stream} {key} is not true" for key in stored.keys() - possible[stream].keys()]
        for key in stored.keys() & possible[stream].keys():
            for row in stored[key]:
                truth = dict(possible[stream][key])
                may_be_early = row is not stored[key][-1] or key not in wanted[stream]
                if may_be_early and is_early(stream, row, truth):
                    # GitHub had not said yet when the last job ended, or the run was gone by then.
                    truth |= {name: row[name] for name in EARLY if name in row}
                if stream == "workflow_runs":
                    if row["github_updated_at"] in updates[key]:
                        truth["github_updated_at"] = row["github_updated_at"]
                    ends = {*updates[key], truth["started_at"]}
                    if key not in executed and row["completed_at"] in ends:
                        # Without jobs the end is `updated_at` as it was first seen, unless that
                        # was later than a run can live.
                        truth["completed_at"] = row["completed_at"]
                        truth["duration_seconds"] = seconds(row["started_at"], row["completed_at"])
                found += [
                    f"{stream} {key}: {name} is {row.get(name)!r}, not {value!r}"
                    for name, value in truth.items()
                    if row.get(name) != value
                ]
                found += [f"{stream} {key}: {name} is extra" for name in row.keys() - truth.keys()]
    return found


def is_early(stream: str, row: dict[str, Any], truth: dict[str, Any]) -> bool:
    """Whether a row was true when it was written, before a job ended that GitHub showed late."""
    if stream not in {"workflow_runs", "workflow_jobs"}:
        return False
    if row["completed_at"] is None:
        return True
    return stream == "workflow_runs" and row["completed_at"] < truth["completed_at"]


def seconds(start: str, end: str) -> float:
    first, last = (datetime.fromisoformat(each.replace("Z", "+00:00")) for each in (start, end))
    return max((last - first).total_seconds(), 0)


@dataclass(frozen=True)
class Journey:
    """A history, and how it is travelled through."""

    shape: Shape
    syncs: int
    unfiltered_cap: int = 40_000


def travel(journey: Journey) -> Traveller:
    """Sync at random instants with failures and cuts, then let everything settle."""
    history = History(journey.shape)
    rules = ListingRules(unfiltered_cap=journey.unfiltered_cap)
    with Simulator(history.world, rules=rules) as simulator:
        traveller = Traveller(history, simulator)
        moments = [history.dice.randrange(history.start, history.end) for _ in range(journey.syncs)]
        simulator.faults.add_random(0.1, faults(), seed=journey.shape.seed)
        for moment in sorted(moments):
            traveller.visit(moment, cut=history.dice.random() < CUT_SHARE)
        traveller.settle()
        assert simulator.log.during_pauses() == []
        assert simulator.log.max_in_flight <= MAX_CONCURRENCY
    return traveller


@pytest.mark.proof
@pytest.mark.timeout(7_200)
def test_every_final_record_is_stored_and_true_after_thirty_broken_syncs() -> None:
    if FULL:
        journey = Journey(Shape(seed=7, runs=20_000, bursts=0.6), syncs=30, unfiltered_cap=8_000)
    else:
        # The cap of the plain listing shrinks along with the history, so that it is met too.
        journey = Journey(Shape(seed=7, runs=900, bursts=0.6), syncs=12, unfiltered_cap=500)
    traveller = travel(journey)
    assert differences(traveller.history, traveller.warehouse) == []
    state = json.dumps(traveller.warehouse.state["bookmarks"]["workflow_runs"]["partitions"][0])
    assert len(state) < MAX_STATE_BYTES


shapes = st.builds(
    Shape,
    seed=st.integers(0, 2**32),
    runs=st.integers(1, 150),
    days=st.integers(1, 45),
    bursts=st.sampled_from([0.0, 1.0]),
    reruns=st.sampled_from([0.0, 0.2, 0.6]),
    deletions=st.sampled_from([0.0, 0.1, 0.4]),
    slow=st.sampled_from([0.0, 0.3]),
)
journeys = st.builds(
    Journey,
    shape=shapes,
    syncs=st.integers(0, 8),
    unfiltered_cap=st.sampled_from([40_000, 100]),
)


@pytest.mark.proof
@pytest.mark.timeout(7_200)
@hypothesis_settings(
    max_examples=150 if FULL else 6,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=not FULL,
)
@given(journeys)
def test_any_small_history_is_stored_whole(journey: Journey) -> None:
    traveller = travel(journey)
    assert differences(traveller.history, traveller.warehouse) == []


def open_gaps(warehouse: Warehouse) -> list[dict[str, Any]]:
    """Return the gaps that are open, as a target has them."""
    rows = [rows[-1] for rows in warehouse.rows.get("github_gaps", {}).values()]
    return [row for row in rows if row["resolved_at"] is None]


@pytest.mark.proof
@pytest.mark.timeout(7_200)
@pytest.mark.parametrize("seed", range(20) if FULL else [1, 2])
def test_a_github_that_stutters_in_every_way_loses_nothing(seed: int) -> None:
    """False 404s, empty lists, bad runs, late jobs, retention, 900 a minute, other tokens."""
    shape = Shape(
        seed=seed,
        runs=2_000 if FULL else 350,
        days=40,
        poison=0.03,
        lacking=0.02,
        laggards=0.03,
        retention_days=30,
    )
    history = History(shape)
    stutter = Stutter(hidden=0.03, emptied=0.03, seed=seed)
    with Simulator(history.world, stutter=stutter) as simulator:
        simulator.secondary.points_per_minute = 900
        traveller = Traveller(history, simulator)
        simulator.faults.add_random(0.05, faults(), seed=seed)
        witness = Witness(simulator)
        seen = whole = 0
        for number in range(16):
            traveller.config["auth_token"] = f"token-{number}"
            moment = history.start + (number + 1) * shape.days * DAY // 16
            clock = history.world.clock
            clock.set(max(moment, clock.now()))
            began, first = clock.exact(), simulator.log.count()
            is_cut = history.dice.random() < CUT_SHARE / 2
            output = traveller.visit(moment, cut=is_cut)
            visit = witness.look(began, first)
            gaps = open_gaps(traveller.warehouse)
            seen += len(gaps)
            assert witness.unexplained(gaps) == []
            if not is_cut and output.error is None:
                whole += 1
                assert witness.outdated(visit, gaps) == []
                assert witness.untold(visit, gaps) == []
        assert seen > 0
        assert whole > 0
        traveller.settle(pause=8 * DAY)
        assert simulator.log.during_pauses() == []
    assert open_gaps(traveller.warehouse) == []
    assert differences(history, traveller.warehouse) == []


@pytest.mark.proof
@pytest.mark.timeout(1_200)
def test_a_real_process_killed_again_and_again_loses_nothing(tmp_path: Path) -> None:
    history = History(Shape(seed=11, runs=3_000 if FULL else 300, days=20))
    dice, clock = history.dice, history.world.clock
    clock.set(history.end)
    with Simulator(history.world) as simulator:
        traveller = Traveller(history, simulator)
        kills = 0
        for _ in range(12 if FULL else 3):
            output = sync_and_kill(
                simulator,
                traveller.config,
                traveller.warehouse.state,
                tmp_path,
                requests=dice.randrange(1, history.shape.runs // 2),
            )
            kills += output.was_killed
            traveller.warehouse.load(output)
            clock.advance(dice.randrange(10, DAY))
        assert kills > 0
        traveller.settle()
    assert differences(history, traveller.warehouse) == []

"""What a tap's records lack, compared with the simulator's truth."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from github_simulator import final_records, iso

if TYPE_CHECKING:
    from bench.github.contenders import Contender
    from github_simulator import World

Row = dict[str, Any]


@dataclass
class Stored:
    """The rows that a target keyed like the tap's streams would hold."""

    contender: Contender
    runs: dict[tuple[int, int], Row] = field(default_factory=dict)
    jobs: dict[int, Row] = field(default_factory=dict)

    def add(self, messages: list[Row]) -> None:
        """Store the records of a sync; a later one replaces an earlier one of the same key."""
        names = self.contender
        for message in messages:
            if message["type"] != "RECORD":
                continue
            record = message["record"]
            if message["stream"] == names.runs:
                # Without an attempt in the key, each attempt overwrites the one before.
                key = (record[names.run_id], record.get("run_attempt") or 0)
                self.runs[key] = record
            elif message["stream"] == names.jobs:
                self.jobs[record[names.job_id]] = record


@dataclass(frozen=True)
class Losses:
    """Counts of what is not there, and of what is there but was never finished."""

    runs: int
    attempts: int
    jobs: int
    unfinished: int


def losses(world: World, stored: Stored) -> Losses:
    """Compare what is stored with everything that GitHub still shows."""
    truth = final_records(world)
    runs = {run for run, _ in truth["workflow_runs"]}
    seen = {run for run, _ in stored.runs}
    finished = {row_attempt(world, key, row) for key, row in stored.runs.items() if is_done(row)}
    done = {number for number, row in stored.jobs.items() if is_done(row)}
    open_runs = sum(run in runs and not is_done(row) for (run, _), row in stored.runs.items())
    open_jobs = sum(
        number in truth_jobs(truth) and not is_done(row) for number, row in stored.jobs.items()
    )
    return Losses(
        runs=len(runs - seen),
        attempts=len(truth["workflow_runs"].keys() - finished),
        jobs=len(truth_jobs(truth) - done),
        unfinished=open_runs + open_jobs,
    )


def truth_jobs(truth: dict[str, dict[tuple[Any, ...], Row]]) -> set[int]:
    """Return the ids of all jobs there must be."""
    return {number for (number,) in truth["workflow_jobs"]}


def is_done(row: Row) -> bool:
    """Whether a row says how it ended."""
    return row.get("status") == "completed"


def row_attempt(world: World, key: tuple[int, int], row: Row) -> tuple[int, int]:
    """Return which attempt a row is about, told by its times where it does not say."""
    number, attempt = key
    if attempt or number not in world.runs:
        return key
    shown = normal(str(row["updated_at"]))
    for each in world.runs[number].attempts:
        if any(iso(moment) == shown for moment in each.moments):
            attempt = each.number
    return number, attempt


def normal(text: str) -> str:
    """Return a time as the simulator writes it."""
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return iso(int(moment.timestamp()))

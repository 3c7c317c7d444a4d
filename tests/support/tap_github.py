"""Runs tap-github-actions against the simulator, in this process and in simulated time."""

from __future__ import annotations

import io
import json
from collections import defaultdict
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tap_github_actions.tap import TapGitHubActions

if TYPE_CHECKING:
    from github_simulator import Clock, Simulator

KEYS = {
    "workflow_runs": ("github_run_id", "run_attempt"),
    "workflow_jobs": ("github_job_id",),
    "workflow_steps": ("github_job_id", "step_number"),
    "workflows": ("workflow_id",),
    "coverage_snapshots": ("snapshot_id",),
    "repositories": ("repository_id",),
    "github_gaps": ("gap_id",),
    "pull_requests": ("pull_request_id",),
    "deployments": ("deployment_id",),
    "job_annotations": ("annotation_id",),
    "billing_usage": ("usage_id",),
}


class MovedClock:
    """The tap's clock: waiting moves the simulated world instead of taking time."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self.clock.exact()

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.clock.advance(seconds)


@dataclass
class Output:
    """What one run of the tap wrote."""

    lines: list[dict[str, Any]] = field(default_factory=list)
    error: Exception | None = None
    slept: list[float] = field(default_factory=list)

    @property
    def records(self) -> dict[str, dict[tuple[Any, ...], dict[str, Any]]]:
        """The records by stream and key, as a target would store them."""
        found: dict[str, dict[tuple[Any, ...], dict[str, Any]]] = defaultdict(dict)
        for stream, record in self.emitted:
            found[stream][tuple(record[name] for name in KEYS[stream])] = record
        return found

    @property
    def emitted(self) -> list[tuple[str, dict[str, Any]]]:
        """Every record, in order, repetitions included."""
        return [(line["stream"], line["record"]) for line in self.lines if line["type"] == "RECORD"]

    @property
    def states(self) -> list[dict[str, Any]]:
        """Every state, in order."""
        return [line["value"] for line in self.lines if line["type"] == "STATE"]

    @property
    def state(self) -> dict[str, Any]:
        """The last state."""
        return self.states[-1]

    @property
    def bookmark(self) -> dict[str, Any]:
        """The last bookmark of the only repository."""
        (only,) = self.state["bookmarks"]["workflow_runs"]["partitions"]
        return only


def run_tap(
    simulator: Simulator,
    state: dict[str, Any] | None = None,
    *,
    catalog: dict[str, Any] | None = None,
    raises: bool = True,
    **config: Any,
) -> Output:
    """Run the tap once, and return what it wrote."""
    names = [each.full_name for each in simulator.world.repositories.values()]
    settings = {"api_url_base": simulator.url, "auth_token": "t0ken", "repositories": names}
    tap = TapGitHubActions(
        config={key: value for key, value in (settings | config).items() if value is not None},
        state=json.loads(json.dumps(state)) if state else None,
        catalog=catalog,
    )
    clock = MovedClock(simulator.world.clock)
    tap.clock = clock
    output = Output(slept=clock.slept)
    stdout = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    with redirect_stdout(stdout):
        try:
            tap.read_everything()
        except Exception as error:
            if raises:
                raise
            output.error = error
    stdout.seek(0)
    output.lines = [json.loads(line) for line in stdout]
    return output

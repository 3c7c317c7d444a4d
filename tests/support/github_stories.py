"""Worlds that a state of tap-github-actions was made in, and what happens in them after it.

Ids and instants are the same on every machine, for states hold them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from github_simulator import Clock, Fault, Simulator, World

if TYPE_CHECKING:
    from collections.abc import Callable

    from github_simulator import Run, Workflow

DAY, HOUR, MINUTE = 86_400, 3_600, 60
NOON = 1_780_000_000
LONG_AGO = "2026-01-01T00:00:00Z"


def _nothing(_simulator: Simulator) -> None:
    """Let everything be as it is."""


@dataclass(frozen=True)
class Story:
    """A world at two moments, and how the tap was set up at the first."""

    before: Callable[[World], None]
    after: Callable[[World], None]
    #: Which of the run's states was kept; None for the last.
    state: int | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    later_settings: dict[str, Any] = field(default_factory=dict)
    #: How many records lie on the state's border: a look begins with the last one's end.
    again: dict[str, int] = field(default_factory=dict)
    #: What went wrong with GitHub while the state was made.
    trouble: Callable[[Simulator], None] = _nothing


def fill(
    world: World, workflow: Workflow, count: int, *, since: int = 20 * DAY, until: int = HOUR
) -> list[Run]:
    """Runs, evenly spread over a time before now."""
    now = world.clock.now()
    step = (since - until) // max(count, 1)
    return [world.add_run(workflow, created=now - since + number * step) for number in range(count)]


def _repository(world: World, name: str, *, runs: int = 12) -> Workflow:
    workflow = world.add_workflow(world.add_repository(f"octo-org/{name}"), "CI")
    fill(world, workflow, runs)
    return workflow


def _one(world: World) -> None:
    workflow = _repository(world, "app", runs=30)
    repository = workflow.repository
    nightly = world.add_workflow(repository, "Nightly")
    runs = fill(world, nightly, 8, since=6 * DAY)
    world.rerun(runs[0], at=runs[0].attempts[-1].ended + HOUR)
    world.rerun(runs[5], at=runs[5].attempts[-1].ended + MINUTE, only_failed=True)
    world.delete_run(runs[3], at=NOON - HOUR)
    # One that is under way when the state is made.
    world.add_run(workflow, created=NOON - 30)


def _one_later(world: World) -> None:
    world.clock.advance(2 * HOUR)
    for workflow in next(iter(world.repositories.values())).workflows:
        runs = [run for run in world.runs.values() if run.workflow is workflow]
        fill(world, workflow, 4, since=HOUR, until=10 * MINUTE)
        if runs[2].deleted is None:
            world.rerun(runs[2], at=world.clock.now() - HOUR)
    world.clock.advance(DAY)


def _busy(world: World) -> None:
    _repository(world, "app", runs=150)


def _long(world: World) -> None:
    _repository(world, "app", runs=450)


def _later(world: World) -> None:
    world.clock.advance(HOUR)
    for repository in list(world.repositories.values()):
        fill(world, repository.workflows[0], 2, since=40 * MINUTE, until=10 * MINUTE)
    world.clock.advance(HOUR)


def _many(world: World) -> None:
    for name in ("app", "api", "docs", "infra", "site", "tools"):
        _repository(world, name, runs=8)


def _one_is_down(simulator: Simulator) -> None:
    simulator.faults.add(Fault.refuse(500, match="/repos/octo-org/infra/actions/runs", times=None))


def _few_requests(simulator: Simulator) -> None:
    simulator.callers.add_token("t0ken", limit=90)


def _older(world: World) -> None:
    workflow = _repository(world, "app", runs=0)
    fill(world, workflow, 20, since=60 * DAY, until=25 * DAY)
    fill(world, workflow, 20)


STORIES = {
    "finished": Story(_one, _one_later),
    "nothing new": Story(_busy, lambda _world: None),
    "in the middle": Story(
        _long,
        _later,
        state=0,
        again={"workflow_runs": 1, "workflow_jobs": 1, "workflow_steps": 4},
    ),
    "stopped by the limit": Story(
        _busy, _later, settings={"max_wait_seconds": 0}, trouble=_few_requests
    ),
    "many repositories": Story(_many, _later),
    "in the middle of many": Story(
        _many, _later, settings={"max_wait_seconds": 0}, trouble=_few_requests
    ),
    "a repository that failed": Story(_many, _later, trouble=_one_is_down),
    "an earlier start": Story(
        _older,
        _later,
        settings={"start_date": "2026-05-10T00:00:00Z"},
        later_settings={"start_date": LONG_AGO},
    ),
}


def world_of(story: Story) -> World:
    """The story's world when the state was made."""
    world = World(clock=Clock(NOON))
    story.before(world)
    return world

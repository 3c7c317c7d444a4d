"""Pull requests, deployments, annotations and billed usage: only when selected, never a failure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from github_simulator import Clock, Deployment, JobPlan, PullRequest, Simulator, World, iso
from support.tap_github import run_tap
from tap_github_actions.tap import TapGitHubActions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from github_simulator import Repository

DAY, HOUR = 86_400, 3_600
NOON = 1_780_000_000
MORE = ("pull_requests", "deployments", "job_annotations", "billing_usage")


@pytest.fixture
def world() -> World:
    return World(clock=Clock(NOON))


@pytest.fixture
def repository(world: World) -> Repository:
    repository = world.add_repository("octo-org/app")
    workflow = world.add_workflow(repository, "CI")
    broken = JobPlan(
        "test",
        conclusion="failure",
        annotations=(("failure", "Process completed with exit code 1."),),
    )
    world.add_run(workflow, created=NOON - 2 * DAY)
    world.add_run(workflow, created=NOON - DAY, jobs=[broken, JobPlan("lint")])
    for number in range(130):
        made = NOON - 25 * DAY + number * HOUR
        merged = made + 2 * HOUR if number % 2 else None
        repository.pull_requests.append(
            PullRequest(
                id=9_000 + number,
                number=number + 1,
                created=made,
                updated=merged or made,
                state="closed" if merged else "open",
                merged=merged,
                first_commit=made - DAY,
            )
        )
    for number in range(3):
        made = NOON - (3 - number) * DAY
        states = [("in_progress", made + 10), (("success", "failure")[number % 2], made + 60)]
        repository.deployments.append(
            Deployment(70 + number, "production", f"{number:040x}", made, states)
        )
    world.usage["octo-org"] = [
        {
            "date": iso(NOON - day * DAY),
            "product": "Actions",
            "sku": "Actions Linux",
            "quantity": 10.1,
            "unitType": "minutes",
            "pricePerUnit": 0.006,
            "grossAmount": 0.1,
            "discountAmount": 0,
            "netAmount": 0.1,
            "organizationName": "octo-org",
            "repositoryName": "app",
        }
        for day in (1, 1, 40)
    ]
    return repository


@pytest.fixture
def github(world: World) -> Iterator[Simulator]:
    with Simulator(world) as simulator:
        yield simulator


def catalog(*more: str) -> dict[str, Any]:
    """Return the default catalog, with some streams selected besides."""
    found = TapGitHubActions(config={}, validate_config=False).catalog_dict
    for stream in found["streams"]:
        for entry in stream["metadata"]:
            if not entry["breadcrumb"] and stream["tap_stream_id"] in more:
                entry["metadata"]["selected"] = True
    return found


def test_by_default_they_cost_nothing(repository: Repository, github: Simulator) -> None:
    output = run_tap(github)
    assert not set(MORE) & set(output.records)
    for path in ("pulls", "deployments", "check-runs", "billing"):
        assert github.log.count(path) == 0


def test_a_pull_request_comes_with_its_size_and_its_first_commit(
    world: World, repository: Repository, github: Simulator
) -> None:
    chosen = catalog("pull_requests")
    output = run_tap(github, catalog=chosen)
    assert len(output.records["pull_requests"]) == 130
    record = output.records["pull_requests"][(9_001,)]
    pull = repository.pull_requests[1]
    assert record["merged_at"] == iso(pull.merged or 0)
    assert record["first_commit_at"] == iso(pull.first_commit)
    assert (record["additions"], record["deletions"]) == (10, 2)
    assert (record["author"], record["base_branch"]) == ("octocat", "main")
    assert github.log.count("/pulls/") == 260
    # Afterwards only what has changed.
    world.clock.advance(HOUR)
    pull = repository.pull_requests[0]
    pull.state, pull.merged, pull.updated = "closed", NOON + 60, NOON + 60
    github.log.clear()
    output = run_tap(github, output.state, catalog=chosen)
    assert list(output.records["pull_requests"]) == [(9_000,)]
    assert github.log.count("/pulls") == 3


def test_a_deployment_says_how_it_went_and_is_asked_for_again_while_it_goes_on(
    world: World, repository: Repository, github: Simulator
) -> None:
    chosen = catalog("deployments")
    going = Deployment(99, "production", "ab" * 20, NOON - 60, [("in_progress", NOON - 50)])
    repository.deployments.append(going)
    output = run_tap(github, catalog=chosen)
    rows = output.records["deployments"]
    assert [rows[(key,)]["state"] for key in (70, 71, 72, 99)] == [
        "success",
        "failure",
        "success",
        "in_progress",
    ]
    assert rows[(70,)]["succeeded_at"] == iso(NOON - 3 * DAY + 60)
    assert rows[(71,)]["failed_at"] == iso(NOON - 2 * DAY + 60)
    going.statuses += [("success", NOON + HOUR), ("inactive", NOON + HOUR + 5)]
    world.clock.advance(6 * HOUR)
    output = run_tap(github, output.state, catalog=chosen)
    (row,) = output.records["deployments"].values()
    assert (row["state"], row["succeeded_at"]) == ("success", iso(NOON + HOUR))


def test_failed_jobs_say_why(repository: Repository, github: Simulator) -> None:
    output = run_tap(github, catalog=catalog("job_annotations"))
    (note,) = output.records["job_annotations"].values()
    assert note["message"] == "Process completed with exit code 1."
    assert (note["job_name"], note["annotation_level"]) == ("test", "failure")
    assert github.log.count("check-runs") == 1


def test_billed_usage_comes_once_a_day_and_sku(
    world: World, repository: Repository, github: Simulator
) -> None:
    chosen = catalog("billing_usage")
    output = run_tap(github, catalog=chosen, start_date="2026-01-01T00:00:00Z")
    rows = list(output.records["billing_usage"].values())
    assert sorted(row["quantity"] for row in rows) == [10.1, 20.2]
    assert {row["repository"] for row in rows} == {"octo-org/app"}
    world.clock.advance(HOUR)
    github.log.clear()
    run_tap(github, output.state, catalog=chosen, start_date="2026-01-01T00:00:00Z")
    assert github.log.count("billing") == 0
    world.clock.advance(DAY)
    run_tap(github, output.state, catalog=chosen, start_date="2026-01-01T00:00:00Z")
    assert github.log.count("billing") == 2


def test_a_refused_owner_is_told_after_a_state_that_knows_it(
    world: World, repository: Repository, github: Simulator
) -> None:
    """A run that is killed in between would leave a gap that nothing ever closes."""
    world.usage.clear()
    known: list[bool] = []
    owners: dict[str, Any] = {}
    for line in run_tap(github, catalog=catalog("billing_usage")).lines:
        if line["type"] == "STATE":
            owners = line["value"]["bookmarks"].get("billing_usage", {}).get("owners", {})
        elif line["type"] == "RECORD" and line["record"].get("what") == "billing_usage":
            known.append("refused_since" in owners.get("octo-org", {}))
    assert known == [True]


def test_what_the_token_may_not_read_is_a_sentence_and_a_gap(
    world: World, repository: Repository, github: Simulator, caplog: pytest.LogCaptureFixture
) -> None:
    repository.denied = frozenset({"pulls", "deployments", "check-runs"})
    world.usage.clear()
    chosen = catalog(*MORE)
    output = run_tap(github, catalog=chosen)
    assert len(output.records["workflow_runs"]) == 2
    gaps = output.records["github_gaps"].values()
    assert {gap["what"] for gap in gaps} == set(MORE)
    for name in MORE[:3]:
        assert f"octo-org/app: no {name.replace('_', ' ')}" in caplog.text
    assert "octo-org: no billed usage" in caplog.text
    repository.denied = frozenset()
    world.usage["octo-org"] = []
    world.clock.advance(2 * DAY)
    workflow = repository.workflows[0]
    broken = JobPlan("test", conclusion="failure", annotations=(("failure", "No space left."),))
    world.add_run(workflow, created=NOON + DAY, jobs=[broken])
    output = run_tap(github, output.state, catalog=chosen)
    closed = output.records["github_gaps"].values()
    assert {gap["what"] for gap in closed if gap["resolved_at"]} == set(MORE)
    assert len(output.records["pull_requests"]) == 130
    assert len(output.records["deployments"]) == 3

"""Which repositories are read, in which order and how fast, and what is said about the API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from github_simulator import Clock, Fault, JobPlan, Simulator, World, final_records
from support.scripted_github import NAME, Answer, honest, scripted
from support.tap_github import Output, run_tap
from tap_github_actions.errors import ConfigError, RepositoryError
from tap_github_actions.tap import TapGitHubActions

if TYPE_CHECKING:
    from collections.abc import Iterator

DAY, HOUR, MINUTE = 86_400, 3_600, 60
NOON = 1_780_000_000


@pytest.fixture
def world() -> World:
    return World(clock=Clock(NOON))


@pytest.fixture
def github(world: World) -> Iterator[Simulator]:
    with Simulator(world) as simulator:
        yield simulator


def fill(world: World, name: str, count: int = 3, days: int = 20, **kind: Any) -> None:
    workflow = world.add_workflow(world.add_repository(name, **kind), "CI")
    for number in range(count):
        created = NOON - DAY * days + number * (days * DAY - HOUR) // max(count - 1, 1)
        world.add_run(workflow, created=created)


def names(output: Output) -> set[str]:
    return {row["repository"] for row in output.records["workflow_runs"].values()}


def test_what_is_excluded_is_not_read_however_it_is_named(world: World, github: Simulator) -> None:
    for name in ("octo-org/app", "octo-org/old", "octo-org/demo-1"):
        fill(world, name)
    output = run_tap(
        github,
        repositories=["octo-org/old"],
        organizations=["octo-org"],
        exclude_repositories=["octo-org/Demo-*", "octo-org/old"],
    )
    assert names(output) == {"octo-org/app"}


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, {"octo-org/app", "octo-org/kept", "octo-org/fork"}),
        ({"include_archived": False}, {"octo-org/app", "octo-org/fork"}),
        ({"include_forks": "false"}, {"octo-org/app", "octo-org/kept"}),
    ],
)
def test_archived_repositories_and_forks_can_be_left_out_of_an_organization(
    world: World, github: Simulator, settings: dict[str, Any], expected: set[str]
) -> None:
    fill(world, "octo-org/app")
    fill(world, "octo-org/kept", archived=True)
    fill(world, "octo-org/fork", fork=True)
    output = run_tap(github, repositories=None, organizations=["octo-org"], **settings)
    assert names(output) == expected


@pytest.mark.parametrize("status", [403, 404, 451])
def test_a_discovered_repository_that_is_refused_is_a_gap_and_no_failure(
    world: World, github: Simulator, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    fill(world, "octo-org/app")
    fill(world, "octo-org/secret", blocked=status)
    output = run_tap(github, repositories=None, organizations=["octo-org"])
    assert names(output) == {"octo-org/app"}
    (gap,) = output.records["github_gaps"].values()
    assert (gap["repository"], gap["what"]) == ("octo-org/secret", "repository")
    assert "1 of 2 repositories are not shown" in caplog.text
    next(each for each in world.repositories.values() if each.blocked).blocked = None
    world.clock.advance(HOUR)
    output = run_tap(github, output.state, repositories=None, organizations=["octo-org"])
    assert names(output) == {"octo-org/secret"}
    (gap,) = output.records["github_gaps"].values()
    assert gap["resolved_at"] is not None


def test_a_refused_repository_fails_the_run_where_a_person_wants_it_or_has_named_it(
    world: World, github: Simulator
) -> None:
    fill(world, "octo-org/app")
    fill(world, "octo-org/secret", blocked=403)
    for settings in (
        {"repositories": None, "organizations": ["octo-org"], "on_repository_error": "fail"},
        {"repositories": ["octo-org/secret"], "organizations": ["octo-org"]},
    ):
        output = run_tap(github, raises=False, **settings)
        assert isinstance(output.error, RepositoryError)
        assert names(output) == {"octo-org/app"}


def test_every_repository_has_its_last_day_before_any_goes_deeper(
    world: World, github: Simulator
) -> None:
    for number in range(60):
        fill(world, f"octo-org/r{number:02}", count=20)
    github.callers.add_token("t0ken", limit=200)
    output = run_tap(github, repositories=None, organizations=["octo-org"], rate_limit_reserve=0)
    last_day = {
        key
        for key, row in final_records(world, since=NOON - DAY)["workflow_runs"].items()
        if row["run_created_at"]
    }
    assert last_day
    assert last_day <= output.records["workflow_runs"].keys()
    together = dict(output.records["workflow_runs"])
    for _ in range(12):
        world.clock.advance(HOUR)
        output = run_tap(
            github,
            output.state,
            repositories=None,
            organizations=["octo-org"],
            rate_limit_reserve=0,
        )
        together |= output.records["workflow_runs"]
    assert together == final_records(world)["workflow_runs"]


def test_a_backfill_that_races_deletion_says_so(
    world: World, github: Simulator, caplog: pytest.LogCaptureFixture
) -> None:
    fill(world, "octo-org/app", count=300, days=80)
    github.callers.add_token("t0ken", limit=100)
    run_tap(github, start_date="2026-01-01T00:00:00Z")
    assert "1 repositories are not read back to 2026-01-01 yet" in caplog.text


def test_runs_that_github_deletes_with_time_are_no_loss(world: World, github: Simulator) -> None:
    fill(world, "octo-org/app", count=60, days=6, retention_days=3)
    output = run_tap(github)
    assert output.records["workflow_runs"] == final_records(world)["workflow_runs"]
    world.clock.advance(5 * DAY)
    assert not run_tap(github, output.state).records["workflow_runs"]


def test_a_busy_repository_leaves_the_others_their_share(world: World, github: Simulator) -> None:
    fill(world, "octo-org/busy", count=400, days=1)
    for number in range(10):
        fill(world, f"octo-org/r{number}", count=12)
    github.callers.add_token("t0ken", limit=300)
    output = run_tap(github, rate_limit_reserve=0)
    assert len(names(output)) == 11


def test_no_minute_has_more_requests_than_the_setting(world: World, github: Simulator) -> None:
    fill(world, "octo-org/app", count=260)
    github.secondary.points_per_minute = 100
    output = run_tap(github, max_requests_per_minute=95)
    assert len(output.records["workflow_runs"]) == 260
    assert github.log.during_pauses() == []
    assert [entry for entry in github.log.entries if entry.status == 403] == []


def test_a_sync_below_the_pace_never_waits(world: World, github: Simulator) -> None:
    fill(world, "octo-org/app", count=200)
    assert run_tap(github).slept == []


def test_two_hundred_waiting_runs_cost_little(world: World, github: Simulator) -> None:
    workflow = world.add_workflow(world.add_repository("octo-org/app"), "CI")
    for number in range(200):
        world.add_run(
            workflow, created=NOON - 9 * DAY + number * 60, jobs=[JobPlan("a")], waiting=25 * DAY
        )
    for number in range(150):
        world.add_run(workflow, created=NOON - HOUR + number)
    state = run_tap(github).state
    world.clock.advance(15 * MINUTE)
    github.log.clear()
    run_tap(github, state)
    assert len(github.log.entries) <= 10


def test_waiting_runs_are_noticed_when_they_end_though_no_sync_asks_for_each(
    world: World, github: Simulator
) -> None:
    workflow = world.add_workflow(world.add_repository("octo-org/app"), "CI")
    runs = [
        world.add_run(
            workflow, created=NOON - 2 * HOUR + n, jobs=[JobPlan("a")], waiting=(5 + n) * DAY
        )
        for n in range(10)
    ]
    state: Any = None
    found: set[int] = set()
    for _ in range(17):
        output = run_tap(github, state)
        state = output.state
        found |= {run for run, _ in output.records["workflow_runs"]}
        world.clock.advance(DAY)
    assert found == {run.id for run in runs}


def test_workflows_are_free_where_they_have_not_changed(world: World, github: Simulator) -> None:
    fill(world, "octo-org/app")
    state = run_tap(github).state
    world.clock.advance(HOUR)
    github.log.clear()
    run_tap(github, state)
    assert [each.status for each in github.log.matching("/workflows$")] == [304]


def test_with_another_token_the_newest_page_alone_tells_that_nothing_is_new(
    world: World, github: Simulator
) -> None:
    fill(world, "octo-org/app")
    state = run_tap(github).state
    world.clock.advance(HOUR)
    github.log.clear()
    run_tap(github, state, auth_token="another")
    assert len(github.log.entries) == 1


def test_a_new_workflow_is_asked_for_at_once(world: World, github: Simulator) -> None:
    fill(world, "octo-org/app")
    state = run_tap(github).state
    (repository,) = world.repositories.values()
    world.add_run(world.add_workflow(repository, "Deploy"), created=NOON + MINUTE)
    world.clock.advance(HOUR)
    output = run_tap(github, state, auth_token="another")
    assert "Deploy" in {row["workflow_name"] for row in output.records["workflows"].values()}


@pytest.mark.parametrize("version", ["2022-11-28", "2026-03-10"])
def test_both_versions_of_the_api_give_the_same(
    world: World, github: Simulator, version: str
) -> None:
    fill(world, "octo-org/app")
    output = run_tap(github, api_version=version)
    assert output.records["workflow_runs"] == final_records(world)["workflow_runs"]
    asked = {entry.headers["x-github-api-version"] for entry in github.log.entries}
    assert asked == {version}


def refusing(path: str, answer: Answer) -> Any:
    return lambda asked: answer if asked.startswith(path) else honest(asked)


def read(url: str, **config: Any) -> None:
    settings = {"auth_token": "t", "api_url_base": url, "repositories": [NAME], **config}
    TapGitHubActions(config=settings).read_everything()


def test_the_address_for_single_sign_on_is_told() -> None:
    address = "https://github.com/orgs/octo-org/sso?authorization_request=A1"
    said = {"message": "Resource protected by organization SAML enforcement."}
    answer = Answer(said, 403, {"X-GitHub-SSO": f"required; url={address}"})
    with (
        scripted(refusing("/repos", answer)) as github,
        pytest.raises(RepositoryError) as caught,
    ):
        read(github.url)
    assert f"authorise the token from the setting auth_token at {address}" in str(caught.value)


def test_a_proxy_that_refuses_is_not_taken_for_github() -> None:
    page = Answer(b"<html>Blocked</html>", 403, {"Content-Type": "text/html; charset=utf-8"})
    with scripted(refusing("/repos", page)) as github, pytest.raises(RepositoryError) as caught:
        read(github.url)
    assert "a proxy or firewall in the way" in str(caught.value)


def test_an_address_without_the_path_of_the_api_is_told_at_once() -> None:
    page = Answer(b"<html>Sign in</html>", 200, {"Content-Type": "text/html"})
    with scripted(lambda _: page) as github, pytest.raises(ConfigError) as caught:
        read(github.url)
    assert "https://HOST/api/v3" in str(caught.value)
    assert len(github.asked) <= 2


def test_an_address_that_leads_to_another_server_is_told() -> None:
    with scripted(lambda _: Answer({"message": "Not Found"}, 404)) as other:
        moved = Answer(b"", 301, {"Location": f"{other.url}/repos/{NAME}"})
        with scripted(lambda _: moved) as github, pytest.raises(RepositoryError) as caught:
            read(github.url)
    assert f"redirects to {other.url}" in str(caught.value)
    assert {token for _, token in other.asked} == {None}


def test_what_a_version_of_the_api_has_coming_is_said_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ends = {"Deprecation": "@1773100800", "Sunset": "Fri, 10 Mar 2028 00:00:00 GMT"}

    def script(path: str) -> Answer:
        answer = honest(path)
        return answer._replace(headers=ends)

    with scripted(script) as github:
        read(github.url)
    assert caplog.text.count("deprecated, and ends on Fri, 10 Mar 2028") == 1


def test_a_list_of_repositories_without_those_of_single_sign_on_says_so(
    world: World, github: Simulator, caplog: pytest.LogCaptureFixture
) -> None:
    part = {"X-GitHub-SSO": "partial-results; organizations=21955855,20582480"}
    listed = [{"id": 7, "full_name": NAME}]

    def script(path: str) -> Answer:
        return Answer(listed, 200, part) if path.startswith("/orgs") else honest(path)

    with scripted(script) as other:
        read(other.url, repositories=None, organizations=["octo-org"])
    assert "repositories of 2 organization(s)" in caplog.text


def test_a_fault_that_passes_is_no_refusal(world: World, github: Simulator) -> None:
    fill(world, "octo-org/app")
    github.faults.add(Fault.garbage(times=1))
    output = run_tap(github)
    assert output.records["workflow_runs"] == final_records(world)["workflow_runs"]

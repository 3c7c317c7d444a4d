"""GitHub's limits, its failures, and whose token is used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from github_simulator import Clock, Fault, JobPlan, Simulator, World, final_records
from github_simulator.callers import App
from support.tap_github import run_tap
from tap_github_actions.api.limits import Limited, limited, retry_after
from tap_github_actions.errors import CredentialsError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.tap_github import Output

DAY, HOUR = 86_400, 3_600
NOON = 1_780_000_000
DATE = "Fri, 20 Nov 2026 12:00:00 GMT"
SECONDARY = "You have exceeded a secondary rate limit. Please wait a few minutes."


@pytest.fixture(autouse=True)
def no_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GITHUB_TOKEN", "GITHUB_PERSONAL_TOKEN", "GITHUB_REPOSITORY", "GITHUB_API_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def world() -> World:
    world = World(clock=Clock(NOON))
    workflow = world.add_workflow(world.add_repository("octo-org/app"), "CI")
    for number in range(120):
        world.add_run(workflow, created=NOON - 9 * DAY + number * HOUR)
    return world


@pytest.fixture
def github(world: World) -> Iterator[Simulator]:
    with Simulator(world) as simulator:
        yield simulator


def runs(output: Output) -> dict[tuple[Any, ...], dict[str, Any]]:
    return output.records["workflow_runs"]


def assert_whole(output: Output, world: World) -> None:
    assert runs(output) == final_records(world)["workflow_runs"]


@pytest.mark.parametrize(
    ("status", "headers", "body", "expected"),
    [
        (200, {}, "", None),
        (404, {"Retry-After": "9"}, "", None),
        (403, {}, "Resource not accessible by integration", None),
        (403, {"X-RateLimit-Remaining": "12"}, "Must have admin rights", None),
        (403, {}, SECONDARY, Limited("secondary", None)),
        (429, {"Retry-After": "7"}, SECONDARY, Limited("secondary", 7)),
        (429, {}, "", Limited("secondary", None)),
        (403, {"Retry-After": "30"}, "", Limited("secondary", 30)),
        (403, {"Retry-After": " "}, SECONDARY, Limited("secondary", None)),
        (
            429,
            {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1795176030", "Date": DATE},
            "API rate limit exceeded",
            Limited("primary", 31),
        ),
        (
            403,
            {"Retry-After": "Fri, 20 Nov 2026 12:01:30 GMT", "Date": DATE},
            SECONDARY,
            Limited("secondary", 90),
        ),
    ],
)
def test_an_answer_about_a_limit_is_told_from_any_other(
    status: int, headers: dict[str, str], body: str, expected: Any
) -> None:
    assert limited(status, headers, body) == expected


def test_a_wait_that_makes_no_sense_is_ignored() -> None:
    assert retry_after({"Retry-After": "tomorrow"}) is None


@pytest.mark.parametrize("status", [403, 429])
@pytest.mark.parametrize("options", [{}, {"retry_after": 90}, {"retry_after": 90, "as_date": True}])
def test_a_secondary_limit_pauses_every_worker(
    world: World, github: Simulator, status: int, options: dict[str, Any]
) -> None:
    github.faults.add(Fault.secondary_limit(status=status, after=30, **options))
    output = run_tap(github)
    assert_whole(output, world)
    assert github.log.during_pauses() == []
    assert sum(output.slept) >= options.get("retry_after", 60)


def test_repeated_refusals_make_the_pauses_longer(world: World, github: Simulator) -> None:
    github.faults.add(Fault.secondary_limit(retry_after=10, times=4, match="/runs$|runs[?]"))
    output = run_tap(github)
    assert_whole(output, world)
    pauses = [seconds for seconds in output.slept if seconds >= 10]
    assert pauses == sorted(pauses)
    assert len(pauses) == 4
    assert pauses[-1] >= 80


@pytest.mark.parametrize("status", [403, 429])
def test_a_primary_limit_is_waited_for(world: World, github: Simulator, status: int) -> None:
    github.faults.add(Fault.primary_limit(seconds=300, status=status, after=20))
    output = run_tap(github)
    assert_whole(output, world)
    assert github.log.during_pauses() == []


def test_too_long_a_wait_ends_the_run_in_a_true_state(
    world: World, github: Simulator, caplog: pytest.LogCaptureFixture
) -> None:
    github.callers.add_token("t0ken", limit=100)
    output = run_tap(github, rate_limit_reserve=0)
    assert 0 < len(runs(output)) < 120
    assert "requests are possible again at" in caplog.text
    assert len(github.log.entries) <= 100
    together = dict(runs(output))
    for _ in range(5):
        world.clock.advance(HOUR)
        output = run_tap(github, output.state, rate_limit_reserve=0)
        together |= runs(output)
    assert together == final_records(world)["workflow_runs"]


def test_the_reserve_is_left_for_others(world: World, github: Simulator) -> None:
    caller = github.callers.add_token("t0ken", limit=100)
    run_tap(github, rate_limit_reserve=40)
    assert caller.quota.remaining >= 40


def test_tokens_share_the_load_by_what_each_has_left(world: World, github: Simulator) -> None:
    rich = github.callers.add_token("t0ken", limit=5_000)
    poor = github.callers.add_token("poor", limit=100)
    output = run_tap(github, additional_auth_tokens=["poor"])
    assert_whole(output, world)
    assert rich.quota.used > poor.quota.used
    assert poor.quota.remaining >= 50


@pytest.mark.parametrize(
    "fault",
    [
        Fault.server_error(500, times=2, after=9),
        Fault.server_error(503, times=2, after=9),
        Fault.cut_body(times=2, after=9),
        Fault.disconnect(times=2, after=9),
        Fault.garbage(times=2, after=9),
    ],
    ids=lambda fault: fault.kind,
)
def test_a_failure_that_passes_is_tried_again(
    world: World, github: Simulator, fault: Fault
) -> None:
    github.faults.add(fault)
    assert_whole(run_tap(github), world)


@pytest.mark.parametrize("size", [50, 30, 10])
def test_pages_that_are_too_large_for_github_are_asked_for_in_parts(
    world: World, github: Simulator, size: int
) -> None:
    github.faults.add(Fault.big_page(size, match="per_page"))
    assert_whole(run_tap(github), world)


def test_a_page_size_that_failed_is_not_tried_again_for_the_same_list(
    world: World, github: Simulator
) -> None:
    workflow = next(iter(world.runs.values())).workflow
    world.add_run(workflow, created=NOON - DAY, jobs=[JobPlan(f"job {n}") for n in range(560)])
    github.faults.add(Fault.big_page(25, match="/jobs"))
    output = run_tap(github)
    assert len(output.records["workflow_jobs"]) >= 560
    later = [each.query for each in github.log.matching("/jobs$") if "page" in each.query]
    assert {query["per_page"] for query in later} == {"25"}


def test_a_github_that_never_answers_is_given_up_on_in_plain_words(github: Simulator) -> None:
    github.faults.add(Fault.server_error(502, times=None, match="/actions/runs"))
    output = run_tap(github, raises=False)
    assert "could not be read" in str(output.error)
    assert isinstance(output.error, Exception)
    assert not isinstance(output.error, UnavailableError)


def test_no_more_requests_are_under_way_than_allowed(world: World, github: Simulator) -> None:
    github.faults.add(Fault.slow(0.01, times=None))
    run_tap(github, max_concurrency=3)
    assert 1 < github.log.max_in_flight <= 3


def test_a_refused_token_is_named_by_its_setting_and_never_shown(github: Simulator) -> None:
    github.callers.add_token("good")
    output = run_tap(github, auth_token="s3cret", raises=False)
    assert isinstance(output.error, CredentialsError)
    assert "auth_token" in str(output.error)
    assert "s3cret" not in str(output.error)


@pytest.mark.parametrize("chosen", ["auth_token", "GITHUB_TOKEN", "GITHUB_PERSONAL_TOKEN"])
def test_tokens_are_taken_in_their_order(
    github: Simulator, monkeypatch: pytest.MonkeyPatch, chosen: str
) -> None:
    names = ["GITHUB_TOKEN", "GITHUB_PERSONAL_TOKEN"]
    for name in names[max(names.index(chosen), 0) if chosen in names else 0 :]:
        monkeypatch.setenv(name, name)
    run_tap(github, auth_token="auth_token" if chosen == "auth_token" else "")
    asked = {entry.headers.get("authorization") for entry in github.log.entries}
    assert asked == {f"Bearer {chosen}"}


def test_without_a_token_there_is_a_warning(
    github: Simulator, caplog: pytest.LogCaptureFixture
) -> None:
    run_tap(github, auth_token=None)
    assert "No token is set" in caplog.text


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem(key: rsa.RSAPrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def public(key: rsa.RSAPrivateKey) -> str:
    return (
        key.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )


@pytest.mark.parametrize("in_one_line", [False, True])
def test_an_app_signs_in_through_the_configured_address(
    world: World, key: rsa.RSAPrivateKey, in_one_line: bool
) -> None:
    with Simulator(world, prefix="/api/v3") as github:
        github.callers.add_app(App("42", public(key), {7: None}))
        secret = pem(key).replace("\n", "\\n") if in_one_line else pem(key)
        app = {"app_id": "42", "private_key": secret, "installation_id": "7"}
        output = run_tap(github, auth_token=None, auth_app=app)
    assert_whole(output, world)


def test_an_apps_token_is_renewed_before_it_expires(
    world: World, github: Simulator, key: rsa.RSAPrivateKey
) -> None:
    github.callers.add_app(App("42", public(key), {7: None}))
    github.faults.add(
        Fault.meanwhile(lambda: world.clock.advance(HOUR / 20), match="/jobs", times=60)
    )
    app = {"app_id": "42", "private_key": pem(key), "installation_id": "7"}
    output = run_tap(github, auth_token=None, auth_app=app, max_concurrency=1)
    assert_whole(output, world)
    assert github.log.count("access_tokens") >= 3
    assert not [entry for entry in github.log.entries[2:] if entry.status == 401]


def test_a_key_that_is_none_is_told_in_plain_words(github: Simulator) -> None:
    app = {"app_id": "42", "private_key": "nonsense", "installation_id": "7"}
    output = run_tap(github, auth_token=None, auth_app=app, raises=False)
    assert isinstance(output.error, CredentialsError)
    assert "auth_app.private_key" in str(output.error)
    assert "nonsense" not in str(output.error)

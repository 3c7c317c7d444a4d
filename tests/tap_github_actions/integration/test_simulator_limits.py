"""Who may ask the simulator, how often, and what goes wrong on order."""

from __future__ import annotations

import threading
from email.utils import parsedate_to_datetime

import jwt
import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from github_simulator import Fault
from github_simulator.callers import App
from support.github import NAME, NOON, Visitor, simulated, small_world

RUNS = f"/repos/{NAME}/actions/runs"


def test_each_token_has_its_own_quota_which_starts_anew_after_an_hour() -> None:
    world, _ = small_world()
    with simulated(world) as github:
        github.simulator.callers.add_token("first", limit=2)
        github.simulator.callers.add_token("second", limit=2)
        first, second = Visitor(github.simulator, "first"), Visitor(github.simulator, "second")
        left = [first.get(RUNS).headers["x-ratelimit-remaining"] for _ in range(2)]
        refused = first.get(RUNS)
        assert left == ["1", "0"]
        assert (refused.status_code, refused.headers["x-ratelimit-remaining"]) == (403, "0")
        assert "API rate limit exceeded" in refused.json()["message"]
        assert int(refused.headers["x-ratelimit-reset"]) == NOON + 3_600
        assert second.get(RUNS).status_code == 200
        world.clock.advance(3_600)
        assert first.get(RUNS).status_code == 200


def test_nobody_in_particular_has_sixty_requests_and_an_unknown_token_none() -> None:
    world, _ = small_world()
    with simulated(world, token=None) as github:
        assert github.get(RUNS).headers["x-ratelimit-limit"] == "60"
        github.simulator.callers.add_token("known")
        unknown = Visitor(github.simulator, "unknown").get(RUNS)
    assert (unknown.status_code, unknown.json()["message"]) == (401, "Bad credentials")


def test_an_unchanged_answer_is_free_and_its_etag_belongs_to_one_token() -> None:
    world, _ = small_world()
    with simulated(world) as github:
        first = github.get(RUNS)
        again = github.get(RUNS, **{"If-None-Match": first.headers["ETag"]})
        other = Visitor(github.simulator, "other").get(
            RUNS, **{"If-None-Match": first.headers["ETag"]}
        )
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["x-ratelimit-used"] == first.headers["x-ratelimit-used"]
    assert other.status_code == 200


def test_the_rate_limit_endpoint_is_free() -> None:
    world, _ = small_world()
    with simulated(world) as github:
        github.get(RUNS)
        body = github.get("/rate_limit").json()
        assert body["resources"]["core"]["used"] == 1
        newer = github.get("/rate_limit", **{"X-GitHub-Api-Version": "2026-03-10"}).json()
    assert "rate" in body
    assert "rate" not in newer


def test_private_repositories_are_not_there_for_who_may_not_see_them() -> None:
    world, _ = small_world()
    world.add_repository("octo-org/secret", private=True)
    with simulated(world) as github:
        callers = github.simulator.callers
        callers.add_token("outsider", repositories=frozenset())
        callers.add_token("insider", repositories=frozenset({"octo-org/secret"}))
        for token, status, names in (
            ("outsider", 404, ["telemetry-demo"]),
            ("insider", 200, ["secret", "telemetry-demo"]),
        ):
            visitor = Visitor(github.simulator, token)
            assert visitor.get("/repos/octo-org/secret").status_code == status
            listed = visitor.get("/orgs/octo-org/repos").json()
            assert [repository["name"] for repository in listed] == names


@pytest.mark.parametrize("status", [403, 404, 451])
def test_a_blocked_repository_answers_with_its_status(status: int) -> None:
    world, _ = small_world()
    world.add_repository("octo-org/blocked", blocked=status)
    with simulated(world) as github:
        assert github.get("/repos/octo-org/blocked/actions/runs").status_code == status


def test_an_app_exchanges_a_signed_token_for_one_that_expires() -> None:
    world, repository = small_world()
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    with simulated(world) as github:
        app = App("12", public.decode(), {34: frozenset({NAME})})
        github.simulator.callers.add_app(app)

        def exchange(installation: int = 34, **claims: object) -> requests.Response:
            content = {"iss": "12", "iat": NOON - 30, "exp": NOON + 500, **claims}
            token = jwt.encode(content, key, algorithm="RS256")
            return requests.post(
                f"{github.simulator.url}/app/installations/{installation}/access_tokens",
                headers={"Authorization": f"Bearer {token}"},
                timeout=10,
            )

        assert exchange(iss="13").status_code == 401
        assert exchange(exp=NOON + 5_000).status_code == 401
        assert exchange(exp=NOON - 1).status_code == 401
        assert exchange(installation=35).status_code == 404
        issued = exchange()
        assert issued.status_code == 201
        visitor = Visitor(github.simulator, issued.json()["token"])
        body = visitor.get("/installation/repositories").json()
        assert [each["id"] for each in body["repositories"]] == [repository.id]
        world.clock.advance(3_600)
        assert visitor.get(RUNS).status_code == 401


def test_limits_come_with_and_without_advice_how_long_to_wait() -> None:
    world, _ = small_world()
    with simulated(world) as github:
        github.simulator.faults.add(
            Fault.secondary_limit(),
            Fault.secondary_limit(status=429, retry_after=7),
            Fault.secondary_limit(status=429, retry_after=7, as_date=True),
            Fault.primary_limit(seconds=90, status=429),
        )
        silent, seconds, date, primary = (github.get(RUNS) for _ in range(4))
    assert (silent.status_code, "Retry-After" in silent.headers) == (403, False)
    assert "secondary rate limit" in silent.json()["message"]
    assert (seconds.status_code, seconds.headers["Retry-After"]) == (429, "7")
    assert parsedate_to_datetime(date.headers["Retry-After"]).timestamp() == NOON + 7
    assert primary.headers["x-ratelimit-remaining"] == "0"
    assert int(primary.headers["x-ratelimit-reset"]) == NOON + 90


def test_the_log_knows_who_asked_during_a_pause() -> None:
    world, _ = small_world()
    with simulated(world) as github:
        github.simulator.faults.add(Fault.secondary_limit(retry_after=30))
        github.get(RUNS)
        github.get(RUNS)
        Visitor(github.simulator).get(RUNS)
        world.clock.advance(31)
        github.get(RUNS)
        assert [entry.number for entry in github.simulator.log.during_pauses()] == [1]


def test_failures_on_order_strike_the_requests_they_are_meant_for() -> None:
    world, _ = small_world()
    with simulated(world) as github:
        faults = github.simulator.faults
        faults.add(Fault.server_error(503, match="/actions/workflows$", after=1, times=2))
        codes = [github.get(f"/repos/{NAME}/actions/workflows").status_code for _ in range(4)]
        assert codes == [200, 503, 503, 200]
        assert github.get(RUNS).status_code == 200
        faults.add(Fault.garbage())
        assert github.get(RUNS).headers["Content-Type"] == "text/html"
        faults.add(Fault.big_page(30, match="/runs"))
        pages = [github.get(f"{RUNS}?per_page={size}").status_code for size in (100, 31, 30)]
        assert pages == [502, 502, 200]
        assert github.simulator.log.entries[-3].fault == "big_page"


def test_bodies_and_connections_break_on_order() -> None:
    world, _ = small_world()
    with simulated(world) as github:
        for fault in (Fault.cut_body(), Fault.disconnect()):
            github.simulator.faults.add(fault)
            with pytest.raises(requests.RequestException):
                github.get(RUNS)
        assert github.get(RUNS).status_code == 200


def test_a_share_of_all_requests_fails_by_chance() -> None:
    world, _ = small_world()
    with simulated(world) as github:
        kinds = [Fault.server_error(500), Fault.server_error(502)]
        github.simulator.faults.add_random(0.2, kinds, seed=1)
        codes = [github.get(RUNS).status_code for _ in range(400)]
    assert 20 <= codes.count(500) <= 60
    assert 20 <= codes.count(502) <= 60


def test_something_may_happen_in_the_world_while_a_request_is_under_way() -> None:
    world, repository = small_world()
    run = world.add_run(world.add_workflow(repository, "CI"), created=NOON - 60)
    with simulated(world) as github:
        meanwhile = Fault.meanwhile(lambda: world.delete_run(run), match="/runs$", after=1)
        github.simulator.faults.add(meanwhile)
        assert [len(github.actions("/runs")["workflow_runs"]) for _ in range(2)] == [1, 0]


def test_too_many_requests_at_once_are_refused() -> None:
    world, _ = small_world()
    with simulated(world) as github:
        github.simulator.secondary.max_concurrent = 2
        github.simulator.faults.add(Fault.slow(0.2, times=None))
        threads = [
            threading.Thread(target=Visitor(github.simulator).get, args=(RUNS,)) for _ in range(6)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        log = github.simulator.log
    assert log.max_in_flight > 2
    assert any(entry.status == 403 for entry in log.entries)


def test_an_artifact_is_fetched_from_another_host_that_must_not_see_the_token() -> None:
    world, repository = small_world()
    run = world.add_run(world.add_workflow(repository, "CI"), created=NOON - 60)
    artifact = world.add_artifact(run, "report", b"zip bytes")
    old = world.add_artifact(run, "old", b"", expired=True)
    with simulated(world) as github:
        listed = github.actions(f"/runs/{run.id}/artifacts?name=report")["artifacts"]
        assert [each["id"] for each in listed] == [artifact.id]
        moved = github.get(listed[0]["archive_download_url"])
        assert moved.status_code == 302
        assert not moved.headers["Location"].startswith(github.simulator.url)
        with_token = github.get(moved.headers["Location"])
        without = Visitor(github.simulator, None).get(moved.headers["Location"])
        gone = github.get(f"/repos/{NAME}/actions/artifacts/{old.id}/zip")
        sent = ["authorization" in entry.headers for entry in github.simulator.blob_log.entries]
    assert (with_token.status_code, without.content, gone.status_code) == (403, b"zip bytes", 410)
    assert sent == [True, False]

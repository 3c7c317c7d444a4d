"""Answers that GitHub ought not to give, and settings that cannot work: plain words, no loss."""

from __future__ import annotations

import io
import json
import time
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from support.scripted_github import NAME, Answer, ScriptedGitHub, honest, run, scripted
from tap_github_actions.errors import ConfigError, RepositoryError, StateError, TapError
from tap_github_actions.tap import TapGitHubActions, read_state

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture(autouse=True)
def no_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GITHUB_TOKEN", "GITHUB_PERSONAL_TOKEN", "GITHUB_REPOSITORY", "GITHUB_API_URL"):
        monkeypatch.delenv(name, raising=False)


class HurriedClock:
    """Spends no time on waiting."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return time.monotonic() + sum(self.slept)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


def read(
    github: ScriptedGitHub | str, state: Any = None, **config: Any
) -> tuple[list[dict[str, Any]], list[float]]:
    """Run the tap; return what it wrote and how it waited."""
    settings = {
        "auth_token": "s3cret",
        "api_url_base": github if isinstance(github, str) else github.url,
        "repositories": [NAME],
        **config,
    }
    tap = TapGitHubActions(config=settings, state=state)
    tap.clock = clock = HurriedClock()
    stdout = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    with redirect_stdout(stdout):
        tap.read_everything()
    stdout.seek(0)
    return [json.loads(line) for line in stdout], clock.slept


def always(answer: Answer) -> Callable[[str], Answer]:
    return lambda _: answer


@pytest.mark.parametrize(
    "listing",
    [
        None,
        [1],
        {"message": "maintenance"},
        {"workflow_runs": None},
        {"workflow_runs": [1]},
        {"workflow_runs": [run(id="1")]},
        {"workflow_runs": [run(created_at=None)]},
    ],
)
def test_what_is_no_list_of_runs_is_not_taken_for_an_empty_one(listing: Any) -> None:
    with (
        scripted(lambda path: honest(path, runs=listing)) as github,
        pytest.raises(RepositoryError, match=NAME),
    ):
        read(github)


@pytest.mark.parametrize("body", [None, [1], {"id": None}, {"message": "maintenance"}])
def test_what_is_no_repository_is_told_in_plain_words(body: Any) -> None:
    with scripted(always(Answer(body))) as github, pytest.raises(RepositoryError, match=NAME):
        read(github)


def test_a_payload_full_of_nulls_is_a_record() -> None:
    nulls = dict.fromkeys(run()) | {"id": 1, "created_at": "2026-11-10T00:00:00Z"}
    nulls |= {"status": "completed", "run_started_at": "2026-11-19T00:00:00Z"}
    listing = {"total_count": "2,500+", "workflow_runs": [nulls]}
    with scripted(lambda path: honest(path, runs=listing)) as github:
        lines, _ = read(github)
    (record,) = (
        line["record"]
        for line in lines
        if line["type"] == "RECORD" and line["stream"] == "workflow_runs"
    )
    assert record["github_run_id"] == record["run_attempt"] == 1
    assert record["completed_at"] is None


def test_runs_of_another_repository_are_refused_in_plain_words() -> None:
    other = {"workflow_runs": [run(repository={"id": 8, "full_name": "octo-org/else"})]}
    with (
        scripted(lambda path: honest(path, runs=other)) as github,
        pytest.raises(RepositoryError, match="belong to the repository with the id 8"),
    ):
        read(github)


@pytest.mark.parametrize(
    "headers",
    [
        {"Retry-After": "99999999999999999"},
        {"Retry-After": "9" * 5000},
        {"Retry-After": "\xb2"},
        {"Retry-After": "-5"},
        {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "99999999999999999"},
        {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1"},
        {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "soon"},
        {"X-RateLimit-Remaining": "0", "Retry-After": "0"},
        {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"},
    ],
)
def test_a_limit_without_end_ends_the_run_whatever_its_headers_say(
    headers: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    limit = Answer({"message": "API rate limit exceeded"}, 429, headers)
    with scripted(always(limit)) as github:
        _, slept = read(github, max_wait_seconds=600)
        assert len(github.asked) <= 12
    assert "requests are possible again at" in caplog.text
    assert all(seconds >= 0.5 for seconds in slept)


def test_running_out_of_quota_while_repositories_are_found_is_no_failure(
    caplog: pytest.LogCaptureFixture,
) -> None:
    limit = Answer({"message": "API rate limit exceeded"}, 403, {"X-RateLimit-Remaining": "0"})
    with scripted(always(limit)) as github:
        read(github, organizations=["octo-org"], max_wait_seconds=10)
    assert "requests are possible again at" in caplog.text


def test_a_run_that_stopped_early_does_not_say_that_all_the_rest_was_read() -> None:
    limit = Answer({"message": "API rate limit exceeded"}, 403, {"X-RateLimit-Remaining": "0"})

    def script(path: str) -> Answer:
        return Answer({"message": "Not Found"}, 404) if path == "/repos/octo-org/gone" else limit

    names = ["octo-org/gone", NAME]
    with (
        scripted(script) as github,
        pytest.raises(RepositoryError, match="the others are not finished"),
    ):
        read(github, repositories=names, max_concurrency=1, max_wait_seconds=10)


def test_a_token_does_not_follow_a_redirect_to_another_host() -> None:
    with scripted(honest) as other:
        moved = Answer(b"", 301, {"Location": f"{other.url}/repos/{NAME}"})
        with scripted(always(moved)) as github, pytest.raises(RepositoryError):
            read(github)
        assert other.asked
        assert {token for _, token in other.asked} == {None}


@pytest.mark.parametrize("location", ["http://[bad", "", f"/repos/{NAME}"])
def test_a_redirect_that_leads_nowhere_is_told_in_plain_words(location: str) -> None:
    moved = Answer(b"", 301, {"Location": location})
    with scripted(always(moved)) as github, pytest.raises(RepositoryError, match="redirect"):
        read(github)


def test_a_repository_that_is_not_shown_says_that_it_may_be_the_token() -> None:
    with (
        scripted(always(Answer({"message": "Not Found"}, 404))) as github,
        pytest.raises(RepositoryError, match="or the token from the setting auth_token may not"),
    ):
        read(github)


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("http://127.0.0.1:9", "127.0.0.1:9 refuses connections"),
        ("http://nowhere.invalid", "the name nowhere.invalid cannot be resolved"),
    ],
)
def test_a_host_that_cannot_be_reached_is_named_with_the_reason(address: str, words: str) -> None:
    with pytest.raises(RepositoryError, match=words):
        read(address)


def test_a_certificate_that_cannot_be_verified_is_told() -> None:
    with scripted(honest) as github, pytest.raises(RepositoryError) as caught:
        read(github.url.replace("http:", "https:"), max_concurrency=1)
    assert "certificate" in str(caught.value)


def test_an_address_that_is_none_is_told_at_once() -> None:
    with pytest.raises(ConfigError, match="check api_url_base"):
        read("https://")


def app_settings() -> dict[str, Any]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return {"app_id": "42", "private_key": pem.decode(), "installation_id": "7"}


def test_signing_in_as_an_app_waits_for_a_limit_like_any_request() -> None:
    answers = iter(
        [
            Answer({"message": "You have exceeded a secondary rate limit"}, 403),
            Answer(b"<html>one moment</html>"),
            Answer({"token": "t0ken", "expires_at": "2999-01-01T00:00:00Z"}),
        ]
    )

    def script(path: str) -> Answer:
        return next(answers) if path.endswith("access_tokens") else honest(path)

    with scripted(script) as github:
        lines, slept = read(github, auth_token=None, auth_app=app_settings())
        assert {token for path, token in github.asked if "/app/" not in path} == {"Bearer t0ken"}
    assert any(line["type"] == "RECORD" for line in lines)
    assert max(slept) >= 59


def test_an_app_that_gets_no_token_is_told_in_plain_words() -> None:
    with (
        scripted(always(Answer({"message": "hello"}))) as github,
        pytest.raises(RepositoryError, match="holds no token"),
    ):
        read(github, auth_token=None, auth_app=app_settings())


@pytest.mark.parametrize("name", ["auth_token", "additional_auth_tokens"])
@pytest.mark.parametrize("token", ["s3c ret", "s3c\nret", "s3cret\u20ac"])
def test_what_cannot_be_a_token_is_told_without_showing_it(name: str, token: str) -> None:
    with pytest.raises(ConfigError, match=f"from the setting {name}") as caught:
        read("http://127.0.0.1:9", **{name: [token] if name.endswith("s") else token})
    assert "s3c" not in str(caught.value)


def test_a_line_break_behind_a_token_does_no_harm() -> None:
    with scripted(honest) as github:
        read(github, auth_token="s3cret\n")
    assert {token for _, token in github.asked} == {"Bearer s3cret"}


@pytest.mark.parametrize("value", [["s3cret"], {"token": "s3cret"}, 3])
def test_a_token_of_another_type_is_refused_without_showing_it(
    value: Any, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(ConfigError, match="auth_token must be a text"):
        TapGitHubActions(config={"auth_token": value})
    assert "s3cret" not in caplog.text + "".join(capfd.readouterr())


LOOK = ["2026-11-01T00:00:00", "2026-11-02T00:00:00"]


@pytest.mark.parametrize(
    "state",
    [
        {"bookmarks": None},
        {"bookmarks": []},
        {"bookmarks": {"workflow_runs": None}},
        {"bookmarks": {"workflow_runs": {"partitions": None}}},
        {"bookmarks": {"workflow_runs": {"partitions": [5]}}},
        {
            "bookmarks": {
                "workflow_runs": {
                    "partitions": [{"context": {"repository_id": 7}, "looks": [LOOK]}]
                }
            }
        },
    ],
)
def test_a_state_of_another_shape_is_refused_in_plain_words(state: Any) -> None:
    with scripted(honest) as github, pytest.raises(StateError, match="Hand over the state"):
        read(github, state)


@pytest.mark.parametrize("text", ["[1]", '"x"', "5"])
def test_a_state_file_that_holds_no_object_is_refused(text: str) -> None:
    with pytest.raises(TapError, match="not a JSON object"):
        read_state(io.StringIO(text))

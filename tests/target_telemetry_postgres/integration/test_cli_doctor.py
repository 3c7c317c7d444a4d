"""`telemetry doctor`: each finding names what is wrong and what to do."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from support.telemetry_command import telemetry
from target_telemetry_postgres.cli.checks import files, github, programs
from target_telemetry_postgres.cli.checks.findings import NOTE, OK, STOPS, WARNING, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

TOKEN = "ghp_thisIsNoRealToken0123456789"


@dataclass
class Api:
    """Two routes of the API, and what was asked of them."""

    url: str = ""
    status: int = 200
    runs_status: int = 200
    remaining: int = 4000
    scopes: str | None = None
    asked: list[tuple[str, str | None]] = field(default_factory=list)


@pytest.fixture
def api() -> Iterator[Api]:
    state = Api()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.asked.append((self.path, self.headers.get("Authorization")))
            status, body = state.status, {}
            if self.path == "/rate_limit":
                core = {"limit": 5000, "remaining": state.remaining, "reset": 1893456000}
                body = {"resources": {"core": core}}
            else:
                status, body = state.runs_status, {"total_count": 1234}
            self.send_response(status)
            if state.scopes is not None:
                self.send_header("X-OAuth-Scopes", state.scopes)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *_: Any) -> None:
            """Stay silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield state
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a folder without files, with neither taps nor Meltano: starting them takes seconds."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(files, "find", lambda _: None)
    monkeypatch.setattr(programs, "find", lambda _: None)


def ask(api: Api, *, offline: bool = False, **environ: str) -> list[Finding]:
    given: Mapping[str, str] = {"GITHUB_API_URL": api.url + "/"} | environ
    return list(github.check(offline=offline, environ=given))


def levels(findings: list[Finding]) -> list[str]:
    return [finding.level for finding in findings]


def test_a_good_token_shows_its_scopes_and_what_is_left_but_never_itself(api: Api) -> None:
    api.scopes = "repo, workflow"
    found = ask(api, GITHUB_TOKEN=TOKEN, GITHUB_REPOSITORY="octo/repo")
    assert levels(found) == [OK, OK, OK]
    words = " ".join(finding.what for finding in found)
    assert "repo, workflow" in words
    assert "4,000 of 5,000 requests left" in words
    assert "octo/repo: 1,234 runs" in words
    assert TOKEN not in words
    assert api.asked[0] == ("/rate_limit", f"Bearer {TOKEN}")


def test_an_unknown_token_stops_a_run(api: Api) -> None:
    api.status = 401
    found = ask(api, GITHUB_PERSONAL_TOKEN=TOKEN, GITHUB_REPOSITORY="octo/repo")
    assert levels(found) == [STOPS]
    assert "GITHUB_PERSONAL_TOKEN" in found[0].what


@pytest.mark.parametrize("status", [403, 404])
def test_a_repository_that_may_not_be_read_stops_a_run(api: Api, status: int) -> None:
    api.runs_status = status
    found = ask(api, GITHUB_TOKEN=TOKEN, GITHUB_REPOSITORY="octo/hidden")
    assert levels(found)[-1] == STOPS
    assert "actions: read" in found[-1].do


def test_a_spent_limit_is_a_warning(api: Api) -> None:
    api.remaining = 3
    assert WARNING in levels(ask(api, GITHUB_TOKEN=TOKEN, GITHUB_REPOSITORY="octo/repo"))


def test_each_listed_repository_is_asked_for_and_globs_are_not(api: Api) -> None:
    ask(api, GITHUB_TOKEN=TOKEN, TAP_GITHUB_ACTIONS_REPOSITORIES='["a/b", "c/*", "d/e"]')
    asked = [path for path, _ in api.asked if path != "/rate_limit"]
    assert [path.split("/actions")[0] for path in asked] == ["/repos/a/b", "/repos/d/e"]


def test_offline_asks_nobody(api: Api) -> None:
    found = ask(api, offline=True, GITHUB_TOKEN=TOKEN, GITHUB_REPOSITORY="octo/repo")
    assert (levels(found), api.asked) == ([NOTE], [])


def test_an_api_that_does_not_answer_stops_a_run() -> None:
    environ = {"GITHUB_API_URL": "http://127.0.0.1:1", "GITHUB_TOKEN": TOKEN}
    found = list(github.check(offline=False, environ=environ))
    assert levels(found)[-1] == STOPS
    assert "GITHUB_API_URL" in found[-1].do
    environ["GITHUB_API_URL"] = "file:///etc/passwd"
    assert levels(list(github.check(offline=False, environ=environ)))[-1] == STOPS


def test_without_token_and_repository_it_says_what_to_set() -> None:
    found = list(github.check(offline=False, environ={}))
    assert levels(found) == [NOTE, WARNING]


@pytest.mark.usefixtures("_alone")
def test_a_migrated_database_has_no_finding_that_stops(database_url: str) -> None:
    ran = telemetry("--url", database_url, "doctor", "--offline", "--json")
    assert ran.code == 0, ran.out
    found = {(finding["area"], finding["level"]) for finding in ran.json["findings"]}
    assert {("migrations", "ok"), ("privileges", "ok"), ("retention", "ok")} <= found


@pytest.mark.usefixtures("_alone")
def test_a_server_that_is_not_there_is_a_finding_not_a_crash(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TARGET_TELEMETRY_POSTGRES_CONNECT_RETRY_SECONDS", "0")
    url = "postgresql://me:s3cretword@127.0.0.1:1/nowhere"
    ran = telemetry("--url", url, "doctor", "--offline")
    assert ran.code == 1
    assert "[stops a run] database" in ran.out
    assert "1 finding above stops a run" in ran.err
    assert "s3cretword" not in ran.out + ran.err


@pytest.mark.usefixtures("_alone")
def test_pending_migrations_are_a_warning(empty_database_url: str) -> None:
    ran = telemetry("--url", empty_database_url, "doctor", "--offline", "--json")
    assert ran.code == 0, ran.out
    found = {finding["area"]: finding["level"] for finding in ran.json["findings"]}
    assert found["migrations"] == WARNING


@pytest.mark.usefixtures("_alone")
def test_a_wrong_retention_stops_a_run(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TARGET_TELEMETRY_POSTGRES_RETENTION", '{"no_such_table": "90 days"}')
    ran = telemetry("--url", database_url, "doctor", "--offline")
    assert (ran.code, "no_such_table" in ran.out) == (1, True)


def test_a_program_that_does_not_start_stops_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "broken"
    broken.write_text("#!/bin/sh\necho 'No module named x' >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr(programs, "find", lambda _: str(broken))
    found = list(programs.check())
    assert levels(found) == [OK, STOPS, STOPS, STOPS]
    assert "No module named x" in found[1].what


def test_the_files_are_those_that_the_tap_sees(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tap = tmp_path / "tap-llm-csv"
    lines = [
        {"path": "a.csv", "stream": "llm_calls", "dialect": "base", "message": None},
        {"path": "b.csv", "stream": None, "dialect": None, "message": "no header fits"},
    ]
    printed = "\n".join(map(json.dumps, lines))
    tap.write_text(f"#!/bin/sh\ncat <<'END'\n{printed}\nEND\n")
    tap.chmod(0o755)
    monkeypatch.setattr(files, "find", lambda _: str(tap))
    found = list(files.check({"PATH": "/usr/bin:/bin"}))
    assert levels(found) == [OK, WARNING]
    assert "no header fits" in found[1].what
    tap.write_text("#!/bin/sh\necho 'path is wrong' >&2\nexit 1\n")
    assert levels(list(files.check({"PATH": "/usr/bin:/bin"}))) == [STOPS]


def test_without_the_tap_a_missing_file_is_a_warning_only_where_it_was_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(files, "find", lambda _: None)
    assert levels(list(files.check({}))) == [NOTE]
    assert levels(list(files.check({"TELEMETRY_CSV_PATH": "gone.csv"}))) == [WARNING]
    (tmp_path / "here.csv").write_text("a\n")
    for path in ("here.csv", "*.csv", str(tmp_path)):
        (finding,) = files.check({"TELEMETRY_CSV_PATH": path})
        assert (finding.level, "is there" in finding.what) == (NOTE, True)

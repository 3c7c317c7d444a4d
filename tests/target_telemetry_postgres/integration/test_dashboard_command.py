"""`telemetry dashboard` as a command: what it writes, what it refuses, what it leaves out."""

from __future__ import annotations

import base64
import json
import re
import zlib
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

from support.sample_rows import call, insert, run
from support.telemetry_command import telemetry

if TYPE_CHECKING:
    from pathlib import Path

    from target_telemetry_postgres.postgres.database import Database

YESTERDAY = datetime.now(timezone.utc) - timedelta(days=1)


def header_of(page: Path) -> dict[str, Any]:
    data = re.search(r'id="data">([^<]*)<', page.read_text())
    assert data is not None
    whole = zlib.decompress(base64.b64decode(data[1]))
    length = int.from_bytes(whole[:4], "little")
    return dict(json.loads(whole[4 : 4 + length]))


def write(database_url: str, page: Path, *more: str) -> dict[str, Any]:
    ran = telemetry("--url", database_url, "dashboard", "--output", str(page), *more)
    assert ran.code == 0, ran.err
    assert str(page) in ran.out
    return header_of(page)


def test_an_empty_store_gives_a_page_that_says_so(database_url: str, tmp_path: Path) -> None:
    header = write(database_url, tmp_path / "new" / "page.html")
    assert header["cubes"]["ci_runs"]["rows"] == 0


def test_a_schema_without_tables_gives_a_page_too(empty_database_url: str, tmp_path: Path) -> None:
    assert write(empty_database_url, tmp_path / "page.html")["cubes"] == {}


def test_a_repository_alone(database: Database, database_url: str, tmp_path: Path) -> None:
    ours = run(1, started_at=YESTERDAY)
    insert(database, "workflow_runs", ours, run(2, started_at=YESTERDAY, repository="octo/other"))
    header = write(database_url, tmp_path / "page.html", "--repository", "octo/other")
    assert header["values"]["repository"] == ["octo/other"]


@pytest.mark.parametrize("name", ["users", "sessions", "titles", "branches", "prompts", "errors"])
def test_what_is_left_out_is_nowhere_in_the_page(
    database: Database, database_url: str, tmp_path: Path, name: str
) -> None:
    insert(
        database,
        "workflow_runs",
        run(1, started_at=YESTERDAY, branch="secret-branches", display_title="secret-titles",
            conclusion="failure"),
    )  # fmt: skip
    secret = {
        "user_id": "secret-users",
        "session_id": "secret-sessions",
        "prompt_name": "secret-prompts",
        "error_message": "secret-errors",
    }
    insert(database, "llm_calls", call(1, timestamp=YESTERDAY, success=False, **secret))
    everything = json.dumps(write(database_url, tmp_path / "page.html"))
    assert f"secret-{name}" in everything
    without = json.dumps(write(database_url, tmp_path / "page.html", "--without", name))
    assert f"secret-{name}" not in without
    assert without.count("secret-") >= everything.count("secret-") - 2


def test_what_makes_no_sense_is_refused_in_a_sentence(database_url: str, tmp_path: Path) -> None:
    page = str(tmp_path / "page.html")
    ran = telemetry("--url", database_url, "dashboard", "--output", page, "--timezone", "Mars")
    assert (ran.code, ran.out) == (1, "")
    assert 'no time zone "Mars"' in ran.err
    ran = telemetry("--url", database_url, "dashboard", "--output", page, "--without", "faces")
    assert "cannot be made without faces" in ran.err

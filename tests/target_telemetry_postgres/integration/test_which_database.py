"""What only `DATABASE_URL` names may be the database of an application: nothing changes there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.postgres import url_of
from support.singer import lines, record, schema
from support.telemetry_command import telemetry

if TYPE_CHECKING:
    from target_telemetry_postgres.postgres.database import Database

STREAM = lines([schema("s", {"id": {"type": "integer"}}, ["id"]), record("s", {"id": 1})])


def relations(database: Database) -> set[str]:
    with database.connect() as connection:
        rows = connection.execute(
            "SELECT relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE nspname !~ '^(pg_|information_schema)' AND relkind = 'r'"
            " UNION ALL SELECT nspname FROM pg_namespace WHERE nspname !~ '^(pg_|information_s)'"
        ).fetchall()
    return {name for (name,) in rows}


@pytest.fixture
def application(empty_database: Database, monkeypatch: pytest.MonkeyPatch) -> Database:
    """An application's database, by the variable that it has for itself."""
    with empty_database.connect() as connection:
        connection.execute("CREATE TABLE public.customers (id int)")
    monkeypatch.setenv("DATABASE_URL", url_of(empty_database.conninfo))
    return empty_database


def load(folder: Path, *options: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(Path(sys.executable).with_name("target-telemetry-postgres")), *options],
        input=STREAM,
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={**os.environ, **variables},
    )


@pytest.mark.parametrize(
    "words",
    ["migrate", "migrate llm", "migrate --to head", "prune", "grant", "import ."],
)
def test_a_command_that_changes_something_asks_to_be_told(
    application: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "customers.csv").write_text("id\n1\n", encoding="utf-8")
    before = relations(application)

    ran = telemetry(*words.split())

    assert (ran.code, ran.err.count("\n")) == (1, 1), ran.err
    assert "DATABASE_URL names database" in ran.err or "no tables to grant on" in ran.err
    assert relations(application) == before


@pytest.mark.parametrize("mode", ["auto", "check", "off"])
def test_a_load_asks_to_be_told(application: Database, tmp_path: Path, mode: str) -> None:
    before = relations(application)

    done = load(tmp_path, TARGET_TELEMETRY_POSTGRES_MIGRATE=mode)

    assert done.returncode == 1
    assert "TARGET_TELEMETRY_POSTGRES_SQLALCHEMY_URL if it is the one" in done.stderr
    assert relations(application) == before


def test_looking_is_free(application: Database) -> None:
    ran = telemetry("stats")

    assert (ran.code, "has no tables yet" in ran.out) == (0, True), ran.err
    assert ran.database.rstrip().endswith("(from DATABASE_URL)")


def test_once_it_was_said_the_variable_is_enough(application: Database, tmp_path: Path) -> None:
    url = url_of(application.conninfo)

    assert telemetry("--url", url, "migrate").code == 0
    done = load(tmp_path)

    assert done.returncode == 0, done.stderr
    assert "(from DATABASE_URL)" in done.stderr
    assert telemetry("prune").code == 0


def test_the_target_takes_its_own_variable_and_never_an_embedded_server_instead(
    database: Database, tmp_path: Path
) -> None:
    done = load(tmp_path, TARGET_TELEMETRY_POSTGRES_SQLALCHEMY_URL=url_of(database.conninfo))

    assert done.returncode == 0, done.stderr
    assert "(from TARGET_TELEMETRY_POSTGRES_SQLALCHEMY_URL)" in done.stderr
    assert "s" in relations(database)
    assert not (tmp_path / ".telemetry").exists()


def test_a_file_of_settings_wins_over_the_variables(database: Database, tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"sqlalchemy_url": url_of(database.conninfo)}), encoding="utf-8")

    done = load(
        tmp_path,
        *("--config", str(path)),
        TARGET_TELEMETRY_POSTGRES_HOST="nowhere.example",
        DATABASE_URL="sqlite:///db.sqlite3",
    )

    assert done.returncode == 0, done.stderr
    assert "(from sqlalchemy_url)" in done.stderr


def test_a_url_of_something_else_ends_the_run_in_a_sentence(tmp_path: Path) -> None:
    done = load(tmp_path, DATABASE_URL="mysql://app:s3cret@h/db")

    assert done.returncode == 1
    assert "DATABASE_URL is a URL of mysql and no Postgres" in done.stderr.splitlines()[-1]
    assert "s3cret" not in done.stderr
    assert "Traceback" not in done.stderr


def test_a_server_that_is_too_old_is_refused_in_a_sentence(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("target_telemetry_postgres.postgres.database.OLDEST_SERVER", 999_999)

    ran = telemetry("--url", database_url, "stats")

    assert ran.code == 1
    assert "is too old at database" in ran.err
    assert ran.err.count("\n") == 1

"""`telemetry url`, `psql`, `migrate`, `prune`, and the example of each help."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
import sqlalchemy

from support.sample_rows import call, insert
from support.telemetry_command import telemetry
from target_telemetry_postgres.cli.app import SUBCOMMANDS
from target_telemetry_postgres.cli.commands import psql

if TYPE_CHECKING:
    from target_telemetry_postgres.postgres.database import Database

COMMAND = [sys.executable, "-c", "from target_telemetry_postgres.cli import main; main()"]
EXAMPLE = re.compile(r"Example:\n((?:  .+\n?)+)")


def example_of(name: str) -> str:
    ran = telemetry(name, "--help")
    assert ran.code == 0
    match = EXAMPLE.search(re.sub(r"^  ", "", ran.out, flags=re.MULTILINE))
    assert match, ran.out
    return match[1].strip()


@pytest.mark.parametrize("name", SUBCOMMANDS)
def test_the_example_of_each_help_works(
    name: str,
    database: Database,
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "estimators.py").write_text(
        "def by_size(deliverables, category, complexity):\n    return 500 * len(deliverables)\n"
    )
    insert(database, "llm_calls", call(1))
    with database.connect() as connection:
        connection.execute(
            "insert into telemetry.workflow_runs (github_run_id, run_attempt, "
            "pull_request_numbers) values (1, 1, '{42}')"
        )
    telemetry("--url", database_url, "export", "--all", "--output", "exported")
    program, *arguments = shlex.split(example_of(name))
    assert program == "telemetry"
    # The example that names a server works on the test's server.
    arguments = [database_url if word.startswith("postgresql://") else word for word in arguments]
    ran = subprocess.run(
        [*COMMAND, *arguments],
        env=os.environ | {"TARGET_TELEMETRY_POSTGRES_SQLALCHEMY_URL": database_url},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr


def python(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )


def test_help_is_there_before_the_database_driver_is() -> None:
    script = (
        "import sys; from target_telemetry_postgres.cli.app import run; run(['--help']); "
        "heavy = {'psycopg', 'sqlalchemy', 'singer_sdk', 'alembic', 'rich', 'genai_prices'}; "
        "sys.exit(', '.join(heavy & set(sys.modules)) or 0)"
    )
    ran = python(script)
    assert ran.returncode == 0, ran.stderr


def test_looking_needs_neither_the_sdk_nor_sqlalchemy(database_url: str) -> None:
    script = (
        "import sys; from target_telemetry_postgres.cli.app import run; "
        f"run(['--url', {database_url!r}, 'stats']); "
        "heavy = {'sqlalchemy', 'singer_sdk', 'alembic', 'rich', 'genai_prices'}; "
        "sys.exit(', '.join(heavy & set(sys.modules)) or 0)"
    )
    ran = python(script)
    assert ran.returncode == 0, ran.stderr


def test_the_url_connects(database_url: str) -> None:
    ran = telemetry("--url", database_url, "url")
    with psycopg.connect(ran.out.strip()) as connection:
        assert connection.execute("select 1").fetchone() == (1,)


def test_the_url_of_a_server_never_shows_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TARGET_TELEMETRY_POSTGRES_HOST", "db.example")
    monkeypatch.setenv("TARGET_TELEMETRY_POSTGRES_PASSWORD", "s3cretword")
    monkeypatch.setenv("TARGET_TELEMETRY_POSTGRES_DATABASE", "t")
    ran = telemetry("url")
    assert ran.out.startswith("postgresql://db.example/t")
    assert "s3cretword" not in ran.out + ran.err


def test_the_address_for_meltano_leads_into_a_schema_of_its_own(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = telemetry("--url", database_url, "url", "--meltano")
    assert telemetry("--url", database_url, "url", "--meltano").out == ran.out
    with sqlalchemy.create_engine(ran.out.strip()).begin() as connection:
        connection.execute(sqlalchemy.text("create table state (state_id text)"))
    with psycopg.connect(telemetry("--url", database_url, "url").out.strip()) as connection:
        assert connection.execute("select count(*) from meltano.state").fetchone() == (0,)
    monkeypatch.chdir(tmp_path)
    embedded = telemetry("url", "--meltano")
    assert (embedded.code, "--url" in embedded.err) == (1, True)


def test_url_hold_keeps_the_embedded_server_up_until_it_is_told_to_stop(tmp_path: Path) -> None:
    holding = subprocess.Popen(
        [*COMMAND, "url", "--hold"], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    )
    try:
        assert holding.stdout is not None
        url = holding.stdout.readline().strip()
        with psycopg.connect(url) as connection:
            assert connection.execute("select 1").fetchone() == (1,)
    finally:
        holding.send_signal(signal.SIGTERM)
        assert holding.wait(60) == 0
        holding.stdout.close()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url)


def psql_says(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, check=False)


def test_psql_finds_the_tables_without_their_schema(database: Database, database_url: str) -> None:
    insert(database, "llm_calls", call(1))
    ran = psql_says("--url", database_url, "psql", "-XAtc", "select count(*) from llm_calls")
    assert (ran.returncode, ran.stdout) == (0, "1\n"), ran.stderr
    failed = psql_says("--url", database_url, "psql", "-c", "select 1 from nowhere")
    assert failed.returncode == 1


def test_psql_keeps_the_embedded_server_up_while_it_runs(tmp_path: Path) -> None:
    ran = subprocess.run(
        [*COMMAND, "psql", "-XAtc", "select 1"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stdout) == (0, "1\n"), ran.stderr


def test_psql_comes_with_the_embedded_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    program = Path(psql.find_psql(embedded=False))
    assert program.name == "psql"
    assert program.is_file()


def test_migrate_check_fails_until_migrate_ran(empty_database_url: str) -> None:
    url = ("--url", empty_database_url)
    checked = telemetry(*url, "migrate", "--check")
    assert (checked.code, "pending" in checked.err) == (1, True)
    migrated = telemetry(*url, "migrate")
    assert (migrated.code, "Applied ledger/0001_" in migrated.out) == (0, True), migrated.err
    assert telemetry(*url, "migrate", "--check").code == 0
    assert "nothing to do" in telemetry(*url, "migrate").out


def test_migrate_goes_back_and_forth(empty_database_url: str) -> None:
    url = ("--url", empty_database_url)
    assert telemetry(*url, "migrate", "--to", "pipelines/0002").code == 0
    back = telemetry(*url, "migrate", "--to", "pipelines/-1")
    assert "Took back pipelines/0002_" in back.out, back.err
    name = telemetry(*url, "migrate", "--check").err.split("(")[1].split(",")[0]
    assert telemetry(*url, "migrate", "--to", name).code == 0
    assert telemetry(*url, "migrate", "--to", "base").code == 0
    assert telemetry(*url, "migrate", "--to", "head").code == 0
    gone = telemetry(*url, "migrate", "--to", "llm/base")
    assert "Took back llm/0001_usage, " in gone.out, gone.err
    assert telemetry(*url, "migrate", "--to", "llm/head").code == 0
    assert telemetry(*url, "migrate", "--check").code == 0


@pytest.mark.parametrize("place", ["nonsense", "0002", "-1", "llm/0099", "llm/-9", "other/head"])
def test_migrate_knows_no_way_to_what_is_not_there(database_url: str, place: str) -> None:
    wrong = telemetry("--url", database_url, "migrate", f"--to={place}")

    assert (wrong.code, wrong.err.count("\n")) == (1, 1), wrong.err


def test_prune_deletes_what_is_past_its_retention_and_a_dry_run_only_says_so(
    database: Database, database_url: str
) -> None:
    old = datetime.now(timezone.utc) - timedelta(days=400)
    insert(database, "llm_calls", call(1, created_at=old), call(2), call(3))
    url = ("--url", database_url)
    dry = telemetry(*url, "prune", "--dry-run")
    assert (dry.code, dry.out.splitlines()[-1]) == (0, "1 row would go."), dry.err
    other = telemetry(*url, "prune", "--table", "workflow_runs")
    assert other.out.splitlines()[-1] == "0 rows deleted."
    ran = telemetry(*url, "prune", "--table", "llm_calls", "--json")
    assert [(t["table"], t["rows"]) for t in ran.json["tables"]] == [("llm_calls", 1)]
    assert telemetry(*url, "prune").out.splitlines()[-1] == "0 rows deleted."
    unknown = telemetry(*url, "prune", "--table", "nowhere")
    assert (unknown.code, "nowhere" in unknown.err) == (1, True)


def test_a_configuration_file_says_which_database(database_url: str, tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(f'{{"sqlalchemy_url": "{database_url}"}}')
    assert telemetry("--config", str(path), "migrate", "--check").code == 0
    path.write_text("[]")
    ran = telemetry("--config", str(path), "stats")
    assert (ran.code, "one JSON object" in ran.err) == (1, True)


def test_a_reader_that_closes_the_pipe_ends_an_export_quietly(
    database: Database, database_url: str
) -> None:
    with database.connect() as connection:
        connection.execute(
            "insert into telemetry.llm_calls (call_id, notes) "
            "select gen_random_uuid(), repeat('x', 1000) from generate_series(1, 5000)"
        )
    options = ["--url", database_url, "--log-level", "error"]
    command = shlex.join([*COMMAND, *options, "export", "llm_calls"])
    ran = subprocess.run(
        ["bash", "-c", f"{command} | head -1"], capture_output=True, text=True, check=False
    )
    assert (ran.stdout.count("\n"), ran.stderr) == (1, "")


@pytest.mark.parametrize("arguments", [["reprice"], ["export", "llm_calls"], ["grant"]])
def test_what_needs_tables_says_how_to_make_them(
    arguments: list[str], empty_database_url: str
) -> None:
    ran = telemetry("--url", empty_database_url, *arguments)
    assert (ran.code, ran.err.count("\n")) == (1, 1), ran.err
    assert "`telemetry migrate`" in ran.err

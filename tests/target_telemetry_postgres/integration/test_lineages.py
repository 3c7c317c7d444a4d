"""A bookmark is followed only in the database that its rows are in."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from support import csv_stories
from support.postgres import url_of
from support.singer import Loader, record, schema, state
from support.telemetry_command import telemetry
from target_telemetry_postgres.errors import StateError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.postgres import PostgresServer
    from target_telemetry_postgres.postgres.database import Database

STREAM = schema("s", {"id": {"type": "integer"}}, ["id"])


def at(runs: int, line: str = "one", **more: Any) -> dict[str, Any]:
    return state(lineage={"id": line, "runs": runs}, **more)


def run(loader: Loader, number: int, **settings: Any) -> list[dict[str, Any]]:
    """The run of that number, counted from 1, as a tap sends it."""
    row = record("s", {"id": number})
    return loader.load(at(number - 1), STREAM, row, at(number), **settings)


@pytest.fixture
def loader(database: Database) -> Loader:
    return Loader(database, url_of(database.conninfo))


@pytest.fixture
def other(postgres_server: PostgresServer) -> Iterator[Loader]:
    """The server that somebody moves to."""
    name = postgres_server.make_database()
    database = postgres_server.database(name)
    yield Loader(database, url_of(database.conninfo))
    postgres_server.drop_database(name)


def test_runs_that_follow_each_other_load_and_only_their_own_states_come_out(
    loader: Loader,
) -> None:
    for number in (1, 2, 3):
        assert run(loader, number) == [{"lineage": {"id": "one", "runs": number}}]
    assert len(loader.table("s")) == 3
    (line,) = loader.table("state_lineages")
    assert (line["lineage_id"], line["runs"]) == ("one", 3)


def test_a_state_that_ran_elsewhere_ends_the_run_before_anything_is_made(
    loader: Loader, other: Loader
) -> None:
    run(loader, 1)
    with pytest.raises(StateError, match="comes from 1 run, none of which loaded into"):
        run(other, 2)
    assert other.emitted == []
    assert not other.types("s")
    # And in the other order.
    other.load(at(0, "two"), STREAM, record("s", {"id": 9}), at(1, "two"))
    with pytest.raises(StateError, match="set accept_unknown_state"):
        loader.load(at(1, "two"), STREAM, at(2, "two"))


def test_a_full_refresh_and_the_setting_are_ways_on(loader: Loader, other: Loader) -> None:
    run(loader, 1)
    other.load(at(0, "fresh"), STREAM, record("s", {"id": 1}), at(1, "fresh"))
    other.load(at(1, "fresh"), STREAM, at(2, "fresh"))
    run(other, 2, accept_unknown_state=True)
    run(other, 3)


def test_a_restored_backup_is_named(loader: Loader, postgres_server: PostgresServer) -> None:
    run(loader, 1)
    backup = postgres_server.copy_database(loader.database)
    run(loader, 2)
    run(loader, 3)
    restored = Loader(backup, url_of(backup.conninfo))
    with pytest.raises(StateError, match=r"comes from 3 runs, and .* knows of 1: it is an older"):
        run(restored, 4)
    run(restored, 4, accept_unknown_state=True)
    run(restored, 5)
    postgres_server.drop_database(postgres_server.dbname(backup))


def test_an_older_state_than_the_stores_loads_again(loader: Loader) -> None:
    for number in (1, 2, 3):
        run(loader, number)
    run(loader, 2)
    assert loader.table("state_lineages")[0]["runs"] == 3


def test_states_of_other_taps_are_passed_on_as_ever(loader: Loader) -> None:
    emitted = loader.load(state(bookmarks={}), STREAM, state(lineage="none"), state(lineage=[1]))
    assert emitted[-1] == {"lineage": [1]}
    assert loader.table("state_lineages") == []


def test_a_run_that_fails_has_counted_only_what_was_committed(loader: Loader) -> None:
    with pytest.raises(Exception, match="Unable to parse"):
        loader.load(at(0), STREAM, record("s", {"id": 1}), at(1), "no message", batch_size_rows=1)
    assert [row["runs"] for row in loader.table("state_lineages")] == [1]
    run(loader, 2)


def test_overwriting_keeps_the_line_too(loader: Loader) -> None:
    run(loader, 1, load_method="overwrite")
    run(loader, 2, load_method="overwrite")


def test_an_export_carries_the_lines_to_another_database(
    loader: Loader, other: Loader, tmp_path: Path
) -> None:
    run(loader, 1)
    assert telemetry("--url", loader.url, "export", "--all", "-o", str(tmp_path / "old")).code == 0
    run(loader, 2)
    folder = str(tmp_path / "out")
    assert telemetry("--url", loader.url, "export", "--all", "-o", folder).code == 0
    assert telemetry("--url", other.url, "import", folder).code == 0
    # What was exported earlier takes nothing back.
    assert telemetry("--url", other.url, "import", str(tmp_path / "old")).code == 0
    run(other, 3)
    assert [row["id"] for row in other.table("s")] == [1, 2, 3]


def test_the_lines_find_their_place_in_a_schema_of_somebody_else(
    loader: Loader, other: Loader, tmp_path: Path
) -> None:
    run(loader, 1)
    assert telemetry("--url", loader.url, "export", "--all", "-o", str(tmp_path)).code == 0
    ran = telemetry("--url", other.url, "--schema", "analytics", "import", str(tmp_path))
    assert ran.code == 0, ran.err
    run(other, 2, default_target_schema="analytics")
    rows = other.query("SELECT runs FROM analytics._telemetry_state_lineages")
    assert rows == [(2,)]


def test_a_store_that_may_not_be_migrated_loads_on(loader: Loader) -> None:
    ran = telemetry("--url", loader.url, "migrate")
    assert ran.code == 0
    loader.execute("DROP TABLE state_lineages; DROP FUNCTION keep_the_later_run")
    loader.execute("UPDATE version SET version_num = 'ledger_0002' WHERE version_num LIKE 'led%'")
    run(loader, 2, migrate="off")


def pipeline(folder: Path, url: str, *more: str) -> subprocess.CompletedProcess[str]:
    """`tap-llm-csv | target-telemetry-postgres`, with a state file as Meltano keeps it."""
    (folder / "target.json").write_text(json.dumps({"sqlalchemy_url": url}))
    tap = [sys.executable, "-m", "tap_llm_csv", "--config=ENV", *more]
    target = [sys.executable, "-m", "target_telemetry_postgres", "--config", "target.json"]
    environment = {**os.environ, "TAP_LLM_CSV_PATH": "logs"}
    with subprocess.Popen(
        tap, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as source:
        done = subprocess.run(
            target, cwd=folder, stdin=source.stdout, capture_output=True, text=True, check=False
        )
    if done.stdout:
        (folder / "state.json").write_text(done.stdout.splitlines()[-1])
    return done


def test_the_tap_and_the_target_agree_about_two_databases(
    loader: Loader, other: Loader, tmp_path: Path
) -> None:
    (tmp_path / "logs").mkdir()
    csv_stories.write(tmp_path / "logs" / "usage.csv", *csv_stories.rows(0, 20))
    state_file = ("--state", "state.json")
    assert pipeline(tmp_path, loader.url).returncode == 0
    csv_stories.append(tmp_path / "logs" / "usage.csv", *csv_stories.rows(20, 25))
    refused = pipeline(tmp_path, other.url, *state_file)
    assert refused.returncode == 1
    assert "what it skips is in another database" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert pipeline(tmp_path, loader.url, *state_file).returncode == 0
    assert len(loader.table("llm_calls")) == 25
    # A full refresh: no state.
    assert pipeline(tmp_path, other.url).returncode == 0
    assert len(other.table("llm_calls")) == 25
    assert pipeline(tmp_path, other.url, *state_file).returncode == 0

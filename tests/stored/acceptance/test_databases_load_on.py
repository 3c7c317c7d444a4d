"""A database that an earlier commit made, with all its tables and a ledger, loads on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from support.postgres import url_of
from support.singer import Loader
from support.stored_messages import for_a_database
from support.telemetry_command import telemetry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.postgres import PostgresServer
    from target_telemetry_postgres.postgres.database import Database

FIXTURES = Path(__file__).parents[1] / "fixtures"
LOADED = (
    "workflow_runs",
    "workflow_jobs",
    "workflow_steps",
    "workflows",
    "llm_calls",
    "llm_csv_rejects",
    "orders",
)
# When a rejected line was seen last is the reading's own time.
UNTOUCHED = tuple(table for table in LOADED if table != "llm_csv_rejects")
# The rows are old, and the tests will be.
KEPT = {
    "retention": dict.fromkeys(("workflow_runs", "workflow_jobs", "workflow_steps", "llm_calls"))
}


@pytest.fixture(params=sorted(FIXTURES.glob("*/database.sql")), ids=lambda path: path.parent.name)
def restored(request: pytest.FixtureRequest, postgres_server: PostgresServer) -> Iterator[Database]:
    """The stored database, on a server of now."""
    name = postgres_server.make_database()
    database = postgres_server.database(name)
    with psycopg.connect(database.conninfo) as connection:
        connection.execute(request.param.read_bytes())
    yield database
    postgres_server.drop_database(name)


def content(loader: Loader, table: str) -> list[dict[str, str]]:
    """A table's rows as a user sees them, without when and as which number they were stored."""
    kept = [
        {
            name: str(value)
            for name, value in row.items()
            if name not in {"id", "created_at", "seen_at"} and not name.startswith("_sdc_")
        }
        for row in loader.table(table)
    ]
    return sorted(kept, key=str)


def versions(loader: Loader, table: str) -> set[tuple[str, str]]:
    """Each row's place and the transaction that wrote it: another once it is touched."""
    return set(loader.query(f"SELECT ctid::text, xmin::text FROM {table}"))


def test_it_migrates_and_loads_on_as_if_all_had_been_loaded_now(
    restored: Database, database: Database, tmp_path: Path
) -> None:
    messages = for_a_database(tmp_path / "files", later=True)
    old = Loader(restored, url_of(restored.conninfo), dict(KEPT))
    new = Loader(database, url_of(database.conninfo), dict(KEPT))
    stored = {table: versions(old, table) for table in UNTOUCHED}
    columns = {table: old.types(table) for table in UNTOUCHED}
    ledger = old.table("ingest_runs", "id")
    old.load(*messages)
    new.load(*messages)
    for table in LOADED:
        assert content(old, table) == content(new, table), table
    # A table that has a column more since then is filled up.
    for table in (table for table in UNTOUCHED if columns[table] == old.types(table)):
        assert stored[table] <= versions(old, table), f"{table}: a row that was there was touched"
    first, *others = ledger
    by_id = {row["id"]: row for row in old.table("ingest_runs", "id")}
    assert by_id[first["id"]]["status"] == "interrupted"
    assert all(by_id[row["id"]].items() >= row.items() for row in others)
    # Once more: nothing twice.
    old.load(*messages)
    assert {old.ledger(table)["rows_inserted"] for table in LOADED} == {0}


@pytest.mark.parametrize("command", [["stats"], ["status"], ["report", "cost-per-phase"]])
def test_the_command_reads_it_once_it_is_migrated(restored: Database, command: list[str]) -> None:
    url = url_of(restored.conninfo)
    assert telemetry("--url", url, "migrate").code == 0
    ran = telemetry("--url", url, *command)
    assert ran.code == 0, ran.err
    assert telemetry("--url", url, "migrate", "--check").code == 0

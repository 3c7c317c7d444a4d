"""Stores of earlier commits, when one chain of numbers held all migrations, go on by themselves."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from psycopg import sql

from target_telemetry_postgres.postgres import migrate
from target_telemetry_postgres.postgres.revisions import known, scripts
from target_telemetry_postgres.postgres.store import look

if TYPE_CHECKING:
    from support.postgres import PostgresServer
    from target_telemetry_postgres.postgres.database import Database

#: What each number of the chain ran, as it was.
CHAIN = sorted((Path(__file__).parents[1] / "earlier").glob("*.sql"))
NUMBERS = [path.name[:4] for path in CHAIN]


def make_store(database: Database, number: str) -> None:
    """A store as the commit left it that had the chain up to this number."""
    schema = sql.Identifier(database.schema)
    with database.connect() as connection:
        connection.execute(sql.SQL("CREATE SCHEMA {}").format(schema))
        connection.execute(sql.SQL("SET search_path TO {}").format(schema))
        for path in CHAIN:
            if path.name[:4] <= number:
                connection.execute(path.read_bytes())
        connection.execute(
            "CREATE TABLE version (version_num varchar(32) NOT NULL,"
            " CONSTRAINT version_pkc PRIMARY KEY (version_num))"
        )
        connection.execute("INSERT INTO version VALUES (%s)", [number])
        connection.execute("INSERT INTO workflow_runs (github_run_id, run_attempt) VALUES (7, 1)")


@pytest.mark.parametrize("schema", ["telemetry", 'Team "A"'])
@pytest.mark.parametrize("number", NUMBERS)
def test_a_store_of_every_earlier_number_goes_on_and_keeps_its_rows(
    postgres_server: PostgresServer, empty_database: Database, number: str, schema: str
) -> None:
    store = postgres_server.database(postgres_server.dbname(empty_database), schema)
    make_store(store, number)

    migrate.ensure_schema(store, "auto")

    assert migrate.pending(store) == []
    assert migrate.drift(store) == []
    with store.connect() as connection:
        rows = connection.execute(
            sql.SQL("SELECT github_run_id FROM {}").format(sql.Identifier(schema, "workflow_runs"))
        ).fetchall()
    assert rows == [(7,)]


@pytest.mark.parametrize("number", NUMBERS)
def test_what_is_pending_counts_what_the_chain_brought(
    empty_database: Database, number: str
) -> None:
    make_store(empty_database, number)

    waiting = {migration.revision for migration in migrate.pending(empty_database)}

    # What was not brought is what the numbers after this one ran.
    later = {
        "0001": {"llm_0001", "ledger_0001", "pipelines_0002", "ledger_0002"},
        "0002": {"ledger_0001", "pipelines_0002", "ledger_0002"},
        "0003": {"pipelines_0002", "ledger_0002"},
        "0004": {"ledger_0002"},
        "0005": set(),
    }
    assert waiting & {"pipelines_0001", "coverage_0001"} == set()
    assert later[number] <= waiting


def test_a_store_of_the_chain_can_be_taken_back(empty_database: Database) -> None:
    make_store(empty_database, "0005")

    migrate.downgrade(empty_database, "pipelines@pipelines_0001")

    with empty_database.connect() as connection:
        store = look(connection, "telemetry")
    assert "pipelines_0001" in store.revisions
    assert {m.revision for m in migrate.pending(empty_database)} >= {"pipelines_0002"}


def test_every_file_is_named_as_its_revision() -> None:
    for revision, migration in known(scripts()).items():
        path = scripts() / "versions" / migration.branch / f"{migration.name}.py"
        text = path.read_text(encoding="utf-8")
        before = next((r for r in migration.after if r.startswith(migration.branch)), None)
        label = f'("{migration.branch}",)' if before is None else "None"
        assert f'\nrevision = "{revision}"\n' in text
        assert f"\ndown_revision = {before and chr(34) + before + chr(34)}\n" in text
        assert f"\nbranch_labels = {label}\n" in text

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from psycopg import sql

from target_telemetry_postgres.errors import DatabaseError, MigrationError
from target_telemetry_postgres.models import Base
from target_telemetry_postgres.postgres import migrate
from target_telemetry_postgres.postgres.revisions import branches, known, ledger_tables, scripts
from target_telemetry_postgres.table_names import (
    LEDGER_PREFIX,
    SYSTEMS,
    VERSION_TABLE,
)

if TYPE_CHECKING:
    from support.postgres import PostgresServer
    from target_telemetry_postgres.postgres.database import Database


FEW = 100 if os.environ.get("TELEMETRY_PROOF") == "full" else 4
FILES = list(known(scripts()).values())
MADE = {
    branch: {
        name for one in known(scripts()).values() if one.branch == branch for name in one.makes
    }
    for branch in branches()
}
SYSTEMS_MADE = set().union(*(MADE[system] for system in SYSTEMS))
LEDGER_ELSEWHERE = {LEDGER_PREFIX + name for name in (VERSION_TABLE, *ledger_tables())}


def relations(database: Database) -> set[str]:
    with database.connect() as connection:
        rows = connection.execute(
            "SELECT relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE nspname = %s AND relkind IN ('r', 'v')",
            [database.schema],
        ).fetchall()
    return {row[0] for row in rows}


def test_upgrading_makes_every_table_and_the_version_table_in_our_schema_only(
    empty_database: Database,
) -> None:
    migrate.upgrade(empty_database)

    assert relations(empty_database) == {
        *Base.metadata.tables,
        "job_costs",
        "pipeline_health",
        "pr_trace_commits",
        "pr_trace_measures",
        "pr_trace_order",
        "pr_trace_red_spells",
        "pr_trace_tests",
        VERSION_TABLE,
    }
    with empty_database.connect() as connection:
        elsewhere = connection.execute(
            "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
        ).fetchone()
    assert elsewhere == (0,)


def test_between_models_and_migrations_there_is_no_drift(database: Database) -> None:
    assert migrate.drift(database) == []


def test_a_column_that_only_the_database_has_is_drift(database: Database) -> None:
    with database.connect() as connection:
        connection.execute("ALTER TABLE telemetry.llm_calls ADD COLUMN stray text")

    assert any("stray" in difference for difference in migrate.drift(database))


def test_what_was_done_is_told_in_one_line(
    empty_database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")

    migrate.upgrade(empty_database)
    migrate.upgrade(empty_database)

    [line] = [record.getMessage() for record in caplog.records]
    assert line.startswith("Schema telemetry was brought to ledger/0003_state_lineages, ")
    assert all(f" {branch}/" in line for branch in ("ledger", *SYSTEMS))


def test_upgrading_again_changes_nothing(database: Database) -> None:
    before = relations(database)

    migrate.upgrade(database)

    assert migrate.pending(database) == []
    assert relations(database) == before


def test_every_migration_can_be_undone_and_done_again(empty_database: Database) -> None:
    for migration in migrate.pending(empty_database):
        before = relations(empty_database)
        migrate.upgrade(empty_database, migration.revision)
        after = relations(empty_database)
        migrate.downgrade(empty_database, f"{migration.branch}@-1")
        assert relations(empty_database) == before | {VERSION_TABLE}
        migrate.upgrade(empty_database, migration.revision)
        assert relations(empty_database) == after
    assert migrate.pending(empty_database) == []


def test_another_schema_gets_the_ledger_and_no_more_until_it_is_asked_for(
    postgres_server: PostgresServer, empty_database: Database
) -> None:
    name = postgres_server.dbname(empty_database)
    awkward = postgres_server.database(name, schema='Team "A"')

    migrate.upgrade(awkward)

    assert relations(awkward) == LEDGER_ELSEWHERE
    assert migrate.pending(awkward) == []
    assert relations(empty_database) == set()
    assert migrate.drift(awkward) == []

    migrate.upgrade(awkward, *map(migrate.head, branches()))

    assert relations(awkward) == LEDGER_ELSEWHERE | SYSTEMS_MADE
    assert migrate.drift(awkward) == []


def test_several_starts_at_once_migrate_once(empty_database: Database) -> None:
    failures: list[Exception] = []

    def start() -> None:
        try:
            migrate.ensure_schema(empty_database, "auto")
        except Exception as error:  # noqa: BLE001 - a thread's failure must reach the test
            failures.append(error)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    assert migrate.pending(empty_database) == []


def test_check_names_what_is_pending_and_changes_nothing(empty_database: Database) -> None:
    with pytest.raises(
        MigrationError, match=r"behind by \d+ migrations \(ledger/0001_runs.*migrate"
    ):
        migrate.ensure_schema(empty_database, "check")

    assert relations(empty_database) == set()


def test_off_does_not_even_look(postgres_server: PostgresServer) -> None:
    migrate.ensure_schema(postgres_server.database("no_such_database"), "off")


def test_a_schema_from_a_newer_version_is_left_alone(database: Database) -> None:
    with database.connect() as connection:
        connection.execute(
            "UPDATE telemetry.version SET version_num = 'llm_9999' WHERE version_num ~ 'llm'"
        )

    with pytest.raises(MigrationError, match=r"at migration llm_9999.*upgrade target-telemetry"):
        migrate.ensure_schema(database, "auto")


def test_a_role_without_ddl_is_told_so(
    postgres_server: PostgresServer, empty_database: Database
) -> None:
    with postgres_server.role() as role:
        limited = postgres_server.database(postgres_server.dbname(empty_database), user=role)
        with pytest.raises(
            DatabaseError, match=r"does not allow this to the role .* migrate to off"
        ):
            migrate.ensure_schema(limited, "auto")


def test_a_role_without_create_on_the_database_migrates_a_schema_that_was_made_for_it(
    postgres_server: PostgresServer, empty_database: Database
) -> None:
    name = postgres_server.dbname(empty_database)
    with postgres_server.role() as role:
        postgres_server.execute(
            sql.SQL("CREATE SCHEMA telemetry AUTHORIZATION {}").format(sql.Identifier(role)), name
        )
        owner = postgres_server.database(name, user=role)

        migrate.ensure_schema(owner, "auto")

        assert migrate.pending(owner) == []
        postgres_server.drop_database(name)


def test_a_failing_migration_leaves_nothing_behind(empty_database: Database) -> None:
    with empty_database.connect() as connection:
        connection.execute("CREATE SCHEMA telemetry")
        connection.execute("CREATE DOMAIN telemetry.llm_calls AS text")

    with pytest.raises(DatabaseError, match="llm_calls"):
        migrate.upgrade(empty_database)

    assert relations(empty_database) == set()


@pytest.mark.parametrize("taken", ["llm_calls", "runner_prices"])
def test_a_table_of_somebody_else_keeps_its_system_away_and_is_named(
    empty_database: Database, caplog: pytest.LogCaptureFixture, taken: str
) -> None:
    with empty_database.connect() as connection:
        connection.execute("CREATE SCHEMA telemetry")
        connection.execute(f"CREATE TABLE telemetry.{taken} (stray text)")

    migrate.ensure_schema(empty_database, "auto")
    migrate.ensure_schema(empty_database, "check")

    (system,) = (name for name, made in MADE.items() if taken in made)
    assert migrate.pending(empty_database) == []
    assert relations(empty_database) & MADE[system] == {taken}
    assert SYSTEMS_MADE - MADE[system] < relations(empty_database)
    (told, _) = (one.getMessage() for one in caplog.records if one.levelname == "WARNING")
    assert f'"{taken}" of its own, so the tables of {system} are not made' in told


@pytest.mark.parametrize("taken", [VERSION_TABLE, *ledger_tables()])
def test_a_ledger_whose_names_are_taken_in_telemetry_has_others(
    empty_database: Database, taken: str
) -> None:
    with empty_database.connect() as connection:
        connection.execute("CREATE SCHEMA telemetry")
        connection.execute(f"CREATE TABLE telemetry.{taken} (stray text)")

    migrate.ensure_schema(empty_database, "auto")

    assert relations(empty_database) >= LEDGER_ELSEWHERE
    assert migrate.pending(empty_database) == []


def test_everything_that_the_migrations_make_is_listed_by_name(database: Database) -> None:
    listed = {VERSION_TABLE, *ledger_tables(), *SYSTEMS_MADE}

    assert relations(database) == listed


# An example takes seconds, so a failing one is shown as it was found.
@settings(max_examples=FEW, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(data=st.data())
@pytest.mark.proof
def test_in_whatever_order_systems_arrive_they_end_the_same(
    postgres_server: PostgresServer, data: st.DataObject
) -> None:
    schema = data.draw(st.sampled_from(["telemetry", "analytics"]))
    name = postgres_server.make_database()
    store = postgres_server.database(name, schema)
    files = list(known(scripts()).values())
    steps = data.draw(st.permutations([one.revision for one in files]))
    backwards = data.draw(st.sets(st.sampled_from(steps)))

    for revision in steps:
        migrate.upgrade(store, revision)
        if revision in backwards:
            branch = known(scripts())[revision].branch
            migrate.downgrade(store, f"{branch}@-1")
        if data.draw(st.booleans()):
            migrate.ensure_schema(store, "auto")
    migrate.upgrade(store, *map(migrate.head, branches()))

    assert migrate.pending(store) == []
    assert migrate.drift(store) == []
    ledger = {VERSION_TABLE, *ledger_tables()} if schema == "telemetry" else LEDGER_ELSEWHERE
    assert relations(store) == ledger | SYSTEMS_MADE
    postgres_server.drop_database(name)

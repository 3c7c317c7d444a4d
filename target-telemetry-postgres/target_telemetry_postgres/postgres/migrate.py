"""Bring the schema to what this version needs, by Alembic, one transaction, one process at a time.

Alembic and SQLAlchemy take a second to import, so the everyday question, is there anything to do,
is answered without them.
"""

from __future__ import annotations

import logging
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal, cast

import psycopg
from psycopg import sql

from target_telemetry_postgres.errors import MigrationError
from target_telemetry_postgres.postgres.failures import explain
from target_telemetry_postgres.postgres.revisions import applied, branches, known, scripts
from target_telemetry_postgres.postgres.store import look, require_ours
from target_telemetry_postgres.table_names import LEDGER

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    import sqlalchemy
    from alembic.config import Config

    from target_telemetry_postgres.postgres.database import Database
    from target_telemetry_postgres.postgres.revisions import Migration
    from target_telemetry_postgres.postgres.store import Store

log = logging.getLogger(__name__)


def ensure_schema(database: Database, mode: Literal["auto", "check", "off"]) -> None:
    """Do on start what the setting `migrate` says.

    Raises:
        MigrationError: When the schema is behind and may not be changed, or is ahead.
    """
    if mode == "off":
        return
    store = look_at(database)
    require_ours(store, database)
    behind = waiting(store)
    for branch in branches() if store.is_ours else store.branches:
        if sentence := named_in_the_way(store, branch):
            log.warning("%s", sentence)
    if not behind:
        return
    if mode == "check":
        raise MigrationError(
            f"Schema {database.schema} of {database.describe()} is behind by {len(behind)} "
            f"migration{'s' * (len(behind) > 1)} ({', '.join(map(str, behind))}); run "
            "`telemetry migrate`."
        )
    upgrade(database)


def pending(database: Database) -> list[Migration]:
    """The migrations that a start would run, in order."""
    return waiting(look_at(database))


def look_at(database: Database) -> Store:
    """What the schema holds of ours."""
    try:
        with database.connect(autocommit=True, purpose="migrate") as connection:
            store = look(connection, database.schema)
    except psycopg.Error as error:
        raise explain(error, database) from error
    if taken := store.in_the_way(LEDGER):
        raise MigrationError(
            f"Schema {database.schema} of {database.describe()} has {', '.join(taken)} of its own, "
            "a name that the target's ledger needs; rename it."
        )
    strange = sorted(store.revisions - known(scripts()).keys())
    if strange:
        raise MigrationError(
            f"Schema {database.schema} of {database.describe()} is at migration "
            f"{', '.join(strange)}, which this version does not know; upgrade "
            "target-telemetry-postgres."
        )
    return store


def expected(store: Store) -> list[str]:
    """The branches to bring up to date: everything in `telemetry`, elsewhere what is there.

    One whose names are taken stays as it is.
    """
    here = store.branches if not store.is_ours else branches()
    return [
        one for one in branches() if one == LEDGER or (one in here and not store.in_the_way(one))
    ]


def named_in_the_way(store: Store, branch: str) -> str:
    """The sentence for what keeps a branch from coming; empty when nothing does."""
    names = ", ".join(f'"{name}"' for name in store.in_the_way(branch))
    return names and (
        f'Schema "{store.schema}" has {names} of its own, so the tables of {branch} are not made '
        "there: a stream of that name is loaded into it where it fits."
    )


def waiting(store: Store, branches: Collection[str] | None = None) -> list[Migration]:
    """What these branches still have to run, and what that needs of others, in order."""
    chosen = expected(store) if branches is None else branches
    migrations = known(scripts())
    heads = [revision for revision, one in migrations.items() if one.branch in chosen]
    needed = applied(heads, migrations) - applied(store.revisions, migrations)
    return [one for revision, one in migrations.items() if revision in needed]


def upgrade(database: Database, *revisions: str) -> None:
    """Run the migrations up to these revisions; making the schema first where it is missing."""
    # Alembic tells of its own parts at length.
    logging.getLogger("alembic").setLevel(logging.WARNING)
    from alembic import command  # noqa: PLC0415 - see the module's docstring

    began = time.monotonic()
    before = look_at(database)
    with _alembic(database) as (config, store):
        for revision in revisions or map(head, expected(store)):
            command.upgrade(config, revision)
    migrations = known(scripts())
    ran = applied(look_at(database).revisions, migrations) - applied(before.revisions, migrations)
    done = [one for revision, one in migrations.items() if revision in ran]
    if done:
        log.info(
            "Schema %s was brought to %s in %.1f s (%d migration%s).",
            database.schema,
            ", ".join(map(str, {one.branch: one for one in done}.values())),
            time.monotonic() - began,
            len(done),
            "s" * (len(done) > 1),
        )


def head(branch: str) -> str:
    """The newest of a branch, in Alembic's spelling."""
    return f"{branch}@head"


def downgrade(database: Database, revision: str) -> None:
    """Undo the migrations after `revision`; `base` undoes all, and the data goes with them."""
    from alembic import command  # noqa: PLC0415 - see the module's docstring

    with _alembic(database) as (config, _):
        command.downgrade(config, revision)


def drift(database: Database) -> list[str]:
    """Where the migrated tables and the models differ; empty when they agree."""
    from alembic.autogenerate import compare_metadata  # noqa: PLC0415 - see the module's docstring
    from alembic.migration import MigrationContext  # noqa: PLC0415

    with _connection(database) as (connection, store):
        modelled = _models(store)
        options = {
            "compare_type": True,
            "compare_server_default": True,
            "version_table": store.version_table,
            "include_name": lambda name, kind, _parents: (
                kind != "table"
                or name in modelled.tables
                or (store.is_ours and name != store.version_table)
            ),
        }
        context = MigrationContext.configure(connection, opts=options)
        return [str(difference) for difference in compare_metadata(context, modelled)]


def _models(store: Store) -> sqlalchemy.MetaData:
    """The models of the branches that are here, by the names that they have here."""
    from sqlalchemy import Constraint, Index, MetaData, Table  # noqa: PLC0415 - see the module's docstring
    from sqlalchemy.sql.elements import conv  # noqa: PLC0415

    from target_telemetry_postgres.models import Base  # noqa: PLC0415

    metadata = MetaData(naming_convention=Base.metadata.naming_convention)
    for mapper in Base.registry.mappers:
        branch, table = mapper.class_.__module__.rpartition(".")[2], mapper.local_table
        if branch not in store.branches or not isinstance(table, Table):
            continue
        if branch != LEDGER:
            table.to_metadata(metadata)
            continue
        copy = table.to_metadata(metadata, name=store.name(table.name))
        parts: list[Index | Constraint] = [*copy.indexes, *copy.constraints]
        for named in parts:
            if isinstance(named.name, str):
                named.name = conv(store.prefix + named.name)
    return metadata


@contextmanager
def _alembic(database: Database) -> Iterator[tuple[Config, Store]]:
    """Alembic's configuration with our open connection in it; `env.py` finds it there."""
    from alembic.config import Config  # noqa: PLC0415 - see the module's docstring

    with _connection(database) as (connection, store):
        config = Config(attributes={"connection": connection, "store": store})
        config.set_main_option("script_location", str(scripts()).replace("%", "%%"))
        config.set_main_option("recursive_version_locations", "true")
        yield config, store


@contextmanager
def _connection(database: Database) -> Iterator[tuple[sqlalchemy.Connection, Store]]:
    """A transaction that alone may migrate, in which the schema exists and comes first."""
    import sqlalchemy as sa  # noqa: PLC0415 - see the module's docstring

    def connect() -> psycopg.Connection[Any]:
        return database.connect(purpose="migrate")

    engine = sa.create_engine("postgresql+psycopg://", creator=connect, poolclass=sa.pool.NullPool)
    try:
        with engine.begin() as connection:
            ours = cast("psycopg.Connection[Any]", connection.connection.driver_connection)
            store = _prepare(ours, database)
            connection.dialect.default_schema_name = database.schema
            yield connection, store
    except sa.exc.DBAPIError as error:
        if isinstance(error.orig, psycopg.Error):
            raise explain(error.orig, database) from error
        raise
    except psycopg.Error as error:
        raise explain(error, database) from error


def _prepare(connection: psycopg.Connection[Any], database: Database) -> Store:
    """Wait for whoever migrates now, and look at what there is then."""
    schema = database.schema
    # Another process may migrate for longer than a lock on a table should take.
    connection.execute("SET LOCAL lock_timeout = 0")
    connection.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))",
        [f"telemetry migrations of {schema}"],
    )
    connection.execute(
        "SELECT set_config('lock_timeout', %s, true)", [f"{database.lock_timeout * 1000:.0f}"]
    )
    there = connection.execute(
        "SELECT FROM pg_catalog.pg_namespace WHERE nspname = %s", [schema]
    ).fetchone()
    if there is None:
        connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
    connection.execute(sql.SQL("SET LOCAL search_path TO {}").format(sql.Identifier(schema)))
    store = look(connection, schema)
    require_ours(store, database)
    if store.stored is not None and store.stored != store.revisions:
        _write_versions(connection, store)
    return store


def _write_versions(connection: psycopg.Connection[Any], store: Store) -> None:
    """Have the version table say in branches what it said in numbers of the one chain."""
    table = store.table("version")
    connection.execute(sql.SQL("DELETE FROM {}").format(table))
    with connection.cursor() as cursor:
        cursor.executemany(
            sql.SQL("INSERT INTO {} (version_num) VALUES (%s)").format(table),
            [[revision] for revision in store.revisions],
        )

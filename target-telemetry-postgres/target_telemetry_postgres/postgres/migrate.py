"""Bring the schema to what this version needs, by Alembic, one transaction, one process at a time.

Alembic and SQLAlchemy take a second to import, so the everyday question, is there anything to do,
is answered without them.
"""

from __future__ import annotations

import logging
import re
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import psycopg
from psycopg import sql

from target_telemetry_postgres.errors import MigrationError
from target_telemetry_postgres.postgres.failures import explain
from target_telemetry_postgres.table_names import VERSION_TABLE

if TYPE_CHECKING:
    from collections.abc import Iterator

    import sqlalchemy
    from alembic.config import Config

    from target_telemetry_postgres.postgres.database import Database


log = logging.getLogger(__name__)

_FILE: Final = re.compile(r"^(\d{4})_(\w+)\.py$")


def ensure_schema(database: Database, mode: Literal["auto", "check", "off"]) -> None:
    """Do on start what the setting `migrate` says.

    Raises:
        MigrationError: When the schema is behind and may not be changed, or is ahead.
    """
    if mode == "off":
        return
    waiting = pending(database)
    if not waiting:
        return
    if mode == "check":
        raise MigrationError(
            f"Schema {database.schema} of {database.describe()} is behind by {len(waiting)} "
            f"migration{'s' * (len(waiting) > 1)} ({', '.join(waiting)}); run `telemetry migrate`."
        )
    upgrade(database)


def pending(database: Database) -> list[str]:
    """The migrations that are still to run, in order, such as `0002_ledger`."""
    current = _current(database)
    known = _migrations()
    if current is None:
        return known
    numbers = [name[:4] for name in known]
    if current not in numbers:
        raise MigrationError(
            f"Schema {database.schema} of {database.describe()} is at migration {current}, which "
            f"this version (up to {numbers[-1]}) does not know; upgrade target-telemetry-postgres."
        )
    return known[numbers.index(current) + 1 :]


def upgrade(database: Database, revision: str = "head") -> None:
    """Run the migrations up to `revision`; making the schema first where it is missing."""
    # Alembic tells of its own parts at length.
    logging.getLogger("alembic").setLevel(logging.WARNING)
    from alembic import command  # noqa: PLC0415 - see the module's docstring

    began = time.monotonic()
    before = pending(database)
    with _alembic(database) as config:
        command.upgrade(config, revision)
    done = before[: len(before) - len(pending(database))]
    if done:
        log.info(
            "Schema %s was brought to %s in %.1f s (%d migration%s).",
            database.schema,
            done[-1],
            time.monotonic() - began,
            len(done),
            "s" * (len(done) > 1),
        )


def downgrade(database: Database, revision: str) -> None:
    """Undo the migrations after `revision`; `base` undoes all, and the data goes with them."""
    from alembic import command  # noqa: PLC0415 - see the module's docstring

    with _alembic(database) as config:
        command.downgrade(config, revision)


def drift(database: Database) -> list[str]:
    """Where the migrated tables and the models differ; empty when they agree."""
    from alembic.autogenerate import compare_metadata  # noqa: PLC0415 - see the module's docstring
    from alembic.migration import MigrationContext  # noqa: PLC0415

    from target_telemetry_postgres.models import Base  # noqa: PLC0415

    options = {
        "compare_type": True,
        "compare_server_default": True,
        "version_table": VERSION_TABLE,
        "include_name": lambda name, kind, _parents: kind != "table" or name != VERSION_TABLE,
    }
    with _connection(database) as connection:
        context = MigrationContext.configure(connection, opts=options)
        return [str(difference) for difference in compare_metadata(context, Base.metadata)]


def scripts() -> Path:
    """The folder of the migrations: inside the wheel, or at the top of the repository."""
    packaged = Path(__file__).parents[1] / "migrations"
    return packaged if packaged.is_dir() else Path(__file__).parents[3] / "migrations"


def _migrations() -> list[str]:
    files = sorted(path.name for path in (scripts() / "versions").iterdir())
    found = [name.removesuffix(".py") for name in files if _FILE.match(name)]
    if not found:
        raise MigrationError(f"There are no migrations in {scripts()}; reinstall the package.")
    return found


def _current(database: Database) -> str | None:
    table = sql.Identifier(database.schema, VERSION_TABLE)
    try:
        with database.connect(autocommit=True, purpose="migrate") as connection:
            row = connection.execute(sql.SQL("SELECT version_num FROM {}").format(table)).fetchone()
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
        return None
    except psycopg.Error as error:
        raise explain(error, database) from error
    return str(row[0]) if row else None


@contextmanager
def _alembic(database: Database) -> Iterator[Config]:
    """Alembic's configuration with our open connection in it; `env.py` finds both."""
    from alembic.config import Config  # noqa: PLC0415 - see the module's docstring

    with _connection(database) as connection:
        config = Config(attributes={"connection": connection, "schema": database.schema})
        config.set_main_option("script_location", str(scripts()).replace("%", "%%"))
        yield config


@contextmanager
def _connection(database: Database) -> Iterator[sqlalchemy.Connection]:
    """A transaction that alone may migrate, in which the schema exists and comes first."""
    import sqlalchemy as sa  # noqa: PLC0415 - see the module's docstring

    def connect() -> psycopg.Connection[Any]:
        return database.connect(purpose="migrate")

    engine = sa.create_engine("postgresql+psycopg://", creator=connect, poolclass=sa.pool.NullPool)
    try:
        with engine.begin() as connection:
            _prepare(connection, database)
            yield connection
    except sa.exc.DBAPIError as error:
        if isinstance(error.orig, psycopg.Error):
            raise explain(error.orig, database) from error
        raise


def _prepare(connection: sqlalchemy.Connection, database: Database) -> None:
    from sqlalchemy import text  # noqa: PLC0415 - see the module's docstring

    schema = database.schema
    quoted = connection.dialect.identifier_preparer.quote_identifier(schema)
    # Another process may migrate for longer than a lock on a table should take.
    connection.execute(text("SET LOCAL lock_timeout = 0"))
    connection.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"),
        {"name": f"telemetry migrations of {schema}"},
    )
    connection.execute(
        text("SELECT set_config('lock_timeout', :limit, true)"),
        {"limit": f"{database.lock_timeout * 1000:.0f}"},
    )
    known = connection.execute(
        text("SELECT FROM pg_catalog.pg_namespace WHERE nspname = :schema"), {"schema": schema}
    ).first()
    if known is None:
        connection.execute(text(f"CREATE SCHEMA {quoted}"))
    connection.execute(text(f"SET LOCAL search_path TO {quoted}"))
    connection.dialect.default_schema_name = schema

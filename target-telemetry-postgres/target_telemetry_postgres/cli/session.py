"""Which database a subcommand works on, opened for as long as it needs it."""

from __future__ import annotations

import json
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from target_telemetry_postgres.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import psycopg
    from psycopg import sql

    from target_telemetry_postgres.postgres.database import Database
    from target_telemetry_postgres.postgres.store import Store

Row = dict[str, Any]

# A file's server gives way to --url as a whole.
_PLACE = ("host", "port", "database")


@dataclass(kw_only=True)
class Session:
    """The common options of one call of the command."""

    url: str | None = None
    config_file: str | None = None
    schema: str | None = None
    debug: bool = False
    #: Whether to say which database is used, on standard error and once.
    names_database: bool = False

    @cached_property
    def config(self) -> dict[str, Any]:
        """The target's settings: the options', then the file's, then the environment's."""
        from target_telemetry_postgres.settings import layered, with_defaults

        given = _read_config(Path(self.config_file)) if self.config_file else {}
        if self.url:
            given = {name: value for name, value in given.items() if name not in _PLACE}
            given["sqlalchemy_url"] = self.url
        if self.schema:
            given["default_target_schema"] = self.schema
        return with_defaults(layered(given))

    @contextmanager
    def database(self) -> Iterator[Database]:
        """Open the database; an embedded server runs at least until the `with` ends."""
        from target_telemetry_postgres.postgres.database import explained, open_database

        with open_database(self.config) as database, explained(database):
            if self.names_database:
                click.echo(f"telemetry: {database.describe()} ({database.source})", err=True)
                self.names_database = False
            yield database

    @contextmanager
    def reading(self, database: Database | None = None) -> Iterator[Reader]:
        """Open one read-only snapshot: every figure in it belongs to the same instant."""
        from psycopg.rows import dict_row

        from target_telemetry_postgres.postgres.store import look

        with (
            nullcontext(database) if database else self.database() as opened,
            opened.connect(purpose="read") as connection,
            connection.cursor(row_factory=dict_row) as cursor,
        ):
            cursor.execute("set transaction isolation level repeatable read, read only")
            reader = Reader(cursor, opened, look(connection, opened.schema))
            reader.prefer_schema()
            yield reader


@dataclass
class Reader:
    """Queries inside one snapshot."""

    cursor: psycopg.Cursor[Row]
    database: Database
    #: What of the schema is the migrations'.
    store: Store

    @property
    def schema(self) -> str:
        """The schema that holds the tables."""
        return self.database.schema

    def prefer_schema(self) -> None:
        """Let the `.sql` files name their tables without a schema."""
        self.cursor.execute(
            "select set_config('search_path', quote_ident(%s) || ', pg_catalog', true)",
            [self.schema],
        )

    def place(self) -> dict[str, str | None]:
        """The schema, and the version table in it, which is no data."""
        version = self.store.version_table if self.store.stored is not None else None
        return {"schema": self.schema, "version": version}

    def rows(
        self, query: sql.Composable | bytes, parameters: dict[str, Any] | None = None
    ) -> list[Row]:
        """Every row of a query."""
        statement = query if isinstance(query, bytes) else query.as_string(self.cursor).encode()
        return self.cursor.execute(statement, parameters).fetchall()

    def one(self, query: sql.Composable | bytes, parameters: dict[str, Any] | None = None) -> Row:
        """The single row of a query that always has one."""
        (row,) = self.rows(query, parameters)
        return row


def read_sql(name: str) -> bytes:
    """Read a `.sql` file of this package; psycopg takes bytes as a query that is not built."""
    return (files(__package__) / "sql" / name).read_bytes()


def _read_config(path: Path) -> dict[str, Any]:
    from target_telemetry_postgres.settings import checked

    try:
        loaded = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ConfigError(f"{path} is not JSON: {error}.") from error
    if not isinstance(loaded, dict):
        raise ConfigError(f"{path} must hold one JSON object with the target's settings.")
    return checked(loaded, str(path))


pass_session = click.make_pass_decorator(Session)


def existing_columns(reader: Reader) -> dict[str, dict[str, str]]:
    """Table → column → type, for every table and view of the schema that this role may read."""
    found: dict[str, dict[str, str]] = {}
    for row in reader.rows(read_sql("columns.sql"), reader.place()):
        found.setdefault(row["relation"], {})[row["column"]] = row["type"]
    return found


def require_table(known: Sequence[str] | dict[str, Any], table: str, schema: str) -> None:
    """Refuse a table that is not there, naming the ones that are."""
    if table not in known:
        names = ", ".join(sorted(known))
        there = f"there are: {names}" if names else "`telemetry migrate` makes the tables"
        raise ConfigError(f'There is no table "{table}" in schema "{schema}"; {there}.')

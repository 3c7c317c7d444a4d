"""What a schema holds of ours: where its ledger is, and which migrations have been run."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from psycopg import sql

from target_telemetry_postgres.postgres.revisions import translated
from target_telemetry_postgres.table_names import VERSION_TABLE

if TYPE_CHECKING:
    import psycopg

_SHAPE: Final = "version_num character varying(32)"
#: A number of the one chain that there was, or of a branch.
_REVISION: Final = re.compile(r"\d{4}|[a-z_]+_\d{4}")
_RELATIONS: Final = """
select c.relname::text, (
  select string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ', ')
  from pg_catalog.pg_attribute a
  where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
)
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where n.nspname = %s and c.relname = any(%s)
"""


@dataclass(frozen=True, slots=True)
class Store:
    """One schema, as a look at the catalogue found it."""

    schema: str
    #: The rows of the version table; None where there is no such table of ours.
    stored: frozenset[str] | None
    #: What the names of the ledger begin with here.
    prefix: str = ""

    @property
    def version_table(self) -> str:
        """Where Alembic keeps what was run."""
        return self.prefix + VERSION_TABLE

    @property
    def revisions(self) -> set[str]:
        """The newest of each branch."""
        return translated(self.stored or ())

    def table(self, name: str) -> sql.Identifier:
        """A table of the ledger, such as `ingest_runs`."""
        return sql.Identifier(self.schema, self.prefix + name)


def look(connection: psycopg.Connection[tuple[Any, ...]], schema: str) -> Store:
    """Look at a schema, which may not exist."""
    shapes = dict(connection.execute(_RELATIONS, [schema, [VERSION_TABLE]]).fetchall())
    if shapes.get(VERSION_TABLE) != _SHAPE:
        return Store(schema, None)
    table = sql.Identifier(schema, VERSION_TABLE)
    rows = connection.execute(sql.SQL("select version_num from {}").format(table)).fetchall()
    stored = frozenset(str(row[0]) for row in rows)
    return Store(schema, stored if all(map(_REVISION.fullmatch, stored)) else None)

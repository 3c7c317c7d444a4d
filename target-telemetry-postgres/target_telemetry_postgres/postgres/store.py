"""What a schema holds of ours: where its ledger is, and which migrations have been run.

In the schema `telemetry` the ledger has plain names, `ingest_runs`; so it has in any schema that an
earlier version filled. Elsewhere, and where somebody else's tables have those names, each begins
with a prefix that no stream may use: `_telemetry_ingest_runs`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from psycopg import sql

from target_telemetry_postgres.errors import ConfigError
from target_telemetry_postgres.postgres.revisions import (
    applied,
    known,
    ledger_tables,
    scripts,
    translated,
)
from target_telemetry_postgres.settings import DEFAULT_SCHEMA
from target_telemetry_postgres.table_names import LEDGER, LEDGER_PREFIX, SYSTEMS, VERSION_TABLE

if TYPE_CHECKING:
    import psycopg

    from target_telemetry_postgres.postgres.database import Database

_VERSIONS: Final = (LEDGER_PREFIX + VERSION_TABLE, VERSION_TABLE)
_SHAPE: Final = "version_num character varying(32)"
#: A number of the one chain that there was, or of a branch.
_REVISION: Final = re.compile(r"\d{4}|[a-z_]+_\d{4}")
_RELATIONS: Final = """
select c.relname::text, has_table_privilege(c.oid, 'select'), (
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
    #: Whether there is such a schema.
    exists: bool = False
    #: The rows of the version table; None where there is no such table of ours.
    stored: frozenset[str] | None = None
    #: What the names of the ledger begin with here, or would.
    prefix: str = ""
    #: Which of the names that we would use are there, whoever made them.
    relations: frozenset[str] = field(default=frozenset())

    @property
    def is_ours(self) -> bool:
        """Whether every system belongs here, and not only those whose streams arrive."""
        return self.schema == DEFAULT_SCHEMA

    @property
    def version_table(self) -> str:
        """Where Alembic keeps what was run."""
        return self.prefix + VERSION_TABLE

    @property
    def revisions(self) -> set[str]:
        """The newest of each branch."""
        return translated(self.stored or ())

    @property
    def ran(self) -> set[str]:
        """Every migration that has been run, as far as this version knows them."""
        migrations = known(scripts())
        return applied([one for one in self.revisions if one in migrations], migrations)

    @property
    def branches(self) -> set[str]:
        """The systems that are here, and the ledger."""
        return {known(scripts())[revision].branch for revision in self.ran}

    @property
    def has_ledger(self) -> bool:
        """Whether runs can be kept account of."""
        return self.stored is not None and LEDGER in self.branches

    def name(self, table: str) -> str:
        """What a table of the ledger, such as `ingest_runs`, is called here."""
        return self.prefix + table

    def table(self, table: str) -> sql.Identifier:
        """A table of the ledger, qualified."""
        return sql.Identifier(self.schema, self.name(table))

    def owns(self, name: str) -> bool:
        """Whether the migrations made this table or view, and not somebody else."""
        if name == self.version_table:
            return self.stored is not None
        return name in self._made(self.ran)

    def takes_stream(self, name: str) -> bool:
        """Whether a stream may write to the table of this name at all."""
        if name.startswith(LEDGER_PREFIX):
            return False
        return not self.owns(name) or any(name in tables for tables in SYSTEMS.values())

    def in_the_way(self, branch: str) -> list[str]:
        """What of somebody else has a name that migrations of a branch would take."""
        coming = [one.revision for one in known(scripts()).values() if one.branch == branch]
        return sorted(self._made(set(coming) - self.ran) & self.relations)

    def _made(self, revisions: set[str]) -> set[str]:
        """What migrations make, by the names that it has here."""
        return {
            self.name(name) if one.branch == LEDGER else name
            for one in map(known(scripts()).__getitem__, revisions)
            for name in one.makes
        }


def require_ours(store: Store, database: Database) -> None:
    """Refuse to change an application's own database that only `DATABASE_URL` names.

    Raises:
        ConfigError: If this target was never asked to keep anything there.
    """
    if database.may_be_anybodys and store.stored is None:
        raise ConfigError(
            f'DATABASE_URL names {database.describe()}, whose schema "{store.schema}" holds no '
            "telemetry yet, and nothing else says that it shall: give that URL as "
            "TARGET_TELEMETRY_POSTGRES_SQLALCHEMY_URL if it is the one."
        )


def look(connection: psycopg.Connection[tuple[Any, ...]], schema: str) -> Store:
    """Look at a schema, which may not exist."""
    exists = connection.execute(
        "select from pg_catalog.pg_namespace where nspname = %s", [schema]
    ).fetchone()
    if exists is None:
        return Store(schema, prefix="" if schema == DEFAULT_SCHEMA else LEDGER_PREFIX)
    plain = {VERSION_TABLE, *ledger_tables()}
    names = {name for one in known(scripts()).values() for name in one.makes} | plain
    names |= {LEDGER_PREFIX + name for name in plain}
    found = connection.execute(_RELATIONS, [schema, list(names)]).fetchall()
    shapes = {str(name): (shape, may_read) for name, may_read, shape in found}
    relations = frozenset(shapes)
    for version in _VERSIONS:
        shape, may_read = shapes.get(version, (None, False))
        if shape != _SHAPE:
            continue
        prefix = version.removesuffix(VERSION_TABLE)
        if not may_read:
            return Store(schema, True, _by_what_is_there(relations, prefix), prefix, relations)
        rows = connection.execute(
            sql.SQL("select version_num from {}").format(sql.Identifier(schema, version))
        ).fetchall()
        stored = frozenset(str(row[0]) for row in rows)
        if all(map(_REVISION.fullmatch, stored)):
            return Store(schema, True, stored, prefix, relations)
    is_free = schema == DEFAULT_SCHEMA and not relations & plain
    return Store(schema, True, None, "" if is_free else LEDGER_PREFIX, relations)


def _by_what_is_there(relations: frozenset[str], prefix: str) -> frozenset[str]:
    """Which migrations have been run, for a role that may not read the version table."""
    return frozenset(
        revision
        for revision, one in known(scripts()).items()
        if one.makes
        and {prefix + name if one.branch == LEDGER else name for name in one.makes} <= relations
    )

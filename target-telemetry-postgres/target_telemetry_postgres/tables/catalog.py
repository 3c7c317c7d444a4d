"""What a table is now, as the catalogue has it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg import sql

from target_telemetry_postgres.errors import RecordError

if TYPE_CHECKING:
    from collections.abc import Sequence

MADE_HERE: Final = "Made by target-telemetry-postgres from the stream "

Connection = psycopg.Connection[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Column:
    """A column as the catalogue has it."""

    name: str
    pg_type: str
    not_null: bool = False
    generated: bool = False
    comment: str | None = None
    has_default: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table as the catalogue has it."""

    schema: str
    name: str
    columns: dict[str, Column]
    unique_keys: tuple[tuple[str, ...], ...] = ()
    comment: str | None = None
    kind: str = "r"
    referenced: bool = False
    primary_key: str | None = None
    #: Whether COPY does what INSERT does: there are no rules, and nothing by row for this role.
    takes_copies: bool = False

    @property
    def identifier(self) -> sql.Identifier:
        """The qualified name, quoted."""
        return sql.Identifier(self.schema, self.name)

    @property
    def made_here(self) -> bool:
        """Whether this target made it, and so may change it."""
        return (self.comment or "").startswith(MADE_HERE)

    def has_key(self, key: Sequence[str]) -> bool:
        """Whether rows are unique by exactly these columns."""
        return any(set(unique) == set(key) for unique in self.unique_keys)


_COLUMNS: Final = """
select a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
       a.attidentity <> '' or a.attgenerated <> '', col_description(c.oid, a.attnum), a.atthasdef
from pg_attribute a join pg_class c on c.oid = a.attrelid
join pg_namespace n on n.oid = c.relnamespace
where n.nspname = %s and c.relname = %s and a.attnum > 0 and not a.attisdropped
order by a.attnum
"""

_KEYS: Final = """
select array_agg(a.attname::text order by a.attnum)
from pg_index i join pg_class c on c.oid = i.indrelid
join pg_namespace n on n.oid = c.relnamespace
join pg_attribute a on a.attrelid = c.oid and a.attnum = any(i.indkey[:i.indnkeyatts - 1])
where n.nspname = %s and c.relname = %s and i.indisunique and i.indisvalid and i.indimmediate
  and i.indpred is null and i.indexprs is null
group by i.indexrelid
order by bool_or(i.indisprimary) desc, i.indexrelid
"""

_TABLE: Final = """
select c.relkind::text, obj_description(c.oid, 'pg_class'),
       c.relacl is not null
       or exists (select from pg_depend d join pg_rewrite r on r.oid = d.objid
                  where d.refobjid = c.oid and d.refclassid = 'pg_class'::regclass
                    and d.classid = 'pg_rewrite'::regclass and r.ev_class <> c.oid)
       or exists (select from pg_constraint k where k.confrelid = c.oid)
       or exists (select from pg_trigger t where t.tgrelid = c.oid and not t.tgisinternal),
       (select k.conname::text from pg_constraint k where k.conrelid = c.oid and k.contype = 'p'),
       c.relkind in ('r', 'p') and not c.relhasrules and not row_security_active(c.oid)
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname = %s and c.relname = %s
"""


def read_table(connection: Connection, schema: str, name: str) -> Table | None:
    """The table as it is, or None where there is none."""
    found = connection.execute(_TABLE, (schema, name)).fetchone()
    if found is None:
        return None
    kind, comment, referenced, primary_key, takes_copies = found
    if kind not in {"r", "p", "f"}:
        raise RecordError(
            f'"{schema}"."{name}" is not a table; rename it, or give the stream another name with '
            "a stream map."
        )
    columns = {
        row[0]: Column(*row) for row in connection.execute(_COLUMNS, (schema, name)).fetchall()
    }
    keys = tuple(
        tuple(row[0]) for row in connection.execute(_KEYS, (schema, name)).fetchall() if row[0]
    )
    return Table(schema, name, columns, keys, comment, kind, referenced, primary_key, takes_copies)

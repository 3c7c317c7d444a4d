"""What a table is now, and what must be done for it to hold what a SCHEMA describes.

`read_table` asks the catalogue; `changes` decides, as pure data; `apply` talks to the server.
A table that this target made (its comment says so) may be widened. Any other table, modelled by
the migrations or made by somebody else, only ever gets nullable columns added.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg import sql

from target_telemetry_postgres.errors import RecordError
from target_telemetry_postgres.schema.pg_types import JSONB, Name, accepts, derived, widened

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

MADE_HERE: Final = "Made by target-telemetry-postgres from the stream "
#: What the migrations make for the target itself; no stream writes here.
OWN_TABLES: Final = frozenset(
    ["version", "ingest_runs", "rejected_records", "runner_prices", "retention_policies"]
)
#: The first server that can hold NULL keys unique.
NULLS_NOT_DISTINCT: Final = 150000

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


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a stream needs of its table."""

    stream: str
    table: Name
    columns: Mapping[str, str]
    names: Mapping[str, Name]
    key: tuple[str, ...]
    nullable_key: bool = False


@dataclass(slots=True)
class Changes:
    """Statements that bring a table to what is wanted, and a word about each."""

    statements: list[sql.Composed] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, statement: sql.Composed, note: str | None = None) -> None:
        """One more statement."""
        self.statements.append(statement)
        if note:
            self.notes.append(note)


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


# --- Decisions -------------------------------------------------------------------------------


def changes(
    table: Table | None, wanted: Wanted, *, schema: str, keyed: bool, server_version: int
) -> Changes:
    """What to do so that the table can take the stream.

    Raises:
        RecordError: If that would lose something, or is not this target's to do.
    """
    if table is None:
        return _create(wanted, schema, keyed=keyed, server_version=server_version)
    if table.name in OWN_TABLES and not table.made_here:
        raise RecordError(
            f"Stream '{wanted.stream}': {_said(table)} is the target's own; give the stream "
            "another name with a stream map's __alias__."
        )
    todo = Changes()
    for name, pg_type in wanted.columns.items():
        column = table.columns.get(name)
        if column is None:
            _add_column(todo, table, wanted, name, pg_type)
        elif column.generated:
            raise RecordError(
                f"Stream '{wanted.stream}' has a property '{wanted.names[name].original}', but "
                f"that column of {_said(table)} is filled by the database; rename the property "
                "with a stream map."
            )
        elif not accepts(column.pg_type, pg_type):
            _widen(todo, table, wanted, column, pg_type)
    if keyed:
        _check_key(todo, table, wanted, server_version)
    return todo


def _said(table: Table) -> str:
    return f'table "{table.schema}"."{table.name}"'


def _create(wanted: Wanted, schema: str, *, keyed: bool, server_version: int) -> Changes:
    todo = Changes()
    target = sql.Identifier(schema, wanted.table.name)
    todo.add(
        sql.SQL("CREATE TABLE IF NOT EXISTS {} ({})").format(
            target,
            sql.SQL(", ").join(
                sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(pg_type))
                for name, pg_type in wanted.columns.items()
            ),
        ),
        f'Created table "{schema}"."{wanted.table.name}" for the stream \'{wanted.stream}\'.',
    )
    todo.add(_comment("TABLE", target, MADE_HERE + repr(wanted.table.original)))
    for name in wanted.columns:
        _comment_column(todo, target, wanted, name)
    if keyed:
        _add_key(todo, target, wanted, server_version)
    return todo


def _add_key(todo: Changes, target: sql.Identifier, wanted: Wanted, server_version: int) -> None:
    key = sql.SQL(", ").join(map(sql.Identifier, wanted.key))
    if wanted.nullable_key and server_version >= NULLS_NOT_DISTINCT:
        index = sql.Identifier(derived(wanted.table.name, "key"))
        todo.add(
            sql.SQL("CREATE UNIQUE INDEX {} ON {} ({}) NULLS NOT DISTINCT").format(
                index, target, key
            )
        )
    else:
        todo.add(sql.SQL("ALTER TABLE {} ADD PRIMARY KEY ({})").format(target, key))


def _add_column(todo: Changes, table: Table, wanted: Wanted, name: str, pg_type: str) -> None:
    todo.add(
        sql.SQL("ALTER TABLE {} ADD COLUMN IF NOT EXISTS {} {}").format(
            table.identifier, sql.Identifier(name), sql.SQL(pg_type)
        ),
        f'Added the column "{name}" ({pg_type}) to {_said(table)}.',
    )
    _comment_column(todo, table.identifier, wanted, name)


def _widen(todo: Changes, table: Table, wanted: Wanted, column: Column, pg_type: str) -> None:
    if not table.made_here:
        raise RecordError(
            f"Stream '{wanted.stream}', property '{wanted.names[column.name].original}': the "
            f"SCHEMA says {pg_type}, but the column of {_said(table)} is {column.pg_type} and is "
            "not this target's to change; convert the value with a stream map, or alter the column."
        )
    wide = widened(column.pg_type, pg_type)
    identifier = sql.Identifier(column.name)
    using = (
        sql.SQL("to_jsonb({})").format(identifier)
        if wide == JSONB
        else sql.SQL("{}::{}").format(identifier, sql.SQL(wide))
    )
    todo.add(
        sql.SQL("ALTER TABLE {} ALTER COLUMN {} TYPE {} USING {}").format(
            table.identifier, identifier, sql.SQL(wide), using
        ),
        f'Widened the column "{column.name}" of {_said(table)} from {column.pg_type} to {wide}.',
    )


def _check_key(todo: Changes, table: Table, wanted: Wanted, server_version: int) -> None:
    if not table.has_key(wanted.key):
        if table.made_here and not table.unique_keys:
            _add_key(todo, table.identifier, wanted, server_version)
            return
        keys = " or ".join(f"({', '.join(key)})" for key in table.unique_keys) or "no key"
        raise RecordError(
            f"Stream '{wanted.stream}' has the key ({', '.join(wanted.key)}), but {_said(table)} "
            f"has {keys}; load into another table with a stream map's __alias__, or change the "
            "table's key."
        )
    locked = [name for name in wanted.key if _not_null(table, name)]
    if wanted.nullable_key and locked and table.made_here and server_version >= NULLS_NOT_DISTINCT:
        if table.primary_key is not None:
            todo.add(
                sql.SQL("ALTER TABLE {} DROP CONSTRAINT {}").format(
                    table.identifier, sql.Identifier(table.primary_key)
                )
            )
        for name in locked:
            todo.add(
                sql.SQL("ALTER TABLE {} ALTER COLUMN {} DROP NOT NULL").format(
                    table.identifier, sql.Identifier(name)
                )
            )
        _add_key(todo, table.identifier, wanted, server_version)


def _not_null(table: Table, name: str) -> bool:
    column = table.columns.get(name)
    return column is not None and column.not_null


def _comment(kind: str, target: sql.Composable, text: str) -> sql.Composed:
    return sql.SQL("COMMENT ON {} {} IS {}").format(sql.SQL(kind), target, sql.Literal(text))


def _comment_column(todo: Changes, target: sql.Composable, wanted: Wanted, name: str) -> None:
    original = wanted.names.get(name)
    if original is not None and original.shortened:
        column = sql.SQL("{}.{}").format(target, sql.Identifier(name))
        todo.add(_comment("COLUMN", column, original.original.replace("\x00", "")))


# --- Doing -----------------------------------------------------------------------------------


def prepare(
    connection: Connection,
    schema: str,
    wanted: Wanted,
    *,
    keyed: bool,
    log: Callable[[str], None],
) -> Table:
    """Bring the table to what the stream needs, and return it as it then is.

    Reads first: a role without DDL rights is fine as long as nothing has to change.
    """
    version = connection.info.server_version
    table = read_table(connection, schema, wanted.table.name)
    todo = changes(table, wanted, schema=schema, keyed=keyed, server_version=version)
    if todo.statements:
        # Two targets may meet the same new stream at once; the second finds it done.
        connection.execute(
            "select pg_advisory_xact_lock(hashtextextended(%s, 0))",
            (f"{schema}.{wanted.table.name}",),
        )
        table = read_table(connection, schema, wanted.table.name)
        todo = changes(table, wanted, schema=schema, keyed=keyed, server_version=version)
        for statement in todo.statements:
            connection.execute(statement)
        table = read_table(connection, schema, wanted.table.name)
    connection.commit()
    for note in todo.notes:
        log(note)
    if table is None:
        raise RecordError(f'Table "{schema}"."{wanted.table.name}" vanished while it was prepared.')
    return table

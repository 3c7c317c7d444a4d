"""What a table is now, and what must be done for it to hold what a SCHEMA describes.

`read_table` asks the catalogue; `changes` decides, as pure data; `apply` talks to the server.
A table that this target made (its comment says so) may be widened. Any other table, modelled by
the migrations or made by somebody else, only ever gets nullable columns added.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from psycopg import errors, sql

from target_telemetry_postgres.errors import RecordError
from target_telemetry_postgres.schema.pg_types import JSONB, accepts, derived, widened
from target_telemetry_postgres.tables.catalog import (
    MADE_HERE,
    Column,
    Connection,
    Table,
    read_table,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from target_telemetry_postgres.schema.definition import Wanted


#: What Postgres can give a table.
MOST_COLUMNS: Final = 1_600


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


# --- Decisions -------------------------------------------------------------------------------


def changes(table: Table | None, wanted: Wanted, *, schema: str, keyed: bool) -> Changes:
    """What to do so that the table can take the stream.

    Raises:
        RecordError: If that would lose something, or is not this target's to do.
    """
    if table is None:
        return _create(wanted, schema, keyed=keyed)
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
        _check_key(todo, table, wanted)
    return todo


def _said(table: Table) -> str:
    return f'table "{table.schema}"."{table.name}"'


def _create(wanted: Wanted, schema: str, *, keyed: bool) -> Changes:
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
        _add_key(todo, target, wanted)
    return todo


def _add_key(todo: Changes, target: sql.Identifier, wanted: Wanted) -> None:
    key = sql.SQL(", ").join(map(sql.Identifier, wanted.key))
    if wanted.nullable_key:
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


def _check_key(todo: Changes, table: Table, wanted: Wanted) -> None:
    if not table.has_key(wanted.key):
        if table.made_here and not table.unique_keys:
            _add_key(todo, table.identifier, wanted)
            return
        keys = " or ".join(f"({', '.join(key)})" for key in table.unique_keys) or "no key"
        raise RecordError(
            f"Stream '{wanted.stream}' has the key ({', '.join(wanted.key)}), but {_said(table)} "
            f"has {keys}; load into another table with a stream map's __alias__, or change the "
            "table's key."
        )
    locked = [name for name in wanted.key if _not_null(table, name)]
    if wanted.nullable_key and locked and table.made_here:
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
        _add_key(todo, table.identifier, wanted)


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


def _too_wide(wanted: Wanted, most: int) -> RecordError:
    return RecordError(
        f"Stream '{wanted.stream}' has {len(wanted.columns):,} columns, and its table can have "
        f"{most:,}, dropped ones among them; leave properties out in the tap's selection."
    )


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
    if wanted.key and len(wanted.columns) >= MOST_COLUMNS:
        # Where its rows are staged, one more column says what a record did not mention.
        raise _too_wide(wanted, MOST_COLUMNS - 1)
    table = read_table(connection, schema, wanted.table.name)
    todo = changes(table, wanted, schema=schema, keyed=keyed)
    if todo.statements:
        # Two targets may meet the same new stream at once; the second finds it done.
        connection.execute(
            "select pg_advisory_xact_lock(hashtextextended(%s, 0))",
            (f"{schema}.{wanted.table.name}",),
        )
        table = read_table(connection, schema, wanted.table.name)
        todo = changes(table, wanted, schema=schema, keyed=keyed)
        for statement in todo.statements:
            try:
                connection.execute(statement)
            except errors.TooManyColumns:
                raise _too_wide(wanted, MOST_COLUMNS) from None
        table = read_table(connection, schema, wanted.table.name)
    connection.commit()
    for note in todo.notes:
        log(note)
    if table is None:
        raise RecordError(f'Table "{schema}"."{wanted.table.name}" vanished while it was prepared.')
    return table

"""One exported file into one table: staged, then merged by key in one transaction.

The stage and the merge are those of a load. An import's own are the forms of its files, keys that a
file holds more than once, and tables without a key.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from target_telemetry_postgres.buffer.destination import Destination, TableColumns
from target_telemetry_postgres.cli.transfer import copying
from target_telemetry_postgres.cli.transfer.definition import (
    TableDefinition,
    create_statement,
    describe_table,
)
from target_telemetry_postgres.errors import ConfigError, RecordError
from target_telemetry_postgres.table_names import STORED_AT
from target_telemetry_postgres.write import stage, statements

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from target_telemetry_postgres.postgres.database import Database

_LINES = "telemetry_import_lines"
#: The tables that a file is read into, as the server calls them when it says where an error is.
_STAGES = re.compile(rf"\b({_LINES}|telemetry_stage_[0-9a-f]+)\b")
_PLACE = "telemetry_import_place"
_LONGEST_HEADER = 1 << 20


@dataclass(frozen=True, slots=True)
class Source:
    """A file to import, and the table that it belongs to."""

    path: Path
    table: str
    kind: str
    definition: TableDefinition | None = None
    #: Which of the ledger's tables this is, if it is one.
    ledgers: str | None = None


@dataclass(frozen=True, slots=True)
class Loaded:
    """What an import did to one table."""

    rows: int
    inserted: int
    updated: int

    @property
    def unchanged(self) -> int:
        """Rows that were there already, just so."""
        return self.rows - self.inserted - self.updated


def load(database: Database, source: Source, *, keep_existing: bool) -> Loaded:
    """Import one file."""
    with (
        copying.open_source(source.path) as file,
        database.connect(purpose="import") as connection,
        connection.cursor() as cursor,
    ):
        definition = _ensure_table(cursor, database.schema, source)
        is_csv = source.kind == "csv"
        try:
            names = _header(file) if is_csv else _lines(cursor, file) or definition.written
            _check_columns(source, definition, names)
            table = _table(database.schema, definition, names, keep_existing=keep_existing)
            _create_stage(cursor, table, definition, names)
            if is_csv:
                statement = copying.csv_in_statement(table.stage, names)
                rows = copying.copy_in(cursor, statement, file)
            else:
                rows = cursor.execute(_from_lines(table, names)).rowcount
        except psycopg.DataError as error:
            raise RecordError(_sentence(source, error)) from error
        if definition.key:
            inserted, updated = _merge(connection, table, definition, rows)
        else:
            inserted, updated = cursor.execute(append_statement(table)).rowcount, 0
        # A pooler may hand this session on, to a load that makes a stage of this name its own.
        cursor.execute(sql.SQL("drop table {}").format(table.stage))
        return Loaded(rows, inserted, updated)


def _sentence(source: Source, error: psycopg.DataError) -> str:
    where = (error.diag.context or "").splitlines()[:1]
    place = f" ({_STAGES.sub(lambda _: source.path.name, where[0])})" if where else ""
    return f"{source.path} was not imported: {error.diag.message_primary}{place}."


def _ensure_table(cursor: psycopg.Cursor[Any], schema: str, source: Source) -> TableDefinition:
    definition = describe_table(cursor.connection, schema, source.table)
    if definition is None and source.definition is not None:
        cursor.execute(create_statement(schema, source.definition))
        definition = describe_table(cursor.connection, schema, source.table)
    if definition is None or not definition.is_table:
        raise ConfigError(
            f'{source.path} has no table to go to: there is no table "{source.table}" in schema '
            f'"{schema}". Give the table with --table.'
        )
    return definition


def _header(file: IO[bytes]) -> list[str]:
    """The columns of a CSV file."""
    header = file.readline(_LONGEST_HEADER)
    file.seek(0)
    return next(csv.reader([header.decode("utf-8-sig").rstrip("\r\n")]), [])


def _lines(cursor: psycopg.Cursor[Any], file: IO[bytes]) -> list[str]:
    """The columns of a file of JSON lines, which are in the database then."""
    lines = sql.Identifier(_LINES)
    cursor.execute(sql.SQL("create temporary table {} (line jsonb) on commit drop").format(lines))
    copying.copy_in(cursor, copying.lines_in_statement(lines), file)
    found = cursor.execute(
        sql.SQL("select distinct jsonb_object_keys(line) from {} order by 1").format(lines)
    ).fetchall()
    return [str(name) for (name,) in found]


def _from_lines(table: TableColumns, names: Sequence[str]) -> sql.Composed:
    """The JSON lines into the stage."""
    row = sql.SQL(", ").join(sql.SQL("row.{}").format(sql.Identifier(name)) for name in names)
    return sql.SQL(
        "insert into {stage} ({columns}) select {row} from {lines}, "
        "jsonb_populate_record(null::{table}, line) as row"
    ).format(
        stage=table.stage,
        columns=sql.SQL(", ").join(map(sql.Identifier, names)),
        row=row,
        lines=sql.Identifier(_LINES),
        table=table.target,
    )


def _check_columns(source: Source, definition: TableDefinition, names: Sequence[str]) -> None:
    known = {column.name for column in definition.columns}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ConfigError(
            f'{source.path} has columns that the table "{source.table}" does not have: '
            f"{', '.join(unknown)}. Migrate this database, or export other --columns."
        )
    missing = [name for name in definition.key if name not in names]
    if missing:
        raise ConfigError(
            f"{source.path} lacks {', '.join(missing)}, by which the rows of "
            f'"{source.table}" are told apart; export without --columns.'
        )


def _table(
    schema: str, definition: TableDefinition, names: Sequence[str], *, keep_existing: bool
) -> TableColumns:
    """What a file brings; when a row was stored stays as it is in this database."""
    columns = {
        column.name: column.type
        for column in definition.columns
        if column.written and column.name in names
    }
    return TableColumns(
        sql.Identifier(schema, definition.name),
        columns,
        tuple(definition.key),
        kept=frozenset(columns) if keep_existing else frozenset({STORED_AT}),
    )


def _create_stage(
    cursor: psycopg.Cursor[Any],
    table: TableColumns,
    definition: TableDefinition,
    names: Sequence[str],
) -> None:
    """A load's stage, with what a file has beyond: columns that are not ours to write, an order."""
    cursor.execute(statements.create_stage(table))
    more = [
        sql.SQL("add column {} {}").format(sql.Identifier(column.name), sql.SQL(column.type))
        for column in definition.columns
        if column.name in names and not column.written
    ]
    more.append(
        sql.SQL("add column {} bigint generated always as identity").format(sql.Identifier(_PLACE))
    )
    cursor.execute(sql.SQL("alter table {} {}").format(table.stage, sql.SQL(", ").join(more)))


def _merge(
    connection: stage.Connection, table: TableColumns, definition: TableDefinition, rows: int
) -> tuple[int, int]:
    """Insert what is new, update what differs; returns how many of each."""
    rows -= connection.execute(last_statement(table)).rowcount
    into = Destination(
        stream=definition.name,
        table_name=definition.name,
        table=table,
        mode="upsert",
        originals={},
        partitioned=definition.is_partitioned,
    )
    known = _known(connection, table, definition) if into.partitioned else 0
    inserted, written = stage.merge(connection, into, table, rows)
    if into.partitioned:
        inserted = min(written, rows - known)
    return inserted, written - inserted


def _known(connection: stage.Connection, table: TableColumns, definition: TableDefinition) -> int:
    """How many staged keys the table has, where a merge itself cannot tell: with partitions."""
    required = {column.name for column in definition.columns if column.required}
    null_keys = not required.issuperset(table.key)
    found = connection.execute(statements.lock_known(table, null_keys=null_keys)).fetchone()
    return int(found[0]) if found else 0


def last_statement(table: TableColumns) -> sql.Composed:
    """Of staged rows with one key the last stays."""
    return sql.SQL(
        "delete from {stage} where {place} in (select {place} from (select {place}, "
        "max({place}) over (partition by {key}) as last from {stage}) found where {place} < last)"
    ).format(
        stage=table.stage,
        place=sql.Identifier(_PLACE),
        key=sql.SQL(", ").join(map(sql.Identifier, table.key)),
    )


def append_statement(table: TableColumns) -> sql.Composed:
    """Without a key: as many of each row as the file has, counting those that are there."""
    return sql.SQL(
        "insert into {table} ({columns}) "
        "(select {columns} from {stage} except all select {columns} from {table})"
    ).format(
        table=table.target,
        columns=sql.SQL(", ").join(map(sql.Identifier, table.columns)),
        stage=table.stage,
    )

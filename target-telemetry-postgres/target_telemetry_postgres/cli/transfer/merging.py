"""One exported file into one table: staged, then merged by key in one transaction."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from target_telemetry_postgres.cli.transfer import copying
from target_telemetry_postgres.cli.transfer.definition import (
    TableDefinition,
    create_statement,
    describe_table,
)
from target_telemetry_postgres.errors import ConfigError, RecordError
from target_telemetry_postgres.table_names import STORED_AT

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from target_telemetry_postgres.postgres.database import Database

_STAGE = "telemetry_import"
_LINES = "telemetry_import_lines"
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
        try:
            if source.kind == "csv":
                columns, rows = _stage_csv(cursor, database.schema, source, definition, file)
            else:
                columns, rows = _stage_lines(cursor, database.schema, source, definition, file)
        except psycopg.DataError as error:
            raise RecordError(_sentence(source, error)) from error
        if definition.key:
            merge = merge_statement(
                database.schema, definition, columns, keep_existing=keep_existing
            )
        else:
            merge = append_statement(database.schema, definition, columns)
        inserted, updated = cursor.execute(merge).fetchone() or (0, 0)
        return Loaded(rows, int(inserted), int(updated))


def _sentence(source: Source, error: psycopg.DataError) -> str:
    where = (error.diag.context or "").splitlines()[:1]
    place = f" ({where[0].replace(_STAGE, source.path.name)})" if where else ""
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


def _stage_csv(
    cursor: psycopg.Cursor[Any],
    schema: str,
    source: Source,
    definition: TableDefinition,
    file: IO[bytes],
) -> tuple[list[str], int]:
    header = file.readline(_LONGEST_HEADER)
    names = next(csv.reader([header.decode("utf-8-sig").rstrip("\r\n")]), [])
    _check_columns(source, definition, names)
    _create_stage(cursor, schema, source.table, names)
    file.seek(0)
    rows = copying.copy_in(cursor, copying.csv_in_statement(_STAGE, names), file)
    return names, rows


def _stage_lines(
    cursor: psycopg.Cursor[Any],
    schema: str,
    source: Source,
    definition: TableDefinition,
    file: IO[bytes],
) -> tuple[list[str], int]:
    lines = sql.Identifier(_LINES)
    cursor.execute(sql.SQL("create temporary table {} (line jsonb) on commit drop").format(lines))
    rows = copying.copy_in(cursor, copying.lines_in_statement(_LINES), file)
    found = cursor.execute(
        sql.SQL("select distinct jsonb_object_keys(line) from {} order by 1").format(lines)
    ).fetchall()
    names = [str(name) for (name,) in found]
    if not names:
        names = definition.written
    _check_columns(source, definition, names)
    _create_stage(cursor, schema, source.table, names)
    columns = sql.SQL(", ").join(map(sql.Identifier, names))
    row = sql.SQL(", ").join(sql.SQL("row.{}").format(sql.Identifier(name)) for name in names)
    cursor.execute(
        sql.SQL(
            "insert into {stage} ({columns}) select {row} from {lines}, "
            "jsonb_populate_record(null::{table}, line) as row"
        ).format(
            stage=sql.Identifier(_STAGE),
            columns=columns,
            row=row,
            lines=lines,
            table=sql.Identifier(schema, source.table),
        )
    )
    return names, rows


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


def _create_stage(
    cursor: psycopg.Cursor[Any], schema: str, table: str, names: Sequence[str]
) -> None:
    cursor.execute(
        sql.SQL(
            "create temporary table {stage} on commit drop as "
            "select {columns} from {table} with no data"
        ).format(
            stage=sql.Identifier(_STAGE),
            columns=sql.SQL(", ").join(map(sql.Identifier, names)),
            table=sql.Identifier(schema, table),
        )
    )
    cursor.execute(
        sql.SQL("alter table {} add column {} bigint generated always as identity").format(
            sql.Identifier(_STAGE), sql.Identifier(_PLACE)
        )
    )


def merge_statement(
    schema: str, definition: TableDefinition, names: Sequence[str], *, keep_existing: bool
) -> sql.Composed:
    """Insert what is new, update what differs; the last row of a key wins.

    When a row was stored stays as it is in this database.
    """
    written = set(definition.written)
    columns = [name for name in names if name in written]
    changing = [name for name in columns if name not in {*definition.key, STORED_AT}]
    update: sql.Composable = sql.SQL("nothing")
    if changing and not keep_existing:
        update = sql.SQL("update set {changes} where ({ours}) is distinct from ({theirs})").format(
            changes=sql.SQL(", ").join(
                sql.SQL("{0} = excluded.{0}").format(sql.Identifier(name)) for name in changing
            ),
            ours=sql.SQL(", ").join(
                sql.SQL("target.{}").format(sql.Identifier(name)) for name in changing
            ),
            theirs=sql.SQL(", ").join(
                sql.SQL("excluded.{}").format(sql.Identifier(name)) for name in changing
            ),
        )
    return sql.SQL(
        "with merged as ("
        "insert into {table} as target ({columns}) "
        "select distinct on ({key}) {columns} from {stage} order by {key}, {place} desc "
        "on conflict ({key}) do {update} returning (xmax = 0) as is_new) "
        "select count(*) filter (where is_new), count(*) filter (where not is_new) from merged"
    ).format(
        table=sql.Identifier(schema, definition.name),
        columns=sql.SQL(", ").join(map(sql.Identifier, columns)),
        key=sql.SQL(", ").join(map(sql.Identifier, definition.key)),
        stage=sql.Identifier(_STAGE),
        place=sql.Identifier(_PLACE),
        update=update,
    )


def append_statement(
    schema: str, definition: TableDefinition, names: Sequence[str]
) -> sql.Composed:
    """Without a key: as many of each row as the file has, counting those that are there."""
    written = set(definition.written)
    columns = sql.SQL(", ").join(sql.Identifier(name) for name in names if name in written)
    return sql.SQL(
        "with added as (insert into {table} ({columns}) "
        "(select {columns} from {stage} except all select {columns} from {table}) returning 1) "
        "select count(*), 0 from added"
    ).format(
        table=sql.Identifier(schema, definition.name),
        columns=columns,
        stage=sql.Identifier(_STAGE),
    )

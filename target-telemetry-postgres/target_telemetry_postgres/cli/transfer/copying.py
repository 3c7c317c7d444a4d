"""Rows out of a table and into a file, as fast as COPY goes and in as little memory."""

from __future__ import annotations

import gzip
import os
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any, cast

from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    import psycopg

    from target_telemetry_postgres.cli.transfer.definition import ColumnDefinition

_CHUNK = 1 << 20
# A JSON line has no control characters, so with these as quote and delimiter COPY's CSV writes
# each line as it is, where its text format would double every backslash.
_AS_IT_IS = sql.SQL("format csv, quote e'\\x01', delimiter e'\\x02'")


def selected(column: ColumnDefinition) -> sql.Composable:
    """A column as every reader of CSV understands it: true, ISO 8601; numbers exact."""
    name = sql.Identifier(column.name)
    if column.type == "boolean":
        return sql.SQL("{0}::text as {0}").format(name)
    if column.type.startswith("timestamp"):
        return sql.SQL("to_json({0}) #>> '{{}}' as {0}").format(name)
    return name


def export_statement(
    schema: str,
    table: str,
    columns: Sequence[ColumnDefinition],
    *,
    as_json: bool,
    since: tuple[str, datetime] | None = None,
) -> sql.Composed:
    """The COPY that streams a table out."""
    where: sql.Composable = sql.SQL("")
    if since is not None:
        column, instant = since
        where = sql.SQL(" where {} >= {}").format(sql.Identifier(column), sql.Literal(instant))
    source = sql.Identifier(schema, table)
    if not as_json:
        return sql.SQL("copy (select {} from {}{}) to stdout (format csv, header)").format(
            sql.SQL(", ").join(map(selected, columns)), source, where
        )
    names = sql.SQL(", ").join(
        # The type json keeps line breaks that were written into it.
        sql.SQL("{0}::jsonb as {0}" if column.type == "json" else "{0}").format(
            sql.Identifier(column.name)
        )
        for column in columns
    )
    return sql.SQL(
        "copy (select row_to_json(line)::text from (select {} from {}{}) line) to stdout ({})"
    ).format(names, source, where, _AS_IT_IS)


def copy_out(cursor: psycopg.Cursor[Any], statement: sql.Composed, out: IO[bytes]) -> int:
    """Stream a COPY into a file and return the number of rows."""
    with cursor.copy(statement) as copy:
        for chunk in copy:
            out.write(chunk)
    return cursor.rowcount


def copy_in(cursor: psycopg.Cursor[Any], statement: sql.Composed, source: IO[bytes]) -> int:
    """Stream a file into a COPY and return the number of rows."""
    with cursor.copy(statement) as copy:
        while chunk := source.read(_CHUNK):
            copy.write(chunk)
    return cursor.rowcount


def csv_in_statement(table: sql.Identifier, columns: Sequence[str]) -> sql.Composed:
    """The COPY that reads a CSV file with its header."""
    return sql.SQL("copy {} ({}) from stdin (format csv, header)").format(
        table, sql.SQL(", ").join(map(sql.Identifier, columns))
    )


def lines_in_statement(table: sql.Identifier) -> sql.Composed:
    """The COPY that reads JSON lines into a table's only column."""
    return sql.SQL("copy {} from stdin ({})").format(table, _AS_IT_IS)


def open_source(path: Path) -> IO[bytes]:
    """Open a file to read, unpacking .gz."""
    return cast("IO[bytes]", gzip.open(path)) if path.suffix == ".gz" else path.open("rb")


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """Write a file that appears under its name only when it is whole; .gz is packed."""
    part = path.with_name(path.name + ".part")
    try:
        with part.open("wb") as raw:
            if path.suffix == ".gz":
                with gzip.GzipFile(filename="", fileobj=raw, mode="wb", compresslevel=6) as packed:
                    yield cast("IO[bytes]", packed)
            else:
                yield raw
        os.replace(part, path)  # noqa: PTH105  a name that exists already is replaced
    finally:
        part.unlink(missing_ok=True)

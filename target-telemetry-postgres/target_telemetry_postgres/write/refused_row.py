"""A row that the server refuses: why, and what of it is good."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from target_telemetry_postgres.buffer.buffer import completed
from target_telemetry_postgres.rows.rejection import Rejection
from target_telemetry_postgres.rows.values import UNSET, Row, as_sent

if TYPE_CHECKING:
    from collections.abc import Callable

    import psycopg

    from target_telemetry_postgres.buffer.buffer import Part
    from target_telemetry_postgres.buffer.destination import Destination

_COPY_LINE: Final = re.compile(r"\D*\d+(?:, \D*? ([^:]+))?")


def good_of(
    part: Part,
    row: Row,
    error: psycopg.Error,
    refused: Callable[[Row], psycopg.Error | None],
) -> tuple[Row | None, list[Rejection]]:
    """What is good of a row that the server refuses, if anything is, and why the rest is not.

    A row that was made of several records of one key loses only those that are refused.

    Args:
        part: Where the row belongs.
        row: What is refused.
        error: What the server said of it.
        refused: Asks it about another.
    """
    destination = part.destination
    kept: Row | None = None
    rejections = []
    for source in part.sources.get(id(row), ()):
        made = source if kept is None else completed(source, kept)
        if (found := refused(made)) is None:
            kept = made
        else:
            rejections.append(_rejection(destination, source, found))
    if not rejections:
        return None, [_rejection(destination, row, error)]
    return kept, rejections


def _column(error: psycopg.Error, destination: Destination) -> str | None:
    """The column that the server names, or COPY in its context, in whatever language."""
    appending = destination.mode == "append"
    into = destination.table_name if appending else destination.table.stage_name
    copying = f"COPY {into}, "
    for line in (error.diag.context or "").splitlines():
        match = line.startswith(copying) and _COPY_LINE.match(line, len(copying))
        if match and match[1]:
            return match[1]
    return error.diag.column_name


def _rejection(destination: Destination, row: Row, error: psycopg.Error) -> Rejection:
    names = list(destination.table.columns)
    types = destination.table.columns
    record = {
        destination.originals.get(name, name): as_sent(value, types[name])
        for name, value in zip(names, row[:-1], strict=True)
        if value is not UNSET
    }
    column = _column(error, destination)
    original = destination.originals.get(column, column) if column else None
    return Rejection(
        destination.stream,
        error.diag.message_primary or str(error),
        record,
        original,
        record.get(original) if original else None,
        row[-1],
    )

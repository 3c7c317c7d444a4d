"""The one row of many that the server refuses: which it is, and why."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from target_telemetry_postgres.buffer.buffer import completed
from target_telemetry_postgres.rows.rejection import Rejection
from target_telemetry_postgres.rows.values import UNSET, Row, as_sent

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import psycopg

    from target_telemetry_postgres.buffer.buffer import Part
    from target_telemetry_postgres.buffer.destination import Destination

_COPY_LINE: Final = re.compile(r"\D*(\d+)(?:, \D*? ([^:]+))?")


def without_refused_row(
    part: Part,
    rows: Sequence[Row],
    error: psycopg.Error,
    refused: Callable[[Sequence[Row]], psycopg.Error | None],
) -> tuple[list[Row], list[Rejection]]:
    """The rows without the one that the server refused, and why it did.

    A row that was made of several records loses only those that are refused.

    Args:
        part: Where the rows belong.
        rows: All of them.
        error: What the server said of them.
        refused: Asks it about some of them alone.
    """
    at, column = _place(error, part.destination)
    if at is None or at >= len(rows):
        at, error = _search(rows, error, refused)
    column = column or error.diag.column_name
    sources = part.sources.get(id(rows[at]))
    if sources is None:
        kept, rejections = None, [_rejection(part.destination, rows[at], error, column)]
    else:
        kept, rejections = _sorted_out(part.destination, sources, refused)
    if not rejections:
        rejections = [_rejection(part.destination, rows[at], error, column)]
        kept = None
    return [*rows[:at], *([] if kept is None else [kept]), *rows[at + 1 :]], rejections


def _sorted_out(
    destination: Destination,
    sources: Sequence[Row],
    refused: Callable[[Sequence[Row]], psycopg.Error | None],
) -> tuple[Row | None, list[Rejection]]:
    """Try each record of one key on top of those that are good: the row of these, and the rest."""
    kept: Row | None = None
    rejections = []
    for row in sources:
        made = row if kept is None else completed(row, kept)
        error = refused([made])
        if error is None:
            kept = made
        else:
            _, column = _place(error, destination)
            rejections.append(_rejection(destination, row, error, column or error.diag.column_name))
    return kept, rejections


def _place(error: psycopg.Error, destination: Destination) -> tuple[int | None, str | None]:
    """The row and column that COPY names in its context, in whatever language."""
    appending = destination.mode == "append"
    into = destination.table_name if appending else destination.table.stage_name
    copying = f"COPY {into}, "
    for line in (error.diag.context or "").splitlines():
        match = line.startswith(copying) and _COPY_LINE.match(line, len(copying))
        if match:
            return int(match[1]) - 1, match[2]
    return None, None


def _search(
    rows: Sequence[Row],
    error: psycopg.Error,
    refused: Callable[[Sequence[Row]], psycopg.Error | None],
) -> tuple[int, psycopg.Error]:
    """Find a refused row by halving."""
    low, high = 0, len(rows)
    while high - low > 1:
        middle = (low + high) // 2
        found = refused(rows[low:middle])
        if found is None:
            low = middle
        else:
            high, error = middle, found
    return low, error


def _rejection(
    destination: Destination, row: Row, error: psycopg.Error, column: str | None
) -> Rejection:
    names = list(destination.table.columns)
    types = destination.table.columns
    record = {
        destination.originals.get(name, name): as_sent(value, types[name])
        for name, value in zip(names, row[:-1], strict=True)
        if value is not UNSET
    }
    original = destination.originals.get(column, column) if column else None
    reason = error.diag.message_primary or str(error)
    return Rejection(
        destination.stream,
        reason,
        record,
        original,
        record.get(original) if original else None,
        row[-1],
    )

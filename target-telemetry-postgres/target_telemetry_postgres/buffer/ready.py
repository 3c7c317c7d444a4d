"""What can be done with waiting rows before a connection is needed: the text that COPY takes."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from target_telemetry_postgres.rows.copy_text import CopyText, from_lines, json_lines
from target_telemetry_postgres.rows.values import UNSET, Row

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from target_telemetry_postgres.buffer.buffer import Part
    from target_telemetry_postgres.buffer.destination import TableColumns


def make_ready(part: Part) -> None:
    """Do what needs no connection; for the thread that decodes, while another batch is written."""
    if part.pack is not None:
        part.text = part.pack.text()
        return
    table = part.destination.table
    if part.absent:
        # What a row was made of may come after all, and may leave out more.
        part.unmentioned = _unmentioned(
            table, [*part.rows, *chain.from_iterable(part.sources.values())]
        )
        part.absent = not part.unmentioned
    if part.rows and len(table.columns) > len(part.unmentioned) and not part.absent:
        cells = cells_of(replace(table, unmentioned=part.unmentioned))
        lines = json_lines(list(map(cells, part.rows)))
        if lines is not None:
            part.text = CopyText(from_lines(lines), len(part.rows))


def _unmentioned(table: TableColumns, rows: Sequence[Row]) -> frozenset[str]:
    """The columns that no row mentions, if these are all that any row leaves out.

    A tap names the same properties in all its records, so this is the usual case; then the known
    rows need not be read to keep what they have there.
    """
    missing = [number for number, value in enumerate(rows[0]) if value is UNSET]
    if not missing:
        return frozenset()
    columns = list(table.columns)
    names = frozenset(columns[number] for number in missing)
    if names & table.not_null:
        return frozenset()
    pick = itemgetter(*missing)
    expected, amount = pick(rows[0]), len(missing)
    alike = all(pick(row) == expected and row.count(UNSET) == amount for row in rows)
    return names if alike else frozenset()


def cells_of(table: TableColumns) -> Callable[[Row], Sequence[Any]]:
    """What a row sends: all but its line number, and what no row mentions."""
    if not table.unmentioned:
        return itemgetter(slice(-1))
    at = [number for number, name in enumerate(table.columns) if name not in table.unmentioned]
    return itemgetter(*at) if len(at) > 1 else itemgetter(slice(at[0], at[0] + 1))

"""The fast way: blocks of plain rows, straight to the JSON of their records.

It is one seam: `FastWay.read` takes rows and gives their lines, or None, and nothing has happened.
Whoever asked then reads those rows one by one, on the careful way, which alone knows why a row is
refused (docs/decisions/0043).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tap_llm_csv.plans.block_cells import NotPlainError, as_json
from tap_llm_csv.reading.columns import Table
from tap_llm_csv.records.cells import RowReject
from tap_llm_csv.records.identity import uuids_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tap_llm_csv.plans.block_code import BlockPlan
    from tap_llm_csv.plans.plan import RowPlan
    from tap_llm_csv.records.identity import Ordinals

# A batch with a row that is not plain is tried again in parts of so many rows.
PART_ROWS = 64


class Plain(NamedTuple):
    """What became of plain rows: their records, or none where all are too old."""

    lines: list[str]
    first: str
    last: str


class FastWay:
    """Reads the plain rows of one file under one header."""

    def __init__(
        self, block: BlockPlan, width: int, ordinals: Ordinals, path: str, start: str
    ) -> None:
        """Prepare to read rows of `width` cells; `start` is the time of the first wanted one."""
        self._block = block
        self._width = width
        self._ordinals = ordinals
        self._file = as_json(path)
        self._start = start

    def read(self, rows: Sequence[list[str]], lines: Sequence[int]) -> Plain | None:
        """Return the records of consecutive rows, at least one, or None where some are not plain.

        Args:
            rows: The rows' cells.
            lines: Their lines in the file, counted from 0.
        """
        if isinstance(rows, Table):
            columns: Sequence[list[str]] = rows.columns
        elif all(len(cells) == self._width for cells in rows):
            columns = [list(column) for column in zip(*rows, strict=True)]
        else:
            return None
        try:
            cells = self._block.read(columns)
        except (NotPlainError, RowReject):
            return None
        moments = cells["timestamp"].values
        first, last = min(moments), max(moments)
        if first < self._start:
            return Plain([], first, last) if last < self._start else None
        made = self._ordinals.number(self._block.identities(cells), lines)
        counted: Sequence[int] = range(lines[0] + 1, lines[-1] + 2)
        if len(counted) != len(lines):
            counted = [line + 1 for line in lines]
        return Plain(self._block.records(cells, uuids_of(made), counted, self._file), first, last)


def fast_way(plan: RowPlan, ordinals: Ordinals, path: str, start: str | None) -> FastWay | None:
    """Return the fast way of a header; None where there is none."""
    if plan.block is None:
        return None
    return FastWay(plan.block, plan.field_count, ordinals, path, start or "")

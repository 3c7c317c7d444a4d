"""Clean text → columns, without looking at it line by line.

Most pieces of most files hold no quote, no stray line end, and the same number of cells in each
line. Such a piece is cut at its delimiters once; every n-th cell is a column.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, overload

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_llm_csv.reading.text_format import TextFormat


# An empty line of one column would look like an empty cell.
_LEAST_WIDTH = 2


class Table(Sequence[list[str]]):
    """Rows of equal width, one a line, kept by column; a row is made when it is asked for."""

    __slots__ = ("columns",)

    def __init__(self, columns: list[list[str]]) -> None:
        """Take the columns, all of one length."""
        self.columns = columns

    def __len__(self) -> int:
        """Return how many rows there are."""
        return len(self.columns[0])

    @overload
    def __getitem__(self, index: int) -> list[str]: ...

    @overload
    def __getitem__(self, index: slice) -> list[list[str]]: ...

    def __getitem__(self, index: int | slice) -> list[str] | list[list[str]]:
        """Return a row, or some."""
        if isinstance(index, slice):
            return [list(cells) for cells in zip(*self.part(index).columns, strict=True)]
        return [column[index] for column in self.columns]

    def __iter__(self) -> Iterator[list[str]]:
        """Make all rows."""
        return iter(self[:])

    def part(self, span: slice) -> Table:
        """Return some of the rows, by column."""
        return Table([column[span] for column in self.columns])


def split_table(
    data: bytes, text: TextFormat, delimiter: str, width: int, most: int
) -> Table | None:
    """Split whole lines into columns; None where `csv.reader` has to look at them.

    Args:
        data: Whole lines.
        text: How they are decoded.
        delimiter: What separates cells; empty for lines that are not CSV.
        width: How many cells each line must have.
        most: The bytes that a cell may have.
    """
    if not delimiter or width < _LEAST_WIDTH or len(data) > most or b'"' in data:
        return None
    try:
        lines = data.decode(text.encoding)
    except UnicodeDecodeError:
        return None
    if "\r" in lines:
        lines = lines.replace("\r\n", "\n")
    if not lines.endswith("\n") or any(mark in lines for mark in '"\r\0'):
        return None
    # Each line end becomes a cell of its own: where all of them stand in the last of every
    # `width` + 1 cells, all lines have `width` cells.
    ends = lines.count("\n")
    cells = lines.replace("\n", f"{delimiter}\n{delimiter}").split(delimiter)
    step = width + 1
    if len(cells) != ends * step + 1 or cells[width::step].count("\n") != ends:
        return None
    cells.pop()
    return Table([cells[place::step] for place in range(width)])

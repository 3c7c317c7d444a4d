"""One column of a block of rows: its cells → values and their JSON.

The values are those that `convert` gives for the same cells. A column with few different cells is
worked out once for each of them; a column of plain digits is read as a whole. A cell that cannot be
read raises what the function of its kind raises, and the block then takes the other way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tap_llm_csv.records.times import Instants

Key = TypeVar("Key")
Result = TypeVar("Result")

# Longer numbers may not fit a bigint.
_DIGITS = 18

_encode = msgspec.json.Encoder(decimal_format="number").encode


class Cells(NamedTuple):
    """A column of a block.

    Attributes:
        values: What the rows' records hold; of an uncounted column of digits, the digits.
        texts: The same as JSON. Whole numbers and times stand as they are; the template quotes
            times.
        words: What `str()` of each value says.
        is_whole: Each value is a whole number of at most 18 digits.
    """

    values: Sequence[Any]
    texts: Sequence[Any]
    words: Sequence[Any]
    is_whole: bool = False


class NotPlainError(Exception):
    """The block is not one for the fast way."""


def as_json(value: Any) -> str:
    """A value as it stands in a record's line."""
    return _encode(value).decode()


def each(function: Callable[[Key], Result], keys: Sequence[Key]) -> list[Result]:
    """Call a pure function for each key, or once for each different one where they are few."""
    different = set(keys)
    if len(different) * 2 > len(keys):
        return [function(key) for key in keys]
    known = {key: function(key) for key in different}
    return list(map(known.__getitem__, keys))


def valued(values: Sequence[Any]) -> Cells:
    """Values that were worked out → the column that holds them."""
    return Cells(values, each(as_json, values), values)


def labels(read: Callable[[str], Any]) -> Callable[[list[str]], Cells]:
    """Cells of any kind that may repeat themselves."""

    def cells(column: list[str]) -> Cells:
        known = {cell: read(cell) for cell in set(column)}
        said = {cell: as_json(value) for cell, value in known.items()}
        values = list(map(known.__getitem__, column))
        return Cells(values, list(map(said.__getitem__, column)), values)

    return cells


def free_text(read: Callable[[str], Any]) -> Callable[[list[str]], Cells]:
    """Cells that people wrote."""

    def cells(column: list[str]) -> Cells:
        return valued(each(read, column))

    return cells


def digits(read: Callable[[str], Any], *, is_counted: bool) -> Callable[[list[str]], Cells]:
    """Counts; `is_counted` ones are also reckoned with."""
    careful = labels(read)

    def cells(column: list[str]) -> Cells:
        joined, least = "".join(column), min(column)
        if (
            not least
            or not joined.isdecimal()
            or not joined.isascii()
            or max(map(len, column)) > _DIGITS
        ):
            return careful(column)
        # The least text begins with a zero where any does.
        if is_counted or least[0] == "0":
            values = list(map(int, column))
            texts: Sequence[Any] = values if least[0] == "0" else column
            return Cells(values, texts, texts, is_whole=True)
        return Cells(column, column, column)

    return cells


def times(instants: Instants, header: str) -> Callable[[list[str]], Cells]:
    """Times; a row without one is none for the fast way."""
    hours, clock = instants.hours, instants.clock
    seconds, tails = instants.seconds, instants.tails

    def read(cell: str) -> str | None:
        try:
            return hours[cell[:13]] + clock[cell[13:]]
        except KeyError:
            return instants.text(cell, header)

    def cells(column: list[str]) -> Cells:
        values: Sequence[str | None]
        try:
            values = [hours[cell[:13]] + clock[cell[13:]] for cell in column]
        except KeyError:
            values = others(column)
        return Cells(values, values, values)

    def others(column: list[str]) -> Sequence[str | None]:
        try:
            return [hours[cell[:13]] + seconds[cell[13:19]] + tails[cell[19:]] for cell in column]
        except KeyError:
            values = each(read, column)
        if None in values:
            raise NotPlainError
        return values

    return cells

"""Rows to the text that COPY takes, by the thread that decodes, while the writer's thread waits.

psycopg formats rows as they are sent, on the connection that is to carry them: the server would
have nothing to do meanwhile. Values are plain by now (`convert.py`), so text needs no connection;
whatever is not plain is left to psycopg.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_NULL: Final = "\\N"
#: A few hundred rows stay in the processor's cache while they are turned into columns and back.
_ROWS: Final = 400
#: What means something to COPY, and how psycopg spells it.
_MARKS: Final = {
    "\\": "\\\\",
    "\t": "\\t",
    "\n": "\\n",
    "\r": "\\r",
    "\b": "\\b",
    "\v": "\\v",
    "\f": "\\f",
}
_ESCAPES: Final = str.maketrans(_MARKS)


def _boolean(value: bool) -> str:
    return "t" if value else "f"


_FORMATS: Final[dict[type, Callable[[Any], str]]] = {
    int: int.__repr__,
    bool: _boolean,
    Decimal: Decimal.__str__,
}


def copy_text(rows: Sequence[Sequence[Any]], at: Sequence[int]) -> list[str] | None:
    """The columns `at` of the rows as text for COPY, in pieces; None if psycopg must do it."""
    pieces = []
    for start in range(0, len(rows), _ROWS):
        columns = list(zip(*rows[start : start + _ROWS], strict=True))
        texts = [_column(columns[number]) for number in at]
        if None in texts:
            return None
        lines = "\n".join(map("\t".join, zip(*texts, strict=True)))
        pieces.append(f"{lines}\n")
    return pieces


def _column(values: Sequence[Any]) -> Sequence[str] | None:
    kinds = set(map(type, values))
    empty = type(None) in kinds
    kinds.discard(type(None))
    if not kinds:
        return [_NULL] * len(values)
    if kinds == {str}:
        return _strings(values, empty=empty)
    if not kinds <= _FORMATS.keys():
        return None
    if len(kinds) > 1:
        return [_NULL if value is None else _FORMATS[type(value)](value) for value in values]
    form = _FORMATS[kinds.pop()]
    if empty:
        return [_NULL if value is None else form(value) for value in values]
    return list(map(form, values))


def _strings(values: Sequence[Any], *, empty: bool) -> Sequence[str]:
    together = "".join(filter(None, values) if empty else values)
    if any(mark in together for mark in _MARKS):
        return [_NULL if value is None else value.translate(_ESCAPES) for value in values]
    return [_NULL if value is None else value for value in values] if empty else values

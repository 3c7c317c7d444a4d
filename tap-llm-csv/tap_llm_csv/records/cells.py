"""A cell → a typed value, or a reason why not.

Every function takes the cell's text and the name of its column, gives the value or `None` for an
empty cell, and raises `RowReject` with a stable code and a sentence that a person can act on.
"""

from __future__ import annotations

import json
import re
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from typing import Any

BIGINT_MAX = 2**63 - 1
MONEY_PLACES = Decimal("1e-12")
MONEY_LIMIT = Decimal(1_000_000)  # numeric(18,12) has six digits before the point

_EXACT = Context(prec=60, rounding=ROUND_HALF_EVEN, Emax=999_999, Emin=-999_999)
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?")
_NULL_WORDS = frozenset({"", "null", "none"})
_WORDS = {
    **dict.fromkeys(("true", "t", "yes", "y", "1", "success", "succeeded", "ok"), True),
    **dict.fromkeys(("false", "f", "no", "n", "0", "failure", "failed", "error"), False),
}
BOOLEANS: dict[str, bool | None] = {
    "": None,
    **{
        form: value for word, value in _WORDS.items() for form in (word, word.title(), word.upper())
    },
}
_SHOWN = 60


class RowReject(Exception):  # noqa: N818 - it names what happens to the row
    """One row cannot be read; the rest of the file can.

    Attributes:
        skip: The row is well-formed but says nothing that belongs in the stream (an empty day, a
            step that is no call): it counts as skipped, not as rejected.
    """

    def __init__(self, code: str, column: str | None, message: str, *, skip: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.column = column
        self.message = message
        self.skip = skip


def shown(cell: str) -> str:
    """The cell as it may appear in a message: short, on one line, quoted."""
    text = cell if len(cell) <= _SHOWN else cell[: _SHOWN - 1] + "…"
    return json.dumps(text, ensure_ascii=False)


def bare(cell: str) -> str:
    """The cell without blanks and without the `'` that guards against spreadsheet formulas."""
    return cell.strip().removeprefix("'").strip()


def text(cell: str, column: str) -> str | None:
    """A name or a label: blanks around it do not count."""
    cell = cell.strip()
    return free_text(cell, column) if cell else None


def free_text(cell: str, column: str) -> str | None:
    """Text that people wrote, kept as it is."""
    if not cell:
        return None
    if "\0" in cell:
        raise RowReject(
            "nul_byte", column, f"{column} holds a NUL byte, which no text column can store"
        )
    return cell


def number(
    cell: str,
    column: str,
    *,
    thousands: str = "",
    nulls: frozenset[str] = frozenset(),
    code: str = "bad_number",
) -> Decimal | None:
    """An exact decimal number; NaN, infinities and digit groups are refused."""
    plain = bare(cell)
    if plain.lower() in _NULL_WORDS or plain in nulls:
        return None
    if thousands:
        plain = _ungroup(plain, thousands)
    if not _NUMBER.fullmatch(plain):
        _refuse_nul(cell, column)
        raise RowReject(code, column, f"{column} is {shown(cell)}, which is not a number")
    try:
        return _EXACT.create_decimal(plain)
    except InvalidOperation:
        raise RowReject(
            "out_of_range", column, f"{column} is {shown(cell)}: more digits than can be kept"
        ) from None


def integer(
    cell: str, column: str, *, thousands: str = "", nulls: frozenset[str] = frozenset()
) -> int | None:
    """A count: whole (`59200.0` and `1e3` are), not negative, and within bigint."""
    value = number(cell, column, thousands=thousands, nulls=nulls, code="bad_integer")
    if value is None:
        return None
    if value < 0:
        raise RowReject(
            "negative_value", column, f"{column} is {shown(cell)}; a count is never negative"
        )
    if value > BIGINT_MAX:
        raise RowReject("out_of_range", column, f"{column} is {shown(cell)}: larger than a bigint")
    whole = int(value)
    if whole != value:
        raise RowReject(
            "bad_integer", column, f"{column} is {shown(cell)}, which is not a whole number"
        )
    return whole


def milliseconds(cell: str, column: str) -> int | None:
    """A duration in milliseconds, rounded to whole ones."""
    return _duration(number(cell, column), 1, cell, column)


def seconds(cell: str, column: str) -> int | None:
    """A duration in seconds, as whole milliseconds."""
    return _duration(number(cell, column), 1000, cell, column)


def money(
    cell: str,
    column: str,
    *,
    thousands: str = ",",
    nulls: frozenset[str] = frozenset(),
) -> Decimal | None:
    """US dollars, with or without `$`, rounded to 12 places."""
    plain = bare(cell)
    if "$" in plain:
        plain = plain.replace("US$", "$", 1).replace("$", "", 1)
    value = number(plain, column, thousands=thousands, nulls=nulls, code="bad_number")
    return None if value is None else rounded_money(value, column)


def rounded_money(value: Decimal, column: str) -> Decimal:
    """Money as numeric(18,12) holds it."""
    if abs(value) >= MONEY_LIMIT:
        raise RowReject("out_of_range", column, f"{column} is {value}: a million dollars or more")
    value = value.quantize(MONEY_PLACES, context=_EXACT)
    return value.normalize(_EXACT) if value else Decimal(0)


def boolean(cell: str, column: str) -> bool | None:
    """Yes or no, in the words that exporters use."""
    word = bare(cell).lower()
    if word in _NULL_WORDS:
        return None
    value = _WORDS.get(word)
    if value is None:
        _refuse_nul(cell, column)
        raise RowReject("bad_boolean", column, f"{column} is {shown(cell)}, neither true nor false")
    return value


def json_value(cell: str, column: str) -> Any:
    """A JSON document in a cell."""
    if not cell.strip():
        return None
    _refuse_nul(cell, column)
    try:
        value = json.loads(cell, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise RowReject(
            "bad_json", column, f"{column} is {shown(cell)}, which is not JSON"
        ) from None
    if "\\ud" in cell.lower():
        value = mended(value)
    if "\\u0000" in cell and _has_nul(value):
        raise RowReject("nul_byte", column, f"{column} holds a NUL, which jsonb cannot store")
    return value


def mended(value: Any) -> Any:
    """JSON whose halves of surrogate pairs, which are no characters, are replaced by U+FFFD."""
    if isinstance(value, str):
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    if isinstance(value, list):
        return [mended(item) for item in value]
    if isinstance(value, dict):
        return {mended(name): mended(item) for name, item in value.items()}
    return value


def _has_nul(value: Any) -> bool:
    if isinstance(value, dict):
        return any("\0" in name or _has_nul(item) for name, item in value.items())
    if isinstance(value, list):
        return any(_has_nul(item) for item in value)
    return isinstance(value, str) and "\0" in value


def _refuse_constant(word: str) -> Any:
    raise ValueError(word)


def _duration(value: Decimal | None, factor: int, cell: str, column: str) -> int | None:
    if value is None:
        return None
    if value < 0:
        raise RowReject(
            "negative_value", column, f"{column} is {shown(cell)}; a duration is never negative"
        )
    value *= factor
    if value > BIGINT_MAX:
        raise RowReject("out_of_range", column, f"{column} is {shown(cell)}: larger than a bigint")
    return int(value.to_integral_value(ROUND_HALF_EVEN))


def _ungroup(plain: str, mark: str) -> str:
    """Drop digit grouping, only where the groups are real ones (`1,234`, not `1,2`)."""
    grouped = rf"[+-]?[0-9]{{1,3}}(?:{re.escape(mark)}[0-9]{{3}})+(?:\.[0-9]*)?"
    return plain.replace(mark, "") if re.fullmatch(grouped, plain) else plain


def _refuse_nul(cell: str, column: str) -> None:
    if "\0" in cell:
        raise RowReject("nul_byte", column, f"{column} holds a NUL byte")

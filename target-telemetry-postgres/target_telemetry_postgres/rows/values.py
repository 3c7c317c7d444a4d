"""One JSON value to what COPY sends for one column, or a reason why it does not fit.

This is the careful way: it accepts whatever can be stored exactly. `fast_fields.py` accepts the
ordinary spellings only, and must agree with it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, time, timezone
from decimal import Decimal, InvalidOperation
from typing import Any, Final
from uuid import UUID

import msgspec

from target_telemetry_postgres.schema.pg_types import (
    BOOLEAN,
    DATE,
    INTEGER_RANGES,
    JSONB,
    TIME,
    TIMESTAMPTZ,
    base_type,
    element_type,
)

Converter = Callable[[Any], Any]
#: The values of a table's columns in order, and then the number of the input line.
Row = list[Any]
#: What a row holds where its record does not mention a property: absent is not null.
UNSET: Final = msgspec.UNSET

TIMESTAMP_PATTERN: Final = (
    r"^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d(?::?\d\d(?::\d\d)?)?)?)?\Z"
)
DATE_PATTERN: Final = r"^\d{4}-\d\d-\d\d\Z"
TIME_PATTERN: Final = r"^\d\d:\d\d(?::\d\d(?:\.\d+)?)?\Z"
UUID_PATTERN: Final = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z"

_TIMESTAMP: Final = re.compile(TIMESTAMP_PATTERN, re.ASCII)
_DATE: Final = re.compile(DATE_PATTERN, re.ASCII)
_TIME: Final = re.compile(TIME_PATTERN, re.ASCII)
_TIME_WITH_OFFSET: Final = re.compile(r"^([\d:.]+)(Z|[+-]\d\d(?::?\d\d)?)\Z", re.ASCII)
_OFFSET: Final = re.compile(r"^([+-])(\d\d):?(\d\d)?\Z", re.ASCII)
_NUMBER: Final = re.compile(r"^\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\s*\Z", re.ASCII)
_HOURS: Final = 24
_SIXTY: Final = 60
_WORDS: Final = {"true": True, "false": False, "1": True, "0": False}

_JSON: Final = msgspec.json.Encoder(decimal_format="number")


class RejectedValue(ValueError):  # noqa: N818 - it is the reason, not the error that is raised for it
    """Why a value does not fit its column."""


def exact(text: str) -> Decimal:
    """A number that is not whole, exactly as it is written.

    Raises:
        ValueError: If its exponent is beyond all that can be reckoned with.
    """
    try:
        return Decimal(text)
    except InvalidOperation:
        raise ValueError(f"{text} is too large or too small a number") from None


def json_text(value: Any) -> str:
    """The value as JSON, numbers exactly as they are."""
    _reject_not_a_number(value)
    return _JSON.encode(value).decode()


def _reject_not_a_number(value: Any) -> None:
    if isinstance(value, float | Decimal) and not Decimal(value).is_finite():
        raise RejectedValue(f"{value} is not a JSON number")
    if isinstance(value, dict):
        for inner in value.values():
            _reject_not_a_number(inner)
    elif isinstance(value, list):
        for inner in value:
            _reject_not_a_number(inner)


def to_text(value: Any) -> str:
    """Text as it is; other scalars in their JSON spelling."""
    if isinstance(value, str):
        return value
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, dict | list):
        raise RejectedValue("an object or array in a text column")
    return json_text(value)


def to_integer(low: int, high: int) -> Converter:
    """Whole numbers within a range; `5.0` and `"5"` are whole numbers too."""

    def convert(value: Any) -> int:
        number = to_numeric(value)
        if isinstance(number, Decimal):
            if not number.is_finite() or number != number.to_integral_value():
                raise RejectedValue("not a whole number")
            if number.adjusted() > len(str(high)):
                raise RejectedValue(f"out of range ({low} to {high})")
        if not low <= number <= high:
            raise RejectedValue(f"out of range ({low} to {high})")
        return int(number)

    return convert


def to_numeric(value: Any) -> int | Decimal:
    """Any number, exactly as written."""
    if isinstance(value, bool):
        raise RejectedValue("a boolean, not a number")
    if isinstance(value, int | Decimal):
        return value
    if isinstance(value, float):
        return Decimal(repr(value))
    if isinstance(value, str) and _NUMBER.match(value):
        return Decimal(value.strip())
    raise RejectedValue("not a number")


def to_boolean(value: Any) -> bool:
    """True or false."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lower() in _WORDS:
        return _WORDS[value.strip().lower()]
    raise RejectedValue("not true or false")


def to_timestamp(value: Any) -> str:
    """An ISO 8601 instant; without an offset it is UTC, because the session's time zone is."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, str):
        text = value.strip().upper()
        if _TIMESTAMP.match(text):
            return text
    raise RejectedValue("not an ISO 8601 date and time")


def to_naive_timestamp(value: Any) -> str:
    """For columns without a time zone: the same instant in UTC, offset applied and dropped."""
    text = to_timestamp(value).replace("Z", "+00:00")
    if re.search(r"[+-]\d\d\Z", text[10:]):
        text += ":00"
    try:
        parsed = datetime.fromisoformat(_microseconds(text))
        if parsed.tzinfo is not None:
            parsed = parsed.astimezone(timezone.utc).replace(tzinfo=None)
    except (ValueError, OverflowError):
        raise RejectedValue("not an ISO 8601 date and time") from None
    return parsed.isoformat()


def _microseconds(text: str) -> str:
    """Fractions of a second at the six digits that every supported Python reads."""
    return re.sub(r"\.(\d+)", lambda match: "." + match[1][:6].ljust(6, "0"), text)


def to_date(value: Any) -> str:
    """An ISO date."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, str) and _DATE.match(value.strip()):
        return value.strip()
    raise RejectedValue("not an ISO 8601 date")


def to_time(value: Any) -> str:
    """A time of day; an offset is applied, so that the column is UTC like every timestamp."""
    if isinstance(value, time):
        value = value.isoformat()
    if isinstance(value, str):
        text = value.strip().upper()
        if _TIME.match(text):
            return text
        parts = _TIME_WITH_OFFSET.match(text)
        if parts and _TIME.match(parts[1]):
            return _time_in_utc(parts[1], parts[2])
    raise RejectedValue("not an ISO 8601 time")


def time_of_day(value: str) -> Decimal | str:
    """Something equal exactly when Postgres says so of two times: `23:59:60` is `24:00`.

    A time that Postgres would round, or refuse, stays as it is.
    """
    hour, minute, second = (*value.split(":"), "0")[:3]
    in_range = int(hour) <= _HOURS and int(minute) < _SIXTY and Decimal(second) <= _SIXTY
    if not in_range or len(second) > len("00.000000"):
        return value
    return (int(hour) * _SIXTY + int(minute)) * _SIXTY + Decimal(second)


def _time_in_utc(clock: str, offset: str) -> str:
    parts = _OFFSET.match(offset)
    if parts is None:
        return clock
    minutes = (int(parts[2]) * 60 + int(parts[3] or 0)) * (-1 if parts[1] == "+" else 1)
    hour, minute, *rest = clock.split(":")
    total = (int(hour) * 60 + int(minute) + minutes) % (24 * 60)
    return ":".join([f"{total // 60:02}", f"{total % 60:02}", *rest])


def to_uuid(value: Any) -> str:
    """A UUID in Postgres' own spelling, so that equal keys are equal text."""
    try:
        return str(UUID(value))
    except (ValueError, TypeError, AttributeError):
        raise RejectedValue("not a UUID") from None


def to_array(element: Converter) -> Converter:
    """An array literal of converted elements."""

    def convert(value: Any) -> str:
        if not isinstance(value, list):
            raise RejectedValue("not an array")
        return array_literal([None if one is None else element(one) for one in value])

    return convert


def array_literal(values: list[Any]) -> str:
    """What Postgres reads as an array of these scalars."""
    return "{" + ",".join(_element(value) for value in values) + "}"


def _element(value: Any) -> str:
    if value is None:
        return "NULL"
    if value is True:
        return "t"
    if value is False:
        return "f"
    text = str(value)
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


_ELEMENT: Final = re.compile(r'"((?:[^"\\]|\\.)*)"|([^,{}"]+)', re.DOTALL)
_decode: Final = msgspec.json.Decoder(float_hook=exact).decode


def as_sent(value: Any, pg_type: str) -> Any:
    """What `converter` was given to make this of, but for the spelling."""
    if not isinstance(value, str):
        return value
    if base_type(pg_type) in {JSONB, "json"}:
        try:
            return _decode(value)
        except RecursionError:
            return value
    element = element_type(pg_type)
    if element is None:
        return value
    return [_element_as_sent(match, element) for match in _ELEMENT.finditer(value[1:-1])]


def _element_as_sent(match: re.Match[str], pg_type: str) -> Any:
    if match[1] is None:
        return {"NULL": None, "t": True, "f": False}[match[2]]
    text = re.sub(r"\\(.)", r"\1", match[1], flags=re.DOTALL)
    if base_type(pg_type) in {*INTEGER_RANGES, "numeric", "real", "double precision"}:
        return _decode(text)
    return text


_BY_TYPE: Final[dict[str, Converter]] = {
    **{name: to_integer(*bounds) for name, bounds in INTEGER_RANGES.items()},
    "numeric": to_numeric,
    "real": to_numeric,
    "double precision": to_numeric,
    BOOLEAN: to_boolean,
    TIMESTAMPTZ: to_timestamp,
    "timestamp without time zone": to_naive_timestamp,
    DATE: to_date,
    TIME: to_time,
    "uuid": to_uuid,
    JSONB: json_text,
    "json": json_text,
}


def converter(pg_type: str) -> Converter:
    """How a JSON value becomes what a column of this type is sent; text where nothing is known."""
    element = element_type(pg_type)
    if element is not None:
        return to_array(converter(element))
    return _BY_TYPE.get(base_type(pg_type), to_text)

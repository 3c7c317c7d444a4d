"""The msgspec types that decode an ordinary record straight into a row, checked on the way.

A type made here accepts only values that the property's JSON Schema accepts and its column can
store. It may refuse more than the schema does: what it refuses takes the careful way
(`plan.py`), which knows the reason and has the last word.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Final, Union

import msgspec

from target_telemetry_postgres.rows import values
from target_telemetry_postgres.schema.msgspec_types import (
    CONSTRAINTS,
    Inexpressible,
    alternatives,
    checking_type,
    only,
    single,
    string_type,
)
from target_telemetry_postgres.schema.pg_types import (
    BOOLEAN,
    DATE,
    INTEGER_RANGES,
    JSONB,
    TIME,
    TIMESTAMPTZ,
    UUID,
    Json,
    base_type,
    element_type,
    variants,
)
from target_telemetry_postgres.schema.validation import validator

Fix = Callable[[Any], Any]
#: How JSON spells nothing.
NULL: Final = b"null"

_DIGITS: Final = b"0123456789"
#: All that numbers in JSON are written with, and what separates them here.
_NUMERALS: Final = _DIGITS + b"+-.eE,"
#: Longer ones are not read by everyone: msgspec and Python have limits of their own.
LONGEST_NUMBER: Final = 1_000
#: An exponent that Python may not reckon with.
_FAR: Final = re.compile(rb"[eE][+-]?[0-9]{10}")
_NUMBER_WORDS: Final = {
    "minimum": "ge",
    "maximum": "le",
    "exclusiveMinimum": "gt",
    "exclusiveMaximum": "lt",
}


@dataclass(frozen=True, slots=True)
class FastField:
    """A property: how a value of it is decoded, and what remains to be done to it then."""

    name: str
    kind: Any
    fix: Fix | None
    null_ok: bool
    required: bool


class TakeCarefulWay(Exception):  # noqa: N818 - a detour, not an error
    """The record is not of the ordinary kind: take the careful way."""


def fast_type(schema: Json, pg_type: str, *, null_ok: bool) -> tuple[Any, Fix | None]:
    """The type that decodes a property, and what remains to be done to its value."""
    try:
        kind, fix = _strict(schema, pg_type, null_ok=null_ok)
        made = Union[kind, None] if null_ok and kind not in {Any, msgspec.Raw} else kind  # noqa: UP007 - kind is a value
        msgspec.json.Decoder(made)
    except (Inexpressible, TypeError):
        return Any, _checked(schema, values.converter(pg_type))
    return made, fix


def unchecked_type(pg_type: str) -> tuple[Any, Fix | None]:
    """As `fast_type`, where the schema is not to be enforced: whatever the column can store."""
    if base_type(pg_type) == JSONB:
        return msgspec.Raw, RawJson({}, null_ok=True)
    return Any, _plainly(values.converter(pg_type))


def _strict(schema: Json, pg_type: str, *, null_ok: bool) -> tuple[Any, Fix | None]:
    base = base_type(pg_type)
    if base == JSONB:
        return msgspec.Raw, RawJson(schema, null_ok=null_ok)
    choices = [one for one in alternatives(schema) if one["type"] != "null"]
    kinds = {one["type"] for one in choices}
    if element_type(pg_type) is not None:
        return _array(choices, pg_type)
    if base in INTEGER_RANGES and kinds == {"integer"}:
        return _integer(choices, INTEGER_RANGES[base]), None
    if base in {"numeric", "double precision", "real"} and kinds <= {"integer", "number"}:
        return Any, Number(schema)
    if base == "text" and kinds == {"string"}:
        return string_type(choices), None
    return _unlimited(choices, kinds, base)


def _unlimited(choices: list[dict[str, Any]], kinds: set[Any], base: str) -> tuple[Any, Fix | None]:
    """Types whose values the schema may not limit any further."""
    only(choices, {"type"})
    if base == BOOLEAN and kinds == {"boolean"}:
        return bool, None
    if base in _SPELLINGS and kinds == {"string"}:
        return str, _SPELLINGS[base]
    raise Inexpressible(base)


class Spelled:
    """Text that Postgres takes as it is, if it is spelled so."""

    def __init__(self, pattern: str, alike: bytes) -> None:
        self._match = re.compile(pattern, re.ASCII).match
        # To the pattern all these characters are one, so one value speaks for many.
        self._forms = bytes.maketrans(alike, b"0" * len(alike))

    def __call__(self, value: str) -> str:
        """The value as it is.

        Raises:
            TakeCarefulWay: If it is spelled otherwise.
        """
        if self._match(value) is None:
            raise TakeCarefulWay
        return value

    def check(self, values: Sequence[Any]) -> None:
        """Look at many values at once; a null is not spelled at all.

        Raises:
            TakeCarefulWay: If one is spelled otherwise.
        """
        spelled = [value for value in values if value is not None]
        forms = "\n".join(spelled).encode().translate(self._forms).split(b"\n")
        if spelled and len(forms) != len(spelled):
            raise TakeCarefulWay
        for form in set(forms) if spelled else ():
            self(form.decode())


#: How values are spelled that Postgres takes as they are. Matched here, because a `pattern` of
#: msgspec costs three times as much.
_SPELLINGS: Final = {
    TIMESTAMPTZ: Spelled(values.TIMESTAMP_PATTERN, _DIGITS),
    DATE: Spelled(values.DATE_PATTERN, _DIGITS),
    TIME: Spelled(values.TIME_PATTERN, _DIGITS),
    UUID: Spelled(values.UUID_PATTERN, _DIGITS + b"abcdef"),
}


def _integer(choices: list[dict[str, Any]], bounds: tuple[int, int]) -> Any:
    one = single(choices)
    only([one], {"type", *_NUMBER_WORDS})
    limits = {_NUMBER_WORDS[word]: one[word] for word in _NUMBER_WORDS if word in one}
    if not all(isinstance(limit, int) for limit in limits.values()):
        raise Inexpressible(one)
    low, high = limits.pop("gt", None), limits.pop("lt", None)
    floor = max(bounds[0], limits.get("ge", bounds[0]), bounds[0] if low is None else low + 1)
    ceiling = min(bounds[1], limits.get("le", bounds[1]), bounds[1] if high is None else high - 1)
    return Annotated[int, msgspec.Meta(ge=floor, le=ceiling)]


def _array(choices: list[dict[str, Any]], pg_type: str) -> tuple[Any, Fix]:
    one = single(choices)
    only([one], {"type", "items"})
    element = element_type(pg_type)
    items = [each for each in alternatives(one["items"]) if each["type"] != "null"]
    kinds = {each["type"] for each in items}
    inner: Any
    if element == "text" and kinds == {"string"}:
        inner = string_type(items)
    elif element in INTEGER_RANGES and kinds == {"integer"}:
        inner = _integer(items, INTEGER_RANGES[element])
    else:
        raise Inexpressible(pg_type)
    if any(each["type"] == "null" for each in variants(one["items"])):
        inner = Union[inner, None]  # noqa: UP007 - inner is a value
    return list[inner], values.array_literal


class Number:
    """A number, exactly as it is written, within the schema's bounds."""

    def __init__(self, schema: Json) -> None:
        self._within = _bounds_check(schema)

    def __call__(self, value: Any) -> Any:
        """The value as it is.

        Raises:
            TakeCarefulWay: If it is no number, or none that the schema allows.
        """
        if value.__class__ is not Decimal and value.__class__ is not int:
            raise TakeCarefulWay
        if self._within is not None and not self._within(value):
            raise TakeCarefulWay
        return value

    @property
    def any(self) -> bool:
        """Whether every number will do."""
        return self._within is None


def check_numbers(values: Sequence[Any], *, null_ok: bool) -> None:
    """Look at many pieces of JSON at once.

    Raises:
        TakeCarefulWay: If one is not a number; nor null, where that will do.
    """
    text = b",".join(values)
    # What is valid JSON and has no other characters can be nothing else.
    if text.translate(None, _NUMERALS + b"nul" * null_ok):
        raise TakeCarefulWay
    if len(text) > LONGEST_NUMBER and max(map(len, text.split(b","))) > LONGEST_NUMBER:
        raise TakeCarefulWay
    if (b"e" in text or b"E" in text) and _FAR.search(text):
        raise TakeCarefulWay


def _bounds_check(schema: Json) -> Callable[[Any], bool] | None:
    bare = all(not (CONSTRAINTS & one.keys()) - {"type"} for one in variants(schema))
    numbers = {one["type"] for one in variants(schema)} - {"null"}
    if bare and "number" in numbers:
        return None
    judge = validator(schema)
    return lambda value: bool(judge.is_valid(value))


class RawJson:
    """The tap's own JSON text: nothing is decoded, unless the schema looks inside."""

    def __init__(self, schema: Json, *, null_ok: bool) -> None:
        self._check = _inside_check(schema)
        self._null_ok = null_ok

    def __call__(self, value: msgspec.Raw) -> str | None:
        """The text.

        Raises:
            TakeCarefulWay: If the schema does not allow it.
        """
        text = bytes(value)
        if text == NULL:
            if not self._null_ok:
                raise TakeCarefulWay
            return None
        if self._check is not None:
            self._check(text)
        return text.decode()


def _inside_check(schema: Json) -> Fix | None:
    if not CONSTRAINTS & schema.keys():
        return None
    try:
        return msgspec.json.Decoder(checking_type(schema)).decode
    except (Inexpressible, TypeError):
        judge = validator(schema)
        decoder = msgspec.json.Decoder(float_hook=values.exact)

        def check(text: bytes) -> None:
            if not judge.is_valid(decoder.decode(text)):
                raise TakeCarefulWay

        return check


def _checked(schema: Json, convert_value: Fix) -> Fix:
    """The property's own JSON Schema validator, then the conversion."""
    judge = validator(schema)
    convert_plainly = _plainly(convert_value)

    def fix(value: Any) -> Any:
        if not judge.is_valid(value):
            raise TakeCarefulWay
        return convert_plainly(value)

    return fix


def _plainly(convert_value: Fix) -> Fix:
    def fix(value: Any) -> Any:
        try:
            return convert_value(value)
        except values.RejectedValue:
            raise TakeCarefulWay from None

    return fix

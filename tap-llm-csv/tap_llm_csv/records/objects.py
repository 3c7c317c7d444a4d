"""A JSON object as a row: which cells it has, those of the object inside that counts tokens too."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec

from tap_llm_csv.records.cells import mended

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

# A price may have more digits than a float.
_decode = msgspec.json.Decoder(float_hook=Decimal).decode
_STEP = re.compile(r"([^.\[\]]+)|\[([0-9]+)\]")
# The objects inside a row whose members are read as cells, and the objects that those may stand in.
_COUNTING = frozenset({"usage", "token_usage", "tokenusage", "usage_metadata", "usagemetadata"})
_AROUND = frozenset({"response", "message"})


def decode(text: str) -> Any:
    """Read a line of JSON; half a surrogate pair, which JavaScript writes, is no error.

    Raises:
        ValueError: It is no JSON.
    """
    try:
        return _decode(text)
    except msgspec.DecodeError:
        if "\\ud" not in text.lower():
            raise
    return mended(json.loads(text, parse_float=Decimal, parse_constant=_refuse_constant))


def _refuse_constant(word: str) -> Any:
    raise ValueError(f"{word} is no JSON")


def names_of(row: Mapping[str, Any], paths: Sequence[str] = ()) -> tuple[str, ...]:
    """The names of a row's cells.

    Args:
        row: The object.
        paths: Places inside it that the settings name, such as `choices[0].finish_reason`.
    """
    if not any(type(value) is dict for value in row.values()) and not paths:
        return tuple(row)
    names: list[str] = []
    for name, value in row.items():
        inner = list(_inside(name, value)) if type(value) is dict else []
        names += inner or [name]
    present = set(names)
    names += [path for path in paths if path not in present and value_at(row, path) is not None]
    return tuple(names)


def _inside(name: str, value: Mapping[str, Any]) -> Iterator[str]:
    key = name.lower()
    if key in _COUNTING:
        yield from _members(name, value)
    elif key in _AROUND and any(
        inner.lower() in _COUNTING and type(counts) is dict for inner, counts in value.items()
    ):
        for inner, counts in value.items():
            whole = f"{name}.{inner}"
            is_counting = inner.lower() in _COUNTING and type(counts) is dict
            yield from _members(whole, counts) if is_counting else (whole,)


def _members(name: str, value: Mapping[str, Any]) -> Iterator[str]:
    for inner, member in value.items():
        whole = f"{name}.{inner}"
        yield from _members(whole, member) if type(member) is dict else (whole,)


def value_at(row: Mapping[str, Any], name: str) -> Any:
    """The value under a name, which may be a path; None where there is none."""
    if name in row or ("." not in name and "[" not in name):
        return row.get(name)
    value: Any = row
    for step in _STEP.finditer(name):
        if step[1] is not None:
            value = value.get(step[1]) if isinstance(value, dict) else None
        else:
            place = int(step[2])
            value = value[place] if isinstance(value, list) and place < len(value) else None
    return value

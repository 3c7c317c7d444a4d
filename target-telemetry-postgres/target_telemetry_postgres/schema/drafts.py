"""Schemas of other drafts, and of none, as the one draft that is read here.

The most used taps send Draft 4, and what their sources' types are called. What has a meaning is
translated; what has none is left out, and told.
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import Any, Final, cast

from singer_sdk.typing import DEFAULT_JSONSCHEMA_VALIDATOR

#: Names that are no types of JSON, and what is meant: a type, and a format.
_MEANT: Final[dict[str, tuple[str, str | None]]] = {
    "date": ("string", "date"),
    "datetime": ("string", "date-time"),
    "date-time": ("string", "date-time"),
    "timestamp": ("string", "date-time"),
    "time": ("string", "time"),
    "uuid": ("string", "uuid"),
    "str": ("string", None),
    "text": ("string", None),
    "int": ("integer", None),
    "bigint": ("integer", None),
    "float": ("number", None),
    "double": ("number", None),
    "decimal": ("number", None),
    "numeric": ("number", None),
    "bool": ("boolean", None),
    "json": ("object", None),
    "dict": ("object", None),
    "list": ("array", None),
    "none": ("null", None),
}
_NUMBERS: Final = (
    "maximum",
    "minimum",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "multipleOf",
    "maxLength",
    "minLength",
    "maxItems",
    "minItems",
    "maxProperties",
    "minProperties",
)
_ONE: Final = (
    *("items", "additionalItems", "additionalProperties", "not", "contains", "propertyNames"),
    *("if", "then", "else", "unevaluatedItems", "unevaluatedProperties"),
)
_LISTS: Final = ("anyOf", "oneOf", "allOf", "prefixItems")
_NAMED: Final = ("properties", "patternProperties", "definitions", "$defs", "dependentSchemas")

#: What a schema is checked against; its validator is the SDK's.
_META: Final = cast("Any", DEFAULT_JSONSCHEMA_VALIDATOR)(DEFAULT_JSONSCHEMA_VALIDATOR.META_SCHEMA)


def translated(schema: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The schema in the draft that is read here, and what of it is left out, in words."""
    left_out: list[str] = []
    made = cast("dict[str, Any]", _translate(schema, (), left_out))
    while (error := next(_META.iter_errors(made), None)) is not None:
        _leave_out(made, list(error.absolute_path), left_out)
    return made, left_out


def _translate(schema: Any, path: tuple[str, ...], left_out: list[str]) -> Any:
    if not isinstance(schema, dict):
        return schema
    made = {word: value for word, value in schema.items() if value is not None or word == "const"}
    _numbers(made)
    _types(made)
    _regexes(made, path, left_out)
    _tuples(made)
    _dependencies(made)
    if isinstance(made.get("required"), bool):
        del made["required"]  # its parent takes it
    for word, value in made.items():
        made[word] = _inside(word, value, (*path, word), left_out)
    _required(made, schema.get("properties"))
    return made


def _inside(word: str, value: Any, path: tuple[str, ...], left_out: list[str]) -> Any:
    """What a word holds, translated where these are schemas."""
    if word in _ONE:
        return _translate(value, path, left_out)
    if word in _LISTS and isinstance(value, list):
        return [_translate(one, (*path, str(at)), left_out) for at, one in enumerate(value)]
    if word in _NAMED and isinstance(value, dict):
        return {
            name: _translate({} if one is None else one, (*path, name), left_out)
            for name, one in value.items()
        }
    return value


def _numbers(made: dict[str, Any]) -> None:
    """Limits as text, and those that Draft 4 says are not reached."""
    for word in _NUMBERS:
        if isinstance(made.get(word), str):
            made[word] = _number(made[word])
        elif isinstance(made.get(word), Decimal):
            made[word] = _whole(made[word])
    for word, limit in (("exclusiveMaximum", "maximum"), ("exclusiveMinimum", "minimum")):
        if isinstance(made.get(word), bool) and made.pop(word) and limit in made:
            made[word] = made.pop(limit)


def _number(text: str) -> Any:
    try:
        return _whole(Decimal(text.strip()))
    except InvalidOperation:
        return text


def _whole(number: Decimal) -> int | Decimal:
    small = number.is_finite() and number.adjusted() < 100  # noqa: PLR2004 - a number of digits
    return int(number) if small and number == number.to_integral_value() else number


def _types(made: dict[str, Any]) -> None:
    kinds = made.get("type")
    if isinstance(kinds, str):
        kinds = [kinds]
    if not isinstance(kinds, list) or not all(isinstance(kind, str) for kind in kinds):
        return
    if "any" in kinds:
        del made["type"]
        return
    if not _MEANT.keys() & set(kinds):
        return
    meant = [_MEANT.get(kind, (kind, None)) for kind in kinds]
    names = list(dict.fromkeys(name for name, _ in meant))
    made["type"] = names[0] if len(names) == 1 else names
    formats = {form for name, form in meant if name == "string"}
    if len(formats) == 1 and None not in formats:
        made.setdefault("format", formats.pop())


def _regexes(made: dict[str, Any], path: tuple[str, ...], left_out: list[str]) -> None:
    """Expressions of other languages than Python's."""
    if isinstance(made.get("pattern"), str) and not _compiles(made["pattern"]):
        left_out.append(_said((*path, "pattern"), made.pop("pattern")))
    patterns = made.get("patternProperties")
    if isinstance(patterns, dict):
        for pattern in [one for one in patterns if not _compiles(one)]:
            left_out.append(_said((*path, "patternProperties"), pattern))
            made["patternProperties"] = {
                name: value for name, value in made["patternProperties"].items() if name != pattern
            }


def _compiles(pattern: str) -> bool:
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError):
        return False
    return True


def _tuples(made: dict[str, Any]) -> None:
    """Draft 4 lists an array's first items under `items`, and tells of the others beside it."""
    others = made.pop("additionalItems", None)
    if isinstance(made.get("items"), list):
        first = made.pop("items")
        if first:
            made["prefixItems"] = first
        if others is not None:
            made["items"] = others


def _dependencies(made: dict[str, Any]) -> None:
    found = made.pop("dependencies", None)
    if not isinstance(found, dict):
        return
    for name, needs in found.items():
        names = [needs] if isinstance(needs, str) else needs
        word = "dependentRequired" if isinstance(names, list) else "dependentSchemas"
        made[word] = {**made.get(word, {}), name: names}


def _required(made: dict[str, Any], properties: Any) -> None:
    """Draft 3 says of a property that it is required, later ones say it where it belongs."""
    if not isinstance(properties, dict):
        return
    names = [
        name
        for name, one in properties.items()
        if isinstance(one, dict) and one.get("required") is True
    ]
    before = made.get("required", [])
    if names and isinstance(before, list):
        made["required"] = [*before, *(name for name in names if name not in before)]


def _leave_out(schema: dict[str, Any], path: list[str | int], left_out: list[str]) -> None:
    """Take away the word that the path leads to, or the one that holds it."""
    holder: Any = schema
    where: list[Any] = list(path)
    places = [holder]
    for step in where[:-1]:
        holder = holder[step]
        places.append(holder)
    while where and not isinstance(places[len(where) - 1], dict):
        where.pop()
    if not where:
        left_out.append(_said((), schema))
        schema.clear()
        return
    left_out.append(_said(tuple(map(str, where)), places[len(where) - 1].pop(where[-1])))


def _said(path: tuple[str, ...], value: Any) -> str:
    shown = str(value)
    name = ".".join(one for one in path if one != "properties")
    return f"{name} ({shown if len(shown) <= 60 else shown[:60] + '…'})"  # noqa: PLR2004 - a width

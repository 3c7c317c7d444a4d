"""msgspec types that say what a JSON Schema says, where any can."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, Union

import msgspec

from target_telemetry_postgres.schema.pg_types import variants

#: Keywords by which a JSON Schema can refuse a value; all others only describe.
CONSTRAINTS: Final = frozenset(
    [
        "$dynamicRef",
        "$ref",
        "additionalProperties",
        "allOf",
        "anyOf",
        "const",
        "contains",
        "dependentRequired",
        "dependentSchemas",
        "else",
        "enum",
        "exclusiveMaximum",
        "exclusiveMinimum",
        "if",
        "items",
        "maxContains",
        "maxItems",
        "maxLength",
        "maxProperties",
        "maximum",
        "minContains",
        "minItems",
        "minLength",
        "minProperties",
        "minimum",
        "multipleOf",
        "not",
        "oneOf",
        "pattern",
        "patternProperties",
        "prefixItems",
        "properties",
        "propertyNames",
        "required",
        "then",
        "type",
        "unevaluatedItems",
        "unevaluatedProperties",
        "uniqueItems",
    ]
)
#: Characters that msgspec refuses in the JSON name of a field.
_UNUSABLE: Final = re.compile(r'[\x00-\x1f"\\]')
_STRING_WORDS: Final = {
    "minLength": "min_length",
    "maxLength": "max_length",
    "pattern": "pattern",
}


class Inexpressible(Exception):  # noqa: N818 - a detour, not an error
    """No msgspec type says what this schema says."""


def only(choices: list[dict[str, Any]], words: set[str]) -> None:
    """Go on if nothing but these words limits any of the choices.

    Raises:
        Inexpressible: If something does.
    """
    for choice in choices:
        if (CONSTRAINTS & choice.keys()) - words:
            raise Inexpressible(choice)


def single(choices: list[dict[str, Any]]) -> dict[str, Any]:
    """The one constrained choice; several with different constraints are beyond a type."""
    bare = [{word: one[word] for word in CONSTRAINTS & one.keys()} for one in choices]
    if any(one != bare[0] for one in bare):
        raise Inexpressible(choices)
    return bare[0]


def alternatives(schema: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The variants of a schema, where a value is good exactly if it is good for one of them.

    Raises:
        Inexpressible: If they say less, or more: limits beside limits, one of several that overlap.
    """
    _only_alternatives(schema)
    return variants(schema)


def _only_alternatives(schema: Mapping[str, Any]) -> None:
    words = {"anyOf", "oneOf", "allOf"} & schema.keys()
    if not words:
        return
    if words == {"allOf"} or len(words) > 1:
        raise Inexpressible(schema)
    (word,) = words
    beside = (CONSTRAINTS & schema.keys()) - {word}
    kinds: list[set[Any]] = []
    for choice in schema[word]:
        if not isinstance(choice, Mapping) or CONSTRAINTS & choice.keys() & beside:
            raise Inexpressible(schema)
        _only_alternatives(choice)
        common = {name: value for name, value in schema.items() if name != word}
        kinds.append({one["type"] for one in variants({**common, **choice})})
    if word == "oneOf":
        _refuse_overlaps(kinds)


def _refuse_overlaps(kinds: list[set[Any]]) -> None:
    """A value that several of `oneOf` allow is not allowed."""
    seen: set[Any] = set()
    for some in kinds:
        wide = some | ({"integer", "number"} if some & {"integer", "number"} else set())
        if seen & wide or (None in wide and len(kinds) > 1):
            raise Inexpressible(kinds)
        seen |= wide


def string_type(choices: list[dict[str, Any]]) -> Any:
    """The type of these strings.

    Raises:
        Inexpressible: If there is none.
    """
    one = single(choices)
    only([one], {"type", "enum", *_STRING_WORDS})
    words = {_STRING_WORDS[word]: one[word] for word in _STRING_WORDS if word in one}
    if "enum" in one:
        allowed = tuple(value for value in one["enum"] if isinstance(value, str))
        if words or not allowed:
            raise Inexpressible(one)
        return Literal[allowed]
    return Annotated[str, msgspec.Meta(**words)] if words else str


def checking_type(schema: Any) -> Any:
    """A type that accepts JSON of this schema, for checking only.

    Raises:
        Inexpressible: If only a JSON Schema validator can tell.
    """
    if not isinstance(schema, Mapping):
        raise Inexpressible(schema)
    return Union[tuple(_variant_type(one) for one in alternatives(schema))]  # noqa: UP007 - of values


_TYPES: Final[dict[str | None, Any]] = {
    "integer": int,
    "number": Union[int, float],  # noqa: UP007 - `int | float` is no type object on 3.10
    "boolean": bool,
    "null": None,
    None: Any,
}


def _variant_type(one: dict[str, Any]) -> Any:
    kind = one["type"]
    if kind == "string":
        return string_type([one])
    if kind == "object":
        return _object(one)
    if kind == "array":
        only([one], {"type", "items"})
        return list[checking_type(one["items"])] if one.get("items") else list  # type: ignore[misc] # made at run time
    only([one], {"type"})
    if kind not in _TYPES:
        raise Inexpressible(kind)
    return _TYPES[kind]


def _object(one: dict[str, Any]) -> Any:
    only([one], {"type", "properties", "required", "additionalProperties"})
    others = one.get("additionalProperties", True)
    if others not in (True, False, {}):
        raise Inexpressible(others)
    properties = one.get("properties", {})
    required = set(one.get("required", ()))
    if not properties and others is not False and not required:
        return dict
    if not required <= properties.keys():
        raise Inexpressible(one)
    return record_type(
        "Nested",
        [(name, checking_type(inner), name in required) for name, inner in properties.items()],
        forbid_unknown=others is False,
    )


def record_type(
    name: str, fields: list[tuple[str, Any, bool]], *, forbid_unknown: bool
) -> type[msgspec.Struct]:
    """A struct with one field a property: (name in JSON, type, required).

    Raises:
        Inexpressible: For a name that msgspec does not take.
    """
    if any(_UNUSABLE.search(original) for original, _, _ in fields):
        raise Inexpressible(name)
    spec: list[Any] = []
    for number, (_, kind, required) in enumerate(fields):
        if required:
            spec.append((f"f{number}", kind))
        else:
            optional = Any if kind is Any else Union[kind, msgspec.UnsetType]  # noqa: UP007 - kind is a value
            spec.append((f"f{number}", optional, msgspec.UNSET))
    return msgspec.defstruct(
        name,
        spec,
        rename={f"f{number}": original for number, (original, _, _) in enumerate(fields)},
        forbid_unknown_fields=forbid_unknown,
        kw_only=True,
        gc=False,
    )

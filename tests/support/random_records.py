"""Schemas and values of every kind that a tap may send, for the tests that compare the ways."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from target_telemetry_postgres.rows.plan import Field, Plan
from target_telemetry_postgres.schema.drafts import translated
from target_telemetry_postgres.schema.pg_types import fitted, postgres_type

if TYPE_CHECKING:
    from collections.abc import Sequence

SCALARS: list[dict[str, Any]] = [
    {"type": "integer"},
    {"type": ["integer", "null"], "minimum": 3, "exclusiveMaximum": 10},
    {"type": "integer", "multipleOf": 3},
    {"type": "number"},
    {"type": ["number", "null"], "minimum": 0.5},
    {"type": "string"},
    {"type": "string", "minLength": 2, "maxLength": 4},
    {"type": "string", "pattern": "^a"},
    {"type": ["string", "null"], "enum": ["a", "b"]},
    {"type": ["string", "null"], "enum": ["a", None]},
    {"const": "a"},
    {"enum": [1, "a", None]},
    {"type": "boolean"},
    {"type": ["null", "string"], "format": "date-time"},
    {"type": "string", "format": "date"},
    {"type": "string", "format": "time"},
    {"type": "string", "format": "uuid"},
    {"type": "null"},
    {"anyOf": [{"type": "string", "maxLength": 1}, {"type": "integer"}]},
    {"anyOf": [{"type": "string", "format": "date-time"}, {"type": ["string", "null"]}]},
    {"not": {"type": "string"}},
    {"type": ["number", "null"], "multipleOf": Decimal("0.5")},
    {"type": "number", "maximum": 5, "exclusiveMaximum": True},
    {"type": ["integer", "null"], "minimum": "1", "exclusiveMinimum": False},
    {"type": ["null", "datetime"]},
    {"type": "string", "pattern": "(?<name>a)"},
    {"oneOf": [{"type": "integer"}, {"type": "number"}]},
    {"oneOf": [{"type": "string", "maxLength": 1}, {"type": "string", "minLength": 1}]},
    {"oneOf": [{"type": "null"}, {"type": "integer", "maximum": 5}]},
    {"oneOf": [{"type": ["string", "null"]}, {}]},
    {"type": "string", "maxLength": 2, "anyOf": [{"maxLength": 4}, {"minLength": 1}]},
    {
        "anyOf": [{"type": "integer"}, {"type": "string"}],
        "oneOf": [{"type": "integer"}, {"const": "a"}],
    },
    {"allOf": [{"type": "integer", "minimum": 1}, {"type": "number", "minimum": 5}]},
    {"allOf": [{"type": ["string", "null"]}, {"maxLength": 1}]},
    {},
]
SCHEMAS = st.recursive(
    st.sampled_from(SCALARS),
    lambda inner: st.one_of(
        inner.map(lambda one: {"type": ["array", "null"], "items": one}),
        st.just({"type": "array", "items": {"type": "string"}, "minItems": 1}),
        st.builds(
            lambda properties, required, more: {
                "type": ["object", "null"],
                "properties": properties,
                **({"required": sorted(properties)[:1]} if required else {}),
                **more,
            },
            st.dictionaries(st.sampled_from(["a", "b", 'q"']), inner, max_size=2),
            st.booleans(),
            st.sampled_from(
                [{}, {"additionalProperties": False}, {"additionalProperties": {"type": "string"}}]
            ),
        ),
    ),
    max_leaves=4,
)
ATOMS: list[Any] = [
    None,
    True,
    False,
    0,
    1,
    3,
    5,
    6,
    12,
    -1,
    2**63,
    -(2**63),
    10**30,
    0.5,
    1.0,
    1.5,
    -2.5,
    "",
    "a",
    "b",
    "ab",
    "abcde",
    "a\0",
    "é",
    "2024-01-01",
    "2024-01-01T00:00:00Z",
    "2024-01-01T00:00:00+02:00",
    "10:00:00",
    "10:00:00Z",
    "now",
    "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
    "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11",
    "5",
    "true",
]
VALUES = st.recursive(
    st.sampled_from(ATOMS),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "b", 'q"', "c"]), inner, max_size=3)
    ),
    max_leaves=4,
)


class Log:
    def warning(self, *_: object) -> None:
        """Unknown fields are mentioned here; this test does not care."""


def plan(properties: dict[str, Any], key: Sequence[str] = (), *, validate: bool) -> Plan:
    whole, _ = translated({"type": "object", "properties": properties})
    fields = [
        Field(name, fitted(name).name, postgres_type(one), one)
        for name, one in whole["properties"].items()
    ]
    return Plan("s", whole, key, fields, validate=validate, logger=Log())  # type: ignore[arg-type]


def comparable(row: list[Any]) -> list[Any]:
    """JSON columns by value: the fast way keeps the tap's own spelling of them."""
    return [_json(value) if isinstance(value, str) else value for value in row]


def _json(text: str) -> Any:
    try:
        return ("json", json.loads(text, parse_float=Decimal))
    except ValueError:
        return text

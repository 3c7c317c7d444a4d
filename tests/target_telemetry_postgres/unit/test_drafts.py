"""Schemas of other drafts are translated, what means nothing is told, and none is refused."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.random_records import VALUES, plan
from target_telemetry_postgres.rows.plan import Rejected
from target_telemetry_postgres.schema.drafts import translated
from target_telemetry_postgres.schema.pg_types import postgres_type
from target_telemetry_postgres.schema.validation import RecordValidator, validator


def read(kind: Any) -> tuple[dict[str, Any], list[str], dict[str, Any]]:
    """A property's schema as it is read, what is left out, and the whole."""
    whole, left_out = translated({"type": "object", "properties": {"x": kind}})
    return whole["properties"]["x"], left_out, whole


@pytest.mark.parametrize(
    ("kind", "meant"),
    [
        (
            {"type": "number", "maximum": 9, "exclusiveMaximum": True},
            {"type": "number", "exclusiveMaximum": 9},
        ),
        (
            {"type": "number", "minimum": 1, "exclusiveMinimum": False},
            {"type": "number", "minimum": 1},
        ),
        ({"type": "number", "exclusiveMaximum": True}, {"type": "number"}),
        ({"type": "string", "maxLength": "5"}, {"type": "string", "maxLength": 5}),
        ({"type": "string", "maxLength": Decimal("5.0")}, {"type": "string", "maxLength": 5}),
        (
            {"type": "number", "multipleOf": "0.01"},
            {"type": "number", "multipleOf": Decimal("0.01")},
        ),
        ({"type": "date"}, {"type": "string", "format": "date"}),
        ({"type": ["null", "datetime"]}, {"type": ["null", "string"], "format": "date-time"}),
        ({"type": ["null", "date", "string"]}, {"type": ["null", "string"]}),
        ({"type": "any"}, {}),
        ({"type": "array", "items": None}, {"type": "array"}),
        (
            {"type": "array", "items": [{"type": "int"}], "additionalItems": False},
            {"type": "array", "prefixItems": [{"type": "integer"}], "items": False},
        ),
        ({"const": None}, {"const": None}),
        (None, {}),
        (
            {"type": "object", "dependencies": {"a": ["b"], "b": {"required": ["c"]}}},
            {
                "type": "object",
                "dependentRequired": {"a": ["b"]},
                "dependentSchemas": {"b": {"required": ["c"]}},
            },
        ),
    ],
)
def test_what_has_a_meaning_is_translated(kind: Any, meant: dict[str, Any]) -> None:
    made, left_out, _ = read(kind)
    assert (made, left_out) == (meant, [])


def test_a_property_that_says_it_is_required_is_required() -> None:
    _, left_out, whole = read({"type": "integer", "required": True})
    assert (whole["required"], left_out) == (["x"], [])
    _, _, whole = read({"type": "integer", "required": False})
    assert "required" not in whole


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ({"type": "string", "pattern": "(?<a>x)\\p{L}"}, "x.pattern ((?<a>x)\\p{L})"),
        ({"type": "geometry"}, "x.type (geometry)"),
        ({"type": "string", "maxLength": "long"}, "x.maxLength (long)"),
        ({"type": "string", "maxLength": -1}, "x.maxLength (-1)"),
        ({"type": "number", "multipleOf": 0}, "x.multipleOf (0)"),
        ({"type": "string", "enum": "a"}, "x.enum (a)"),
        ({"anyOf": []}, "x.anyOf ([])"),
        ("nonsense", "x (nonsense)"),
    ],
)
def test_what_has_no_meaning_is_left_out_and_told(kind: Any, told: str) -> None:
    whole, left_out = translated({"type": "object", "properties": {"x": kind}})
    assert left_out == [told]
    RecordValidator(whole)


WORDS = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(
            [
                *(
                    "integer",
                    "number",
                    "string",
                    "date",
                    "object",
                    "?",
                    5,
                    None,
                    [],
                    ["null", None],
                ),
                *(["null", "number"], ["null", "datetime"], ["null", None]),
            ]
        ),
        "maximum": st.sampled_from([5, "5", Decimal("5.5"), None, "x", True]),
        "exclusiveMaximum": st.sampled_from([True, False, 5, "5"]),
        "minimum": st.sampled_from([0, Decimal("0.5"), "0"]),
        "exclusiveMinimum": st.booleans(),
        "multipleOf": st.sampled_from([0, 3, "0.01", Decimal("0.01"), -1]),
        "maxLength": st.sampled_from([3, "3", 3.0, -1]),
        "pattern": st.sampled_from(["^a", "(?<n>a)", "[", 5]),
        "required": st.sampled_from([True, False, ["a"], "a", []]),
        "items": st.sampled_from([None, [], {"type": "integer"}, [{"type": "int"}], "x"]),
        "properties": st.sampled_from([None, {}, {"a": None}, {"a": {"required": True}}, []]),
        "enum": st.sampled_from([[], ["a"], "a", None, [1, None]]),
        "format": st.sampled_from(["date-time", 5, "uuid"]),
        "oneOf": st.sampled_from([[], [{"type": "integer"}, {"type": "number"}], None]),
        "additionalProperties": st.sampled_from([None, True, False, "no", {"type": "date"}]),
    },
)


@given(WORDS, VALUES)
def test_no_schema_is_refused_and_every_value_is_judged(kind: dict[str, Any], value: Any) -> None:
    made, _, whole = read(kind)
    RecordValidator(whole)
    postgres_type(made)
    try:
        plan({"x": made}, validate=True).careful_row({"x": value})
    except Rejected:
        return


@pytest.mark.parametrize(
    ("divisor", "value", "good"),
    [
        (Decimal("0.01"), Decimal("19.99"), True),
        (Decimal("0.01"), Decimal("19.995"), False),
        (Decimal("0.01"), Decimal("1E+999999"), True),
        (Decimal("1E-30"), 10**40, True),
        (3, Decimal("3E+400000"), True),
        (7, Decimal("1E+400000"), False),
        (Decimal("1E+999999"), 1, False),
        (Decimal("1E+999999"), 0, True),
        (0.1, Decimal("0.3"), True),
        (2, -4, True),
    ],
)
def test_multiples_are_exact_for_any_magnitude(divisor: Any, value: Any, *, good: bool) -> None:
    assert validator({"multipleOf": divisor}).is_valid(value) is good

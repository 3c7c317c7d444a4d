"""The fast road is only faster: the same input gives the same table, or the same refusal."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.singer import record, records, schema
from target_telemetry_postgres.columns import fitted, postgres_type
from target_telemetry_postgres.fastlane import NotPlain
from target_telemetry_postgres.messages import decode
from target_telemetry_postgres.rows import Field, Plan, Refused

if TYPE_CHECKING:
    from support.singer import Loader

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
VALUES = st.recursive(
    st.sampled_from(
        [
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
    ),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "b", 'q"', "c"]), inner, max_size=3)
    ),
    max_leaves=4,
)


class Log:
    def warning(self, *_: object) -> None:
        """Unknown fields are mentioned here; this test does not care."""


def plan(properties: dict[str, Any], *, validate: bool) -> Plan:
    fields = [
        Field(name, fitted(name).name, postgres_type(one), one) for name, one in properties.items()
    ]
    whole = {"type": "object", "properties": properties}
    return Plan("s", whole, [], fields, validate=validate, logger=Log())  # type: ignore[arg-type]


def comparable(row: list[Any]) -> list[Any]:
    """JSON columns by value: the fast road keeps the tap's own spelling of them."""
    return [_json(value) if isinstance(value, str) else value for value in row]


def _json(text: str) -> Any:
    try:
        return ("json", json.loads(text, parse_float=Decimal))
    except ValueError:
        return text


@settings(max_examples=1500, deadline=None)
@given(
    st.dictionaries(st.sampled_from(["x", "y"]), SCHEMAS, min_size=1),
    st.dictionaries(st.sampled_from(["x", "y", "z"]), VALUES),
    st.booleans(),
)
def test_what_the_fast_road_takes_the_careful_road_takes_too_and_alike(
    properties: dict[str, Any], values: dict[str, Any], validate: bool
) -> None:
    line = json.dumps(values).encode()
    made = plan(properties, validate=validate)
    try:
        fast = made.row(msgspec.Raw(line))
    except NotPlain:
        return
    assert comparable(fast) == comparable(made.careful_row(decode(line)))
    whole = made.whole_row(msgspec.Raw(line))
    assert whole == (None if msgspec.UNSET in fast else fast)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(SCALARS), VALUES)
def test_an_ordinary_value_needs_no_careful_road(kind: dict[str, Any], value: Any) -> None:
    """The fast road is worth having: it turns away only what is unusual or wrong."""
    line = json.dumps({"x": value}).encode()
    made = plan({"x": kind}, validate=True)
    try:
        made.careful_row(decode(line))
    except Refused:
        return
    unusual = (
        (isinstance(value, str) and value != value.lower())
        or value == "10:00:00Z"
        or (isinstance(value, float) and value.is_integer())
    )
    if not unusual:
        made.row(line)


@pytest.mark.parametrize(
    "slow",
    [
        {"stream_maps": {"s": {}}},
        {
            "stream_maps": {"another": {"x": "1"}},
            "flattening_enabled": True,
            "flattening_max_depth": 0,
        },
    ],
)
def test_both_roads_make_the_same_table(loader: Loader, slow: dict[str, Any]) -> None:
    properties = {
        "id": {"type": "integer"},
        "t": {"type": ["null", "string"]},
        "at": {"type": ["null", "string"], "format": "date-time"},
        "n": {"type": ["null", "number"]},
        "o": {"type": ["null", "object"]},
        "a": {"type": ["null", "array"], "items": {"type": "string"}},
    }
    rows: list[dict[str, Any]] = [
        {
            "id": n,
            "t": f"x\0{n}",
            "at": "2024-01-01T00:00:00+02:00",
            "n": n / 3,
            "o": {"n": [n]},
            "a": ["b", "\\"],
        }
        for n in range(50)
    ]
    rows += [{"id": 50}, {"id": 51, "t": None}, {"id": 3, "n": 5}]
    stored = {}
    for name, settings_ in (("fast", {}), ("slow", slow)):
        loader.load(schema("s", properties, ["id"]), records("s", rows), **settings_)
        stored[name] = (loader.types("s"), loader.table("s"))
        loader.execute("DROP TABLE s")
    assert stored["fast"] == stored["slow"]


def test_stream_maps_rename_filter_duplicate_and_remove(loader: Loader) -> None:
    loader.load(
        schema("s", {"id": {"type": "integer"}, "v": {"type": "integer"}}, ["id"]),
        schema("gone", {"id": {"type": "integer"}}, ["id"]),
        record("gone", {"id": 1}),
        records("s", [{"id": n, "v": n} for n in range(4)]),
        stream_maps={
            "s": {"__alias__": "renamed", "__filter__": "id != 2", "double": "int(v * 2)"},
            "gone": None,
        },
    )
    assert [(row["id"], row["double"]) for row in loader.table("renamed")] == [
        (0, 0),
        (1, 2),
        (3, 6),
    ]
    assert loader.types("gone") == {}


def test_flattening_makes_columns_of_nested_properties(loader: Loader) -> None:
    nested = {"type": "object", "properties": {"b": {"type": "integer"}}}
    loader.load(
        schema("s", {"id": {"type": "integer"}, "a": nested}, ["id"]),
        record("s", {"id": 1, "a": {"b": 7}}),
        flattening_enabled=True,
        flattening_max_depth=1,
    )
    assert loader.table("s") == [{"id": 1, "a__b": 7}]

"""The fast way is only faster: the same input gives the same table, or the same refusal."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.random_records import ATOMS, SCALARS, SCHEMAS, VALUES, comparable, plan
from support.singer import record, records, schema
from target_telemetry_postgres.intake.lines import decode
from target_telemetry_postgres.rows.plan import Rejected

if TYPE_CHECKING:
    from support.singer import Loader
    from target_telemetry_postgres.rows.plan import Plan


@settings(max_examples=1500, deadline=None)
@given(
    st.dictionaries(st.sampled_from(["x", "y"]), SCHEMAS, min_size=1),
    st.dictionaries(st.sampled_from(["x", "y", "z"]), VALUES),
    st.booleans(),
)
def test_what_the_fast_way_takes_the_careful_way_takes_too_and_alike(
    properties: dict[str, Any], values: dict[str, Any], validate: bool
) -> None:
    _agree(plan(properties, validate=validate), json.dumps(values).encode())


@pytest.mark.parametrize("validate", [True, False])
@pytest.mark.parametrize("kind", SCALARS, ids=str)
def test_every_kind_of_property_judges_every_value_alike(
    kind: dict[str, Any], validate: bool
) -> None:
    for value in ATOMS:
        _agree(plan({"x": kind}, validate=validate), json.dumps({"x": value}).encode())


def _agree(made: Plan, line: bytes) -> None:
    (fast,) = made.block.lists([msgspec.Raw(line)])
    if fast is None:
        return
    assert comparable(fast) == comparable(made.careful_row(decode(line)))


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(SCALARS), VALUES)
def test_an_ordinary_value_needs_no_careful_way(kind: dict[str, Any], value: Any) -> None:
    """The fast way is worth having: it turns away only what is unusual or wrong."""
    line = json.dumps({"x": value}).encode()
    made = plan({"x": kind}, validate=True)
    try:
        made.careful_row(decode(line))
    except Rejected:
        return
    unusual = (
        (isinstance(value, str) and value != value.lower())
        or value == "10:00:00Z"
        or (isinstance(value, float) and value.is_integer())
    )
    if not unusual:
        assert made.block.lists([msgspec.Raw(line)]) != [None]


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
def test_both_ways_make_the_same_table(loader: Loader, slow: dict[str, Any]) -> None:
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

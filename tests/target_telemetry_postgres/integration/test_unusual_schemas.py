"""What JSON Schema allows and taps seldom say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from singer_sdk.exceptions import InvalidRecord
from singer_sdk.singerlib.exceptions import InvalidInputLine

from support.singer import record, schema
from target_telemetry_postgres.errors import RecordError
from target_telemetry_postgres.schema.validation import expanded

if TYPE_CHECKING:
    from support.singer import Loader

INTEGER = {"type": "integer"}


def test_a_reference_is_the_type_it_names(loader: Loader) -> None:
    stream = schema(
        "s",
        {"id": INTEGER, "at": {"$ref": "#/definitions/when"}},
        ["id"],
        definitions={"when": {"type": ["null", "string"], "format": "date-time"}},
    )
    loader.load(stream, record("s", {"id": 1, "at": "2024-01-01T00:00:00Z"}))
    assert loader.types("s")["at"] == "timestamp with time zone"
    with pytest.raises(InvalidRecord):
        loader.load(stream, record("s", {"id": 1, "at": 5}))


def test_a_schema_that_refers_to_itself_comes_to_an_end() -> None:
    node = {"type": "object", "properties": {"next": {"$ref": "#/definitions/node"}}}
    made = expanded(
        {"properties": {"n": {"$ref": "#/definitions/node"}}, "definitions": {"node": node}}
    )
    assert made["properties"]["n"] == {"type": "object", "properties": {"next": {}}}


@pytest.mark.parametrize("reference", ["#/definitions/nowhere", "https://example.com/s.json"])
def test_a_reference_to_elsewhere_is_anything(reference: str) -> None:
    assert expanded({"properties": {"a": {"$ref": reference}}}) == {"properties": {"a": {}}}


def test_a_property_may_be_anything_or_nothing(loader: Loader) -> None:
    properties: dict[str, Any] = {"id": INTEGER, "any": True, "none": False}
    stream = schema("s", properties, ["id"])
    loader.load(stream, record("s", {"id": 1, "any": [1, "x"]}))
    assert loader.table("s") == [{"id": 1, "any": [1, "x"], "none": None}]
    with pytest.raises(InvalidRecord):
        loader.load(stream, record("s", {"id": 1, "none": 5}))


def test_a_stream_without_properties_has_rows_all_the_same(loader: Loader) -> None:
    loader.load(schema("s", {}), record("s", {}), record("s", {"unknown": 1}))
    assert loader.query("SELECT count(*) FROM s") == [(2,)]
    assert loader.ledger("s")["rows_inserted"] == 2


def test_a_key_property_that_is_named_twice_is_one(loader: Loader) -> None:
    loader.load(schema("s", {"id": INTEGER}, ["id", "id"]), record("s", {"id": 1}))
    assert loader.table("s") == [{"id": 1}]


@pytest.mark.parametrize("name", ["version", "ingest_runs", "rejected_records", "runner_prices"])
def test_a_stream_called_like_a_table_of_the_target_is_refused(loader: Loader, name: str) -> None:
    before = loader.types(name)
    with pytest.raises(RecordError, match="the target's own"):
        loader.load(schema(name, {"v": {"type": "string"}}), record(name, {"v": "x"}))
    assert loader.types(name) == before


@pytest.mark.parametrize(
    "message",
    [
        {"type": "RECORD", "stream": [5], "record": {}},
        {"type": "SCHEMA", "stream": "s", "schema": None},
    ],
)
def test_a_message_of_the_wrong_shape_is_named_by_its_line(
    loader: Loader, message: dict[str, Any]
) -> None:
    with pytest.raises(InvalidInputLine, match=r"^Line 2: "):
        loader.load(schema("a", {"id": INTEGER}), message)


def test_properties_that_are_no_object_are_refused(loader: Loader) -> None:
    with pytest.raises(RecordError, match="not an object"):
        loader.load({"type": "SCHEMA", "stream": "s", "schema": {"properties": None}})


def test_a_key_may_become_nullable_in_a_table_that_was_overwritten(loader: Loader) -> None:
    for _ in range(2):
        loader.load(
            schema("s", {"id": INTEGER}, ["id"]), record("s", {"id": 1}), load_method="overwrite"
        )
    loader.load(
        schema("s", {"id": {"type": ["null", "integer"]}}, ["id"]), record("s", {"id": None})
    )
    assert loader.table("s") == [{"id": 1}, {"id": None}]


def test_a_stream_in_draft_4_is_loaded_and_what_means_nothing_is_told_once(
    loader: Loader, caplog: pytest.LogCaptureFixture
) -> None:
    number = {
        "type": ["null", "number"],
        "multipleOf": 0.01,
        "minimum": -(10**18),
        "exclusiveMinimum": True,
        "maximum": 10**18,
        "exclusiveMaximum": True,
    }
    stream = schema(
        "s",
        {
            "id": {"type": "integer", "required": True},
            "n": number,
            "d": {"type": ["null", "date"]},
            "t": {"type": "string", "maxLength": "3", "pattern": "(?<year>x)"},
        },
        ["id"],
    )
    loader.load(stream, stream, record("s", {"id": 1, "n": 1.25, "d": "2024-01-01", "t": "abc"}))
    assert loader.types("s") == {"id": "bigint", "n": "numeric", "d": "date", "t": "text"}
    assert caplog.text.count("Stream 's': what its SCHEMA says here has no meaning") == 1
    assert "t.pattern" in caplog.text
    with pytest.raises(InvalidRecord, match="not a multiple"):
        loader.load(stream, record("s", {"id": 2, "n": 1.255}))
    with pytest.raises(InvalidRecord, match="required"):
        loader.load(stream, record("s", {"n": 1}))


@pytest.mark.parametrize("name", ["ctid", "xmin", "xmax", "cmin", "cmax", "tableoid"])
def test_a_property_called_like_a_system_column_has_one_beside_it(
    loader: Loader, name: str
) -> None:
    stream = schema("s", {"id": INTEGER, name: INTEGER}, ["id", name])
    for _ in range(2):
        loader.load(stream, record("s", {"id": 1, name: 3}), record("s", {"id": 1, name: 4}))
    (_, column) = loader.types("s")
    assert column.startswith(f"{name}_")
    assert sorted(row[column] for row in loader.table("s")) == [3, 4]
    with pytest.raises(InvalidRecord, match="not of type"):
        loader.load(stream, record("s", {"id": 1, name: "x"}))


@pytest.mark.parametrize(
    ("columns", "key", "most"),
    [(1_599, ["id"], None), (1_600, ["id"], "1,599"), (1_600, [], None), (1_601, [], "1,600")],
)
def test_a_stream_with_more_columns_than_postgres_has_is_named(
    loader: Loader, columns: int, key: list[str], most: str | None
) -> None:
    properties = {"id": INTEGER, **{f"c{n}": {"type": "boolean"} for n in range(columns - 1)}}
    messages = [
        schema("s", properties, key),
        record("s", {"id": 1}),
        record("s", {"c5": True, "id": 2}),
    ]
    if most is None:
        loader.load(*messages)
        assert loader.query("SELECT id, c5 FROM s ORDER BY id") == [(1, None), (2, True)]
        return
    with pytest.raises(RecordError, match=rf"^Line 1: Stream 's' has {columns:,} .* have {most},"):
        loader.load(*messages)

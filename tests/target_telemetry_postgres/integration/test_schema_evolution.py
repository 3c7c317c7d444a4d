"""Tables follow a SCHEMA as far as nothing is lost, and no further."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from singer_sdk.singerlib.exceptions import InvalidInputLine

from support.singer import record, records, schema
from target_telemetry_postgres.errors import RecordError
from target_telemetry_postgres.schema.pg_types import MAX_NAME_BYTES, fitted, postgres_type

if TYPE_CHECKING:
    from support.singer import Loader

KEY = {"id": {"type": "integer"}}
INTEGER, NUMBER, TEXT = ({"type": ["null", kind]} for kind in ("integer", "number", "string"))
WIDE = {"type": ["null", "integer"], "maximum": 10**30}
DAY, INSTANT = ({"type": ["null", "string"], "format": form} for form in ("date", "date-time"))
BOOLEAN, OBJECT = ({"type": ["null", kind]} for kind in ("boolean", "object"))


@pytest.mark.parametrize(
    ("before", "value", "after", "later", "pg_type", "stored"),
    [
        (INTEGER, 1, WIDE, 10**20, "numeric", ["1", str(10**20)]),
        (INTEGER, 1, NUMBER, 1.5, "numeric", ["1", "1.5"]),
        (INTEGER, 1, TEXT, "x", "text", ["1", "x"]),
        (NUMBER, 1.5, TEXT, "x", "text", ["1.5", "x"]),
        (NUMBER, 1.5, INTEGER, 2, "numeric", ["1.5", "2"]),
        (TEXT, "x", INTEGER, 2, "text", ["x", "2"]),
        (
            DAY,
            "2024-01-01",
            INSTANT,
            "2024-01-01T10:00:00Z",
            "timestamp with time zone",
            ["2024-01-01 00:00:00+00", "2024-01-01 10:00:00+00"],
        ),
        (
            INSTANT,
            "2024-01-01T10:00:00Z",
            DAY,
            "2024-01-01",
            "timestamp with time zone",
            ["2024-01-01 10:00:00+00", "2024-01-01 00:00:00+00"],
        ),
        (INTEGER, 1, OBJECT, {"a": 1}, "jsonb", ["1", '{"a": 1}']),
        (TEXT, "x", OBJECT, {"a": 1}, "jsonb", ['"x"', '{"a": 1}']),
        (BOOLEAN, True, INTEGER, 2, "jsonb", ["true", "2"]),
        (BOOLEAN, True, TEXT, "x", "jsonb", ["true", '"x"']),
        (
            {"type": "array", "items": INTEGER},
            [1],
            {"type": "array", "items": TEXT},
            ["x"],
            "text[]",
            ["{1}", "{x}"],
        ),
        ({"type": "array", "items": INTEGER}, [1], OBJECT, {}, "jsonb", ["[1]", "{}"]),
    ],
)
def test_a_column_is_widened_where_that_loses_nothing(  # noqa: PLR0917 - one a parameter
    loader: Loader, before: Any, value: Any, after: Any, later: Any, pg_type: str, stored: list[str]
) -> None:
    loader.load(schema("s", {**KEY, "v": before}, ["id"]), record("s", {"id": 1, "v": value}))
    loader.load(schema("s", {**KEY, "v": after}, ["id"]), record("s", {"id": 2, "v": later}))
    assert loader.types("s")["v"] == pg_type
    assert [text for (text,) in loader.query("SELECT v::text FROM s ORDER BY id")] == stored


def test_a_key_column_may_be_widened(loader: Loader) -> None:
    loader.load(schema("s", KEY, ["id"]), record("s", {"id": 1}))
    loader.load(
        schema("s", {"id": {"type": "string"}}, ["id"]), records("s", [{"id": "1"}, {"id": "x"}])
    )
    assert [row["id"] for row in loader.table("s")] == ["1", "x"]


def test_a_schema_may_change_in_the_middle_of_a_stream(loader: Loader) -> None:
    loader.load(
        schema("s", {**KEY, "v": INTEGER}, ["id"]),
        record("s", {"id": 1, "v": 1}),
        schema("s", {**KEY, "v": TEXT, "w": OBJECT}, ["id"]),
        record("s", {"id": 2, "v": "x", "w": {}}),
        schema("s", {**KEY, "v": INTEGER}, ["id"]),
        record("s", {"id": 3, "v": 3}),
    )
    assert loader.table("s") == [
        {"id": 1, "v": "1", "w": None},
        {"id": 2, "v": "x", "w": {}},
        {"id": 3, "v": "3", "w": None},
    ]


def test_a_table_of_the_migrations_only_gets_columns_added(
    loader: Loader, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    before = loader.types("workflows")
    loader.load(
        schema("workflows", {"workflow_id": {"type": "integer"}, "extra": OBJECT}, ["workflow_id"])
    )
    assert loader.types("workflows") == {**before, "extra": "jsonb"}
    assert 'Added the column "extra" (jsonb)' in caplog.text
    with pytest.raises(RecordError, match=r"'state'.*SCHEMA says jsonb.*is text"):
        loader.load(
            schema(
                "workflows", {"workflow_id": {"type": "integer"}, "state": OBJECT}, ["workflow_id"]
            )
        )
    with pytest.raises(RecordError, match="filled by the database"):
        loader.load(
            schema(
                "workflows", {"workflow_id": {"type": "integer"}, "id": INTEGER}, ["workflow_id"]
            )
        )


def test_a_table_of_somebody_else_is_not_widened(loader: Loader) -> None:
    loader.execute("CREATE TABLE s (id bigint PRIMARY KEY, v integer, u timestamp, n varchar(3))")
    loader.load(
        schema("s", {**KEY, "v": INTEGER, "u": INSTANT, "n": TEXT}, ["id"]),
        record("s", {"id": 1, "v": 5, "u": "2024-01-01T00:00:00+02:00", "n": "abc"}),
    )
    ((instant,),) = loader.query("SELECT u::text FROM s")
    assert instant == "2023-12-31 22:00:00", "the offset is applied, not dropped"
    with pytest.raises(RecordError, match="not this target's to change"):
        loader.load(schema("s", {**KEY, "v": TEXT}, ["id"]))


def test_a_change_of_key_is_one_plain_sentence(loader: Loader) -> None:
    loader.load(schema("s", {**KEY, "k": TEXT}, ["id"]))
    with pytest.raises(RecordError, match=r"key \(k\), but table .* has \(id\)"):
        loader.load(schema("s", {**KEY, "k": TEXT}, ["k"]))


def test_a_key_that_is_no_property_is_one_plain_sentence(loader: Loader) -> None:
    with pytest.raises(RecordError, match="key property 'nope' is not among"):
        loader.load(schema("s", KEY, ["nope"]))


def test_a_key_may_become_nullable(loader: Loader) -> None:
    loader.load(schema("s", KEY, ["id"]), record("s", {"id": 1}))
    loader.load(
        schema("s", {"id": INTEGER}, ["id"]), records("s", [{"id": None}, {"id": None}, {"id": 1}])
    )
    assert [row["id"] for row in loader.table("s")] == [1, None]


def test_names_of_any_kind_are_kept_exactly(loader: Loader) -> None:
    names = [
        "camelCase",
        "CamelCase",
        "select",
        "ü ñ 漢字",
        "100%",
        "%s",
        "a.b",
        'q"uote',
        "a b",
        "{x}",
        "''",
        "_absent",
        "t",
        "s",
    ]
    stream = 'My "Stream" % {ü}'
    loader.load(
        schema(stream, {**KEY, **dict.fromkeys(names, INTEGER)}, ["id"]),
        record(stream, {"id": 1, **{name: n for n, name in enumerate(names)}}),
        record(stream, {"id": 2, "select": 1}),
    )
    loader.load(
        schema(stream, {**KEY, **dict.fromkeys(names, INTEGER)}, ["id"]),
        record(stream, {"id": 1, **{name: n for n, name in enumerate(names)}}),
    )
    assert loader.table(stream)[0] == {"id": 1, **{name: n for n, name in enumerate(names)}}
    assert loader.ledger(stream)["rows_unchanged"] == 1


def test_long_names_are_shortened_with_a_hash_and_kept_in_a_comment(loader: Loader) -> None:
    stream, one, two = "s" * 100, "é" * 40 + "1", "é" * 40 + "2"
    loader.load(schema(stream, {one: TEXT, two: TEXT}, [one]), record(stream, {one: "a", two: "b"}))
    table = fitted(stream).name
    assert len(table.encode()) <= MAX_NAME_BYTES
    assert loader.table(table) == [{fitted(one).name: "a", fitted(two).name: "b"}]
    comments = loader.query(
        "SELECT col_description(c.oid, attnum)"
        " FROM pg_class c JOIN pg_attribute ON attrelid = c.oid"
        " WHERE relname = %s AND attnum > 0 ORDER BY attnum",
        table,
    )
    assert comments == [(one,), (two,)]
    ((comment,),) = loader.query(
        "SELECT obj_description(oid) FROM pg_class WHERE relname = %s", table
    )
    assert stream in comment


@given(st.lists(st.text(), min_size=2, max_size=2, unique=True))
def test_two_names_never_become_one(names: list[str]) -> None:
    one, two = (fitted(name).name for name in names)
    assert len(one.encode()) <= MAX_NAME_BYTES
    if "\0" not in "".join(names):
        assert one != two


def test_eight_hundred_columns(loader: Loader) -> None:
    columns = {f"c{n}": INTEGER for n in range(800)}
    values = {name: n for n, name in enumerate(columns)}
    for v in (1, 2):
        loader.load(
            schema("s", {**KEY, **columns}, ["id"]), record("s", {"id": 1, **values, "c5": v})
        )
    assert loader.table("s")[0]["c5"] == 2
    assert loader.table("s")[0]["c799"] == 799


def test_a_field_without_a_schema_is_mentioned_once_and_left_out(
    loader: Loader, caplog: pytest.LogCaptureFixture
) -> None:
    loader.load(
        schema("s", KEY, ["id"]), records("s", [{"id": n, "surprise": 1} for n in range(5)])
    )
    assert len(loader.table("s")) == 5
    assert caplog.text.count("no schema for record field 'surprise'") == 1


def test_additional_properties_that_are_forbidden_are_refused(loader: Loader) -> None:
    with pytest.raises(Exception, match="Additional properties"):
        loader.load(
            schema("s", KEY, ["id"], additionalProperties=False), record("s", {"id": 1, "x": 1})
        )


def test_a_type_that_nobody_knows_is_ignored_with_a_word(
    loader: Loader, caplog: pytest.LogCaptureFixture
) -> None:
    loader.load(schema("s", {"id": {"type": "no such type"}}), record("s", {"id": 5}))
    assert loader.table("s")[0]["id"] == 5
    assert "no such type" in caplog.text


def test_a_schema_without_properties_is_the_sdks_own_error(loader: Loader) -> None:
    with pytest.raises(InvalidInputLine, match="missing required properties"):
        loader.load({"type": "SCHEMA", "stream": "s", "schema": {}, "key_properties": []})


@pytest.mark.parametrize(
    ("kind", "pg_type"),
    [
        ({"type": "integer"}, "bigint"),
        ({"type": ["null", "integer"], "maximum": 9223372036854775807}, "bigint"),
        ({"type": "integer", "maximum": 18446744073709551615}, "numeric"),
        ({"type": ["integer", "number"]}, "numeric"),
        (
            {"anyOf": [{"type": "string", "format": "date-time"}, {"type": ["string", "null"]}]},
            "text",
        ),
        (
            {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]},
            "timestamp with time zone",
        ),
        ({"oneOf": [{"type": "integer"}, {"type": "object"}]}, "jsonb"),
        ({"allOf": [{"type": "string"}, {"format": "uuid"}]}, "uuid"),
        ({"enum": ["a", "b"]}, "text"),
        ({"enum": [1, None]}, "bigint"),
        ({"const": True}, "boolean"),
        ({"properties": {}}, "jsonb"),
        ({"type": "null"}, "text"),
        ({}, "jsonb"),
        ({"type": "array"}, "jsonb"),
        ({"type": "array", "items": {"type": "array", "items": {"type": "string"}}}, "jsonb"),
        (
            {"type": "array", "items": {"type": "string", "format": "date-time"}},
            "timestamp with time zone[]",
        ),
        ({"type": ["array", "null"], "items": {"type": ["integer", "null"]}}, "bigint[]"),
    ],
)
def test_the_type_of_a_property(kind: dict[str, Any], pg_type: str) -> None:
    assert postgres_type(kind) == pg_type

"""What goes in comes out equal: every JSON type, by any spelling, on both ways."""

from __future__ import annotations

import json
import math
import os
from datetime import date, datetime, time, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from singer_sdk.exceptions import InvalidRecord

from support.singer import record, records, schema

if TYPE_CHECKING:
    from support.singer import Loader

#: The long version of this proof draws fifty times as much.
EXAMPLES = 500 if os.environ.get("TELEMETRY_PROOF") == "full" else 10
KEY = {"id": {"type": "integer"}}
#: Any text, also what Postgres cannot store and drops.
ANY_TEXT = st.text(st.characters(exclude_categories=[]))
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.decimals(allow_nan=False, allow_infinity=False)
    | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ANY_TEXT, inner, max_size=4),
    max_leaves=8,
)
#: A property's schema, and its values.
KINDS: dict[str, tuple[dict[str, Any], st.SearchStrategy[Any]]] = {
    "bigint": ({"type": "integer"}, st.integers(-(2**63), 2**63 - 1)),
    "wide": ({"type": "integer", "maximum": 10**40}, st.integers(-(10**40), 10**40)),
    "number": (
        {"type": "number"},
        st.decimals(-(10**30), 10**30, allow_nan=False) | st.integers(-(10**40), 10**40),
    ),
    "text": ({"type": "string"}, ANY_TEXT),
    "boolean": ({"type": "boolean"}, st.booleans()),
    "instant": (
        {"type": "string", "format": "date-time"},
        st.datetimes(
            min_value=datetime(1, 1, 2),  # noqa: DTZ001 - hypothesis adds the zone
            max_value=datetime(9999, 12, 30),  # noqa: DTZ001 - as above
            timezones=st.timezones(no_cache=True),
        ),
    ),
    "day": ({"type": "string", "format": "date"}, st.dates()),
    "clock": ({"type": "string", "format": "time"}, st.times()),
    "uuid": ({"type": "string", "format": "uuid"}, st.uuids()),
    "texts": (
        {"type": "array", "items": {"type": ["string", "null"]}},
        st.lists(ANY_TEXT | st.none()),
    ),
    "numbers": (
        {"type": "array", "items": {"type": "number"}},
        st.lists(st.decimals(-(10**9), 10**9, allow_nan=False) | st.integers(-5, 5)),
    ),
    "flags": ({"type": "array", "items": {"type": "boolean"}}, st.lists(st.booleans())),
    "object": ({"type": "object"}, st.dictionaries(ANY_TEXT, JSON, max_size=5)),
    "nested": (
        {"type": "object", "properties": {"a": {"type": "array", "items": {"type": "object"}}}},
        st.fixed_dictionaries(
            {"a": st.lists(st.dictionaries(ANY_TEXT, JSON, max_size=2), max_size=2)}
        ),
    ),
    "mixed": (
        {"type": ["string", "integer", "object"]},
        ANY_TEXT | st.integers() | st.just({"a": 1}),
    ),
    "anything": ({}, JSON),
}
RECORDS = st.lists(
    st.fixed_dictionaries(
        {}, optional={name: st.none() | values for name, (_, values) in KINDS.items()}
    ),
    min_size=1,
    max_size=12,
)
SCHEMA = schema(
    "s",
    {
        **KEY,
        **{
            name: {
                **kind,
                "type": [
                    *(kind["type"] if isinstance(kind["type"], list) else [kind["type"]]),
                    "null",
                ],
            }
            if kind
            else kind
            for name, (kind, _) in KINDS.items()
        },
    },
    ["id"],
)


def cleaned(value: Any) -> Any:
    """What Postgres can store of a value, and is expected to give back."""
    if isinstance(value, str):
        return "".join(c for c in value if c != "\0" and not "\ud800" <= c <= "\udfff")
    if isinstance(value, dict):
        return {cleaned(name): cleaned(inner) for name, inner in value.items()}
    return [cleaned(inner) for inner in value] if isinstance(value, list) else value


def as_json(value: Any) -> str:
    """JSON as a tap writes it, decimals as exact numbers."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(n)}:{as_json(v)}" for n, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(as_json, value)) + "]"
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, datetime | date | time):
        return json.dumps(value.isoformat())
    return json.dumps(str(value) if isinstance(value, UUID) else value)


def comparable(value: Any) -> Any:
    """Numbers by value, instants in UTC, whatever type carries them."""
    if isinstance(value, datetime):
        return value.astimezone(timezone.utc)
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int | float | Decimal):
        return Decimal(str(value)).normalize()
    if isinstance(value, dict):
        return {name: comparable(inner) for name, inner in value.items()}
    return [comparable(inner) for inner in value] if isinstance(value, list) else value


@pytest.mark.proof
@pytest.mark.parametrize("way", ["fast", "careful"])
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(rows=RECORDS)
def test_what_goes_in_comes_out_equal(loader: Loader, way: str, rows: list[dict[str, Any]]) -> None:
    loader.execute("DROP TABLE IF EXISTS s")
    lines = [
        '{"type":"RECORD","stream":"s","record":' + as_json({"id": n, **row}) + "}"
        for n, row in enumerate(rows)
    ]
    maps = {
        "stream_maps": {"other": {"x": "1"}},
        "flattening_enabled": True,
        "flattening_max_depth": 0,
    }
    loader.load(SCHEMA, lines, **(maps if way == "careful" else {}))
    stored = loader.query(
        "SELECT to_jsonb(mixed)::text, to_jsonb(anything)::text, object::text, nested::text, s.*"
        " FROM s ORDER BY id"
    )
    names = list(loader.types("s"))
    for row, (mixed, anything, flat, nested, *values) in zip(rows, stored, strict=True):
        found = dict(zip(names, values, strict=True))
        exact = {"mixed": mixed, "anything": anything, "object": flat, "nested": nested}
        found |= {
            name: None if text is None else json.loads(text, parse_float=Decimal)
            for name, text in exact.items()
        }
        expected = {name: cleaned(row.get(name)) for name in KINDS}
        found.pop("id")
        assert {n: comparable(v) for n, v in found.items()} == {
            n: comparable(v) for n, v in expected.items()
        }


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2024-01-01T00:00:00+02:00", "2023-12-31 22:00:00+00:00"),
        ("2024-01-01T00:00:00", "2024-01-01 00:00:00+00:00"),
        ("2024-01-01T00:00:00.123456Z", "2024-01-01 00:00:00.123456+00:00"),
        ("2024-01-01T00:00:00-0530", "2024-01-01 05:30:00+00:00"),
        ("2024-01-01", "2024-01-01 00:00:00+00:00"),
        ("2024-01-01t00:00:00z", "2024-01-01 00:00:00+00:00"),
    ],
)
def test_offsets_are_honoured_and_naive_times_are_utc(
    loader: Loader, text: str, instant: str
) -> None:
    (name,) = loader.query("SELECT quote_ident(current_database())")[0]
    loader.execute(f"ALTER DATABASE {name} SET timezone TO 'America/New_York'")
    loader.load(
        schema("s", {"t": {"type": "string", "format": "date-time"}}), record("s", {"t": text})
    )
    assert str(loader.table("s")[0]["t"]) == instant


@pytest.mark.parametrize(
    "word", ["now", "today", "infinity", "epoch", "", "1700000000", "01/02/2024"]
)
def test_words_that_postgres_would_read_as_times_are_refused(loader: Loader, word: str) -> None:
    with pytest.raises(InvalidRecord, match="ISO 8601"):
        loader.load(
            schema("s", {"t": {"type": "string", "format": "date-time"}}), record("s", {"t": word})
        )


def test_a_session_in_another_time_zone_stores_naive_times_as_utc(loader: Loader) -> None:
    """A pooler hands out sessions that others have had."""
    stream = schema("s", KEY | {"at": {"type": "string", "format": "date-time"}}, ["id"])
    loader.load(stream)
    loader.execute(
        "CREATE FUNCTION travel() RETURNS trigger LANGUAGE plpgsql AS"
        " $$BEGIN PERFORM set_config('timezone', 'Asia/Tokyo', false); RETURN NULL; END$$"
    )
    loader.execute("CREATE TRIGGER travel AFTER INSERT ON s EXECUTE FUNCTION travel()")
    rows = [{"id": number, "at": "2024-01-01T12:00:00"} for number in range(4)]
    loader.load(stream, records("s", rows), batch_size_rows=2)
    noon = datetime(2024, 1, 1, 12, tzinfo=timezone.utc)
    assert {row["at"] for row in loader.table("s")} == {noon}


def test_a_time_with_an_offset_is_brought_to_utc(loader: Loader) -> None:
    loader.load(
        schema("s", {"t": {"type": "string", "format": "time"}}),
        records("s", [{"t": "10:00:00+02:00"}, {"t": "23:30:00-01:00"}, {"t": "10:00:00Z"}]),
    )
    assert sorted(str(row["t"]) for row in loader.table("s")) == [
        "00:30:00",
        "08:00:00",
        "10:00:00",
    ]


def test_not_a_number_is_a_numeric_but_no_json(loader: Loader) -> None:
    loader.load(
        schema("s", {"n": {"type": "number"}}), '{"type":"RECORD","stream":"s","record":{"n":NaN}}'
    )
    assert math.isnan(loader.table("s")[0]["n"])
    with pytest.raises(InvalidRecord, match="not a JSON number"):
        loader.load(
            schema("t", {"o": {"type": "object"}}),
            '{"type":"RECORD","stream":"t","record":{"o":{"a":NaN}}}',
        )


def test_dropped_characters_are_counted_and_said_once(
    loader: Loader, caplog: pytest.LogCaptureFixture
) -> None:
    loader.load(
        schema("s", {"t": {"type": "string"}, "o": {}}),
        records("s", [{"t": "a\0b\0", "o": {"k\0": ["\0"]}}, {"t": "fine", "o": None}]),
    )
    said = [entry.getMessage() for entry in caplog.records if "NUL" in entry.getMessage()]
    assert len(said) == 1
    assert said[0].startswith("4 NUL characters")
    assert loader.table("s", "t")[0] == {"t": "ab", "o": {"k": [""]}}

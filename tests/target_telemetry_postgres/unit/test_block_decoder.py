"""What a block decoder takes, the careful way takes too and alike; and the ordinary it takes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.both_ways import INTEGER, LIST, NUMBER, OBJECT, TEXT, TIME
from support.random_records import ATOMS, SCALARS, SCHEMAS, VALUES, comparable, plan
from support.singer import record
from target_telemetry_postgres.buffer.packed_rows import Pack
from target_telemetry_postgres.intake.lines import decode, messages

if TYPE_CHECKING:
    from collections.abc import Sequence

    from target_telemetry_postgres.rows.plan import Plan


def _block(rows: Sequence[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(record("s", row)).encode() + b"\n" for row in rows)


def _packed(made: Plan, text: bytes) -> Pack | None:
    """The lines as a pack, or None where blocks are not for them."""
    found = messages(text)
    if found is None or {(one.type, one.stream) for one in found.envelopes} != {("RECORD", "s")}:
        return None
    records = [one.record for one in found.envelopes]
    decoder = made.block.texts(records[0])
    decoded = None if decoder is None else decoder.decode(b"[%b]" % b",".join(records))
    rows = None if decoder is None or decoded is None else decoder.rows(decoded)
    if rows is None:
        return None
    pack = Pack(rows.missing)
    pack.add(rows.lines, rows.keys, range(7, 7 + len(records)))
    return pack


@settings(max_examples=1000, deadline=None)
@given(
    st.dictionaries(st.sampled_from(["x", "y"]), SCHEMAS, min_size=1),
    st.lists(st.dictionaries(st.sampled_from(["x", "y", "z"]), VALUES), max_size=1),
    st.dictionaries(st.sampled_from(["x", "y"]), VALUES, min_size=1),
    st.booleans(),
)
def test_what_a_block_takes_the_careful_way_takes_too_and_alike(
    properties: dict[str, Any], others: list[dict[str, Any]], row: dict[str, Any], validate: bool
) -> None:
    _agree(plan(properties, validate=validate), [row, *others, row])


@pytest.mark.parametrize("validate", [True, False])
@pytest.mark.parametrize("kind", SCALARS, ids=str)
def test_every_kind_of_property_judges_every_value_alike(
    kind: dict[str, Any], validate: bool
) -> None:
    for value in ATOMS:
        _agree(plan({"x": kind}, validate=validate), [{"x": value}] * 2)


def _agree(made: Plan, rows: Sequence[dict[str, Any]]) -> None:
    pack = _packed(made, _block(rows))
    if pack is None:
        return
    for number, (got, sent) in enumerate(zip(pack.rows(), rows, strict=True), 7):
        assert got.pop() == number
        assert comparable(got) == comparable(made.careful_row(decode(json.dumps(sent).encode())))


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (INTEGER, [0, -5, 2**63 - 1, -(2**63)]),
        ({"type": ["integer", "null"], "minimum": 1}, [1, None]),
        (TEXT, ["", "a\nb", "é🙂", 'q"\\', None]),
        ({"type": "string", "maxLength": 3}, ["", "abc"]),
        ({"type": "string", "enum": ["a", "b"]}, ["b", "a"]),
        (NUMBER, [1, -0.5, 1e30, 10**40, None]),
        ({"type": "number", "minimum": 0}, [0, 12.5]),
        ({"type": ["boolean", "null"]}, [True, False, None]),
        (TIME, ["2024-01-01T00:00:00Z", "2024-01-01T00:00:00.123456+02:00", None]),
        ({"type": "string", "format": "date"}, ["2024-02-29"]),
        ({"type": "string", "format": "time"}, ["10:00:00", "23:59:59.5"]),
        ({"type": "string", "format": "uuid"}, ["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"]),
        (OBJECT, [{}, {"a": [1, {"b": "\n"}]}, None]),
        ({"type": "object", "properties": {"a": INTEGER}}, [{"a": 1}, {"b": 2}]),
        (LIST, [[], ["a", 'b"\\,{}'], None]),
        ({"type": "array", "items": INTEGER}, [[1, -2], []]),
        ({}, [1, "a", None, [True]]),
    ],
)
def test_ordinary_records_are_taken(kind: dict[str, Any], values: list[Any]) -> None:
    rows = [{"id": number, "v": value} for number, value in enumerate(values)]
    made = plan({"id": INTEGER, "v": kind}, ["id"], validate=True)
    pack = _packed(made, _block(rows))
    assert pack is not None
    assert len(pack.rows()) == len(values)
    assert pack.text()[1:] == (len(values), True)


@pytest.mark.parametrize(
    ("kind", "good", "wrong"),
    [
        (TIME, "2024-01-01T00:00:00Z", ["now", "2024-1-01", "2024-01-01t00:00:00z", "", "a\nb"]),
        ({"type": "string", "format": "date"}, "2024-01-01", ["today", "2024-01-01T00:00:00", ""]),
        ({"type": "string", "format": "time"}, "10:00:00", ["10:00:00Z", "10", "noon"]),
        (
            {"type": ["null", "string"], "format": "uuid"},
            "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
            ["A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", "a0eebc999c0b4ef8bb6d6bb9bd380a11", ""],
        ),
        (NUMBER, 1, ["1", True, False, [1], {}, "null"]),
        ({"type": "number"}, 1, [None, "nul"]),
        ({"type": "string", "format": "date-time"}, "2024-01-01", [None, 5]),
    ],
)
def test_one_value_that_is_spelled_otherwise_is_noticed_among_many(
    kind: dict[str, Any], good: Any, wrong: list[Any]
) -> None:
    made = plan({"id": INTEGER, "v": kind}, ["id"], validate=True)
    rows = [{"id": number, "v": good} for number in range(5)]
    assert _packed(made, _block(rows)) is not None
    for value in wrong:
        assert _packed(made, _block([*rows, {"id": 5, "v": value}, *rows])) is None
        assert _packed(made, _block(rows)) is not None


@pytest.mark.parametrize(
    "odd",
    [
        '{"type":"RECORD","stream":"another","record":{"id":1,"o":null}}',
        '{"type":"RECORD","stream":"s","record":{"id":1}}',
        '{"type":"RECORD","stream":"s","record":{"o":null}}',
        '{"type":"RECORD","stream":"s","record":{"id":1,"o":null,"more":1}}',
        '{"type":"RECORD","stream":"s","record":{"id":"1","o":null}}',
        '{"type":"RECORD","stream":"s","record":{"id":null,"o":null}}',
        '{"type":"SCHEMA","stream":"s","schema":{"properties":{}}}',
        '{"type":"ACTIVATE_VERSION","stream":"s","version":1}',
        '{"type":"STATE"}',
        "",
        "   ",
        "nonsense",
        "[]",
    ],
)
def test_a_block_with_anything_else_in_it_is_left_alone(odd: str) -> None:
    made = plan({"id": INTEGER, "o": OBJECT}, ["id"], validate=True)
    row = _block([{"id": 1, "o": {}}])
    for text in (row + odd.encode() + b"\n" + row, row * 3 + odd.encode() + b"\n"):
        assert _packed(made, text) is None
    assert _packed(made, row * 4) is not None


def test_what_is_wrong_inside_json_leaves_the_block_alone() -> None:
    kind = {"type": "object", "properties": {"a": INTEGER}}
    made = plan({"o": kind}, validate=True)
    assert _packed(made, _block([{"o": {"a": 1}}, {"o": {"a": "x"}}])) is None
    broken = _block([{"o": {"b": "?"}}])
    assert _packed(made, broken.replace(b"?", b"\xed\xa0\x80")) is None


def test_two_messages_on_a_line_are_left_to_be_refused() -> None:
    made = plan({"id": INTEGER}, ["id"], validate=True)
    one = _block([{"id": 1}])
    assert _packed(made, one * 2) is not None
    assert _packed(made, one + one.strip() + one) is None
    # As many messages as lines, and yet not one on each.
    over_two_lines = one.replace(b":", b":\n", 1)
    assert _packed(made, one + one.strip() + one + b"\n" + one) is None
    assert _packed(made, over_two_lines + one.strip() + one) is None
    assert _packed(made, (one * 3).replace(b"\n", b"\r\n")) is not None


def test_records_that_leave_out_the_same_properties_are_taken() -> None:
    made = plan({"id": INTEGER, "t": TEXT, "n": NUMBER}, ["id"], validate=True)
    pack = _packed(made, _block([{"n": 1, "id": 1}, {"n": None, "id": 2}]))
    assert pack is not None
    assert pack.rows() == [[1, msgspec.UNSET, 1, 7], [2, msgspec.UNSET, None, 8]]
    assert _packed(made, _block([{"n": 1, "id": 1}, {"id": 2, "t": "x", "n": 1}])) is None
    assert _packed(made, _block([{"n": 1, "id": 1}, {"id": 2}])) is None


def test_blocks_that_never_fit_are_tried_more_and_more_rarely_and_then_again() -> None:
    made = plan({"id": INTEGER}, ["id"], validate=True)
    bad, good = _block([{"id": "x"}]), _block([{"id": 1}])
    assert all(_packed(made, bad) is None for _ in range(200))
    tries = [_packed(made, good) is not None for _ in range(200)]
    assert 0 < tries.index(True) <= 64
    assert all(tries[tries.index(True) :])


def test_only_so_many_choices_of_properties_have_a_decoder() -> None:
    names = [f"p{at}" for at in range(40)]
    made = plan({"id": INTEGER} | dict.fromkeys(names, TEXT), ["id"], validate=True)
    whole = {"id": 1} | dict.fromkeys(names)
    for left_out in names:
        _packed(made, _block([{name: whole[name] for name in whole if name != left_out}]))
    packed = [
        _packed(made, _block([{name: whole[name] for name in whole if name != left_out}]))
        for left_out in names
    ]
    assert sum(pack is not None for pack in packed) == 16
    assert _packed(made, _block([whole])) is not None


def test_the_last_row_of_a_key_is_sent_and_all_in_the_order_of_the_keys() -> None:
    made = plan({"k": {"type": "string"}, "n": INTEGER, "v": INTEGER}, ["k", "n"], validate=True)
    keys = [("b", 2), ("a,b", 10), ("b", 10), ("é", 1), ("a", 3), ("b", 2), ("🙂", 0), ("a\nb", 1)]
    rows = [{"k": k, "n": n, "v": at} for at, (k, n) in enumerate(keys)]
    pack = _packed(made, _block(rows))
    assert pack is not None
    assert pack.repeats
    text, size, in_order = pack.text()
    last = {(row["k"], row["n"]): row for row in rows}
    ordered = sorted(last, key=lambda key: (key[0].encode(), key[1]))
    assert size == len(last)
    assert text.decode() == "".join(f'"{k}",{n},{last[k, n]["v"]}\n' for k, n in ordered)
    assert in_order
    assert sorted(pack.last_rows()) == sorted(
        [*row.values(), 7 + row["v"]] for row in last.values()
    )


def test_keys_with_nulls_among_them_come_in_any_order_but_once() -> None:
    made = plan({"k": TEXT, "v": INTEGER}, ["k"], validate=True)
    rows = [{"k": k, "v": at} for at, k in enumerate(["b", None, "a", None])]
    pack = _packed(made, _block(rows))
    assert pack is not None
    text, _, in_order = pack.text()
    assert sorted(text.decode().splitlines()) == ['"a",2', '"b",0', "null,3"]
    assert not in_order

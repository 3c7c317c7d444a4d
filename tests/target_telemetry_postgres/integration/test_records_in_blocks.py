"""Records that are taken many at a time end as those that are taken line by line."""

from __future__ import annotations

import json
import logging
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.random_records import ATOMS, SCALARS, SCHEMAS, VALUES, comparable, plan
from support.singer import lines, record, records, schema, state
from target_telemetry_postgres.buffer.packed_rows import Pack
from target_telemetry_postgres.intake.lines import decode, envelope
from target_telemetry_postgres.intake.sink import Sink
from target_telemetry_postgres.rows.fast_fields import NotPlain

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from support.singer import Loader
    from target_telemetry_postgres.rows.plan import Plan

INTEGER = {"type": "integer"}
TEXT = {"type": ["string", "null"]}
NUMBER = {"type": ["number", "null"]}
TIME = {"type": ["string", "null"], "format": "date-time"}
OBJECT = {"type": ["object", "null"]}
LIST = {"type": ["array", "null"], "items": {"type": "string"}}
EVERYTHING = {"id": INTEGER, "t": TEXT, "n": NUMBER, "at": TIME, "o": OBJECT, "l": LIST}
QUARANTINE = {"invalid_record_treatment": "quarantine"}


# --- The decoder alone -----------------------------------------------------------------------


def _block(rows: Sequence[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(record("s", row)).encode() + b"\n" for row in rows)


def _packed(made: Plan, text: bytes) -> Pack | None:
    """The lines as a pack, or None where blocks are not for them."""
    first = envelope(text[: text.index(b"\n")])
    decoder = None if first is None else made.blocks.decoder(first.record)
    messages = None if decoder is None else decoder.messages(text)
    if decoder is None or messages is None:
        return None
    try:
        lines, keys = decoder.rows([message.record for message in messages])
    except NotPlain:
        return None
    pack = Pack(decoder.missing)
    pack.add(lines, keys, range(7, 7 + len(messages)))
    return pack


@settings(max_examples=1000, deadline=None)
@given(
    st.dictionaries(st.sampled_from(["x", "y"]), SCHEMAS, min_size=1),
    st.lists(st.dictionaries(st.sampled_from(["x", "y", "z"]), VALUES), max_size=1),
    st.dictionaries(st.sampled_from(["x", "y"]), VALUES, min_size=1),
    st.booleans(),
)
def test_what_a_block_takes_the_careful_road_takes_too_and_alike(
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
        '{"type":"RECORD","stream":"s","version":1,"record":{"id":1,"o":null}}',
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


# --- Through the target ----------------------------------------------------------------------


@dataclass
class Watch:
    """What went by blocks while this was watching."""

    taken: int = 0
    offered: int = 0


@contextmanager
def watched() -> Iterator[Watch]:
    seen = Watch()
    accept = Sink.accept_block

    def counting(sink: Sink, decoder: Any, rows: Sequence[Any], numbers: Sequence[int]) -> None:
        seen.offered += len(rows)
        accept(sink, decoder, rows, numbers)
        seen.taken += len(rows)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Sink, "accept_block", counting)
        yield seen


@contextmanager
def line_by_line() -> Iterator[Watch]:
    with pytest.MonkeyPatch.context() as patch, watched() as seen:
        patch.setattr(Sink, "decoder", lambda *_: None)
        yield seen


@dataclass
class Outcome:
    """All that a run leaves behind."""

    states: list[Any] = field(default_factory=list)
    error: str | None = None
    said: list[str] = field(default_factory=list)
    tables: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    ledger: list[tuple[Any, ...]] = field(default_factory=list)
    rejected: list[tuple[Any, ...]] = field(default_factory=list)


class Ear(logging.Handler):
    """Hears what the target says."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if "etric" not in record.name:
            self.heard.append(record.getMessage())


def outcome(loader: Loader, *messages: Any, tables: Sequence[str] = ("s",), **more: Any) -> Outcome:
    made, ear = Outcome(), Ear()
    logging.getLogger().addHandler(ear)
    try:
        loader.load(*messages, **more)
    except Exception as error:  # noqa: BLE001 - compared, whatever it is
        made.error = f"{type(error).__name__}: {getattr(error, 'rejection', error)}"
    finally:
        logging.getLogger().removeHandler(ear)
    made.states = loader.emitted
    made.said = ear.heard
    made.tables = {name: loader.table(name, "id") for name in tables if loader.types(name)}
    for rows in made.tables.values():
        for row in rows:
            if "_sdc_deleted_at" in row:
                row["_sdc_deleted_at"] = row["_sdc_deleted_at"] is not None
    made.ledger = loader.query(
        "SELECT stream, status, rows_read, rows_inserted, rows_updated, rows_unchanged,"
        " rows_deleted, rows_rejected, rows_expired, error FROM ingest_runs ORDER BY id"
    )
    made.rejected = loader.query(
        "SELECT stream, line_number, column_name, reason, record, reject_id"
        " FROM rejected_records ORDER BY line_number, reject_id"
    )
    return made


def start_anew(loader: Loader, *statements: str) -> None:
    """An empty database with these tables of somebody else's."""
    loader.execute("DROP TABLE IF EXISTS s, log; TRUNCATE ingest_runs, rejected_records")
    for statement in statements:
        loader.execute(statement)


def both(
    loader: Loader, *loads: Sequence[Any], made: Sequence[str] = (), taken: int = 1, **more: Any
) -> Outcome:
    """Load by blocks and line by line, and return what both came to.

    At least `taken` records have to go by blocks, or there is nothing to compare.
    """
    start_anew(loader, *made)
    with line_by_line() as seen:
        slow = [outcome(loader, *messages, **more) for messages in loads]
    assert not seen.offered
    start_anew(loader, *made)
    with watched() as seen:
        fast = [outcome(loader, *messages, **more) for messages in loads]
    assert seen.taken >= taken
    assert fast == slow
    return fast[-1]


#: Somebody's table with rules of its own.
STRICT = """
    CREATE TABLE s (
        id bigint PRIMARY KEY, t varchar(12) CHECK (t <> 'no'), n numeric(5, 2), at timestamptz,
        o jsonb, l text[]
    )
"""
ORDINARY = st.fixed_dictionaries(
    {
        "id": st.integers(0, 12),
        "t": st.sampled_from(
            [None, "", "a", "a\nb", "x,y", '"', "null", "\\N", "]\n[", "é🙂", "\t\r"]
        ),
        "n": st.sampled_from([None, 0, 1.25, -3, 999]),
        "at": st.sampled_from([None, "2024-01-01T00:00:00Z", "2024-06-01T12:00:00.5+02:00"]),
        "o": st.sampled_from([None, {}, {"a": ["\n", 1]}, {"é": None}]),
        "l": st.sampled_from([None, [], ["a", "b,c\n"]]),
    }
)
#: Each is refused somewhere: by the schema, by the column, by the table's rule.
WRONG = st.sampled_from(
    [
        {"id": "x"},
        {"id": None},
        {"n": 1000},
        {"n": "many"},
        {"t": "far too long for it\n"},
        {"t": "no"},
        {"at": "2024-13-01T00:00:00Z"},
        {"at": "yesterday"},
        {"o": [1]},
        {"l": [1]},
    ]
)
#: Each is fine, but not for a block.
ODD = st.sampled_from(
    [
        {"t": "a\0b"},
        {"t": "\ud800"},
        {"o": {"a": "\0"}},
        {"at": "2024-01-01t00:00:00z"},
        {"unknown": 5},
    ]
)
LINES = st.one_of(
    *[ORDINARY.map(lambda row: record("s", row))] * 8,
    st.tuples(ORDINARY, ODD).map(lambda two: record("s", two[0] | two[1])),
    st.tuples(ORDINARY, st.sampled_from(["t", "o"])).map(
        lambda two: record("s", {name: two[0][name] for name in two[0] if name != two[1]})
    ),
    st.integers(0, 9).map(lambda n: state(at=n)),
    ORDINARY.map(lambda row: record("log", {"id": row["id"]})),
    ORDINARY.map(lambda row: json.dumps(record("s", row)) + "\r"),
    st.sampled_from(["", "  ", "\r"]),
)


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    first=st.lists(ORDINARY, min_size=1, max_size=4),
    rest=st.lists(LINES, max_size=30),
    wrong=st.lists(st.tuples(st.integers(0, 30), ORDINARY, WRONG), max_size=2),
    size=st.sampled_from([3, 7, 1000]),
    at_once=st.sampled_from([300, 700, 1500, 1 << 17]),
    quarantine=st.booleans(),
)
def test_blocks_and_lines_leave_the_same_behind(
    loader: Loader,
    first: list[dict[str, Any]],
    rest: list[Any],
    *,
    wrong: list[tuple[int, dict[str, Any], dict[str, Any]]],
    size: int,
    at_once: int,
    quarantine: bool,
) -> None:
    """Tables, states, counts, refused records and what is said of them."""
    for place, row, mistake in wrong:
        rest.insert(place, record("s", row | mistake))
    streams = [schema("log", {"id": INTEGER}), schema("s", EVERYTHING, ["id"])]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("target_telemetry_postgres.intake.lines.BLOCK_BYTES", at_once)
        both(
            loader,
            [*streams, *records("s", first), *([state(at="first")] * (len(first) > 1)), *rest],
            made=[STRICT],
            tables=["s", "log"],
            taken=0,
            batch_size_rows=size,
            invalid_record_treatment="quarantine" if quarantine else "fail",
        )


STREAM = schema("s", EVERYTHING, ["id"])


def ordinary(number: int, **more: Any) -> dict[str, Any]:
    """A record that is as usual but for what is given, with line breaks in its values."""
    values = {"id": number, "t": f"a\n{number}", "n": number / 4, "at": None, "o": {"a": "\n"}}
    return record("s", values | {"l": ["b\nc"]} | more)


@pytest.mark.parametrize("size", [3, 7, 10_000])
def test_a_state_comes_out_when_the_records_before_it_are_stored(loader: Loader, size: int) -> None:
    messages: list[Any] = [STREAM]
    for number in range(40):
        messages += [ordinary(number % 25)] + [state(at=number)] * (number % 3)
    done = both(loader, messages, taken=40, batch_size_rows=size)
    assert done.states[-1] == {"at": 38}
    assert len(done.states) == {3: 14, 7: 6, 10_000: 1}[size]
    assert [row["n"] for row in done.tables["s"]] == [n / 4 for n in range(25)]


def test_a_state_with_half_a_surrogate_pair_is_passed_on(loader: Loader) -> None:
    half = '{"type":"STATE","value":{"a":"\ud800"}}'
    done = both(loader, [STREAM, ordinary(1), ordinary(2), half, ordinary(3)], taken=0)
    assert (done.error, done.states) == (None, [{"a": "\ud800"}])


def test_a_number_that_no_column_holds_is_kept_aside_as_text(loader: Loader) -> None:
    beyond = json.dumps(ordinary(7)).replace("1.75", "1e999999")
    messages = [STREAM, *(ordinary(number) for number in range(7)), beyond, ordinary(8)]
    done = both(loader, messages, taken=9, **QUARANTINE)
    ((_, line, _, reason, kept, _),) = done.rejected
    assert (line, kept["n"], kept["t"]) == (9, "1E+999999", "a\n7")
    assert "overflow" in reason
    assert len(done.tables["s"]) == 8


@pytest.mark.parametrize("digits", ["1e99999999999999999999", "1" * 5_000])
@pytest.mark.parametrize("number", [NUMBER, {"type": "number", "minimum": 0}])
def test_a_number_beyond_all_reason_is_refused_in_plain_words(
    loader: Loader, digits: str, number: dict[str, Any]
) -> None:
    beyond = json.dumps(ordinary(7)).replace("1.75", digits)
    stream = schema("s", EVERYTHING | {"n": number}, ["id"])
    for road in (watched, line_by_line):
        start_anew(loader)
        with road():
            done = outcome(loader, [stream, ordinary(1), beyond])
        assert done.error is not None
        assert done.error.startswith(("InvalidInputLine: Unable to parse", "InvalidRecordAt: "))


#: What the server alone refuses, in a table with rules of its own, and the column it names.
REFUSED = [
    ({"n": 1000}, "n"),
    ({"n": 1e300}, "n"),
    ({"t": "far too long for it"}, "t"),
    ({"t": "no"}, None),
    ({"at": "2024-13-01T00:00:00Z"}, "at"),
]


@pytest.mark.parametrize(("mistake", "column"), REFUSED)
@pytest.mark.parametrize("size", [7, 1000])
def test_the_record_that_the_server_refuses_is_the_one_that_is_named(
    loader: Loader, mistake: dict[str, Any], column: str | None, size: int
) -> None:
    messages = [STREAM, *(ordinary(number, t=f"a\n{number}") for number in range(60))]
    messages[42] = ordinary(100, **mistake)
    messages.insert(20, state(at=20))
    # The writer's refusal ends the run, at the latest when the last batch is handed over.
    done = both(loader, messages, made=[STRICT], taken=42, batch_size_rows=size)
    assert done.error is not None
    assert "line=44" in done.error
    assert done.states == ([{"at": 20}] if size == 7 else [])
    done = both(loader, messages, made=[STRICT], taken=60, batch_size_rows=size, **QUARANTINE)
    assert [(line, named) for _, line, named, *_ in done.rejected] == [(44, column)]
    assert {row["id"] for row in done.tables["s"]} == set(range(60)) - {41}


def test_a_record_that_its_schema_refuses_inside_a_block_costs_only_itself(
    loader: Loader,
) -> None:
    kind = {"type": "object", "properties": {"a": {"type": "string"}}}
    stream = schema("s", EVERYTHING | {"o": kind}, ["id"])
    messages = [stream, *(ordinary(number) for number in range(40))]
    messages[31] = ordinary(100, o={"a": 1})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("target_telemetry_postgres.intake.lines.BLOCK_BYTES", 1500)
        done = both(loader, messages, taken=20, **QUARANTINE)
    assert [(line, column) for _, line, column, *_ in done.rejected] == [(32, "o")]
    assert len(done.tables["s"]) == 39


def test_the_earlier_record_of_a_key_stands_where_the_later_one_is_refused(loader: Loader) -> None:
    messages = [STREAM, *(ordinary(number) for number in range(30))]
    messages.insert(20, ordinary(3, n=5000))
    done = both(loader, messages, made=[STRICT], taken=31, **QUARANTINE)
    assert [line for _, line, *_ in done.rejected] == [21]
    assert len(done.tables["s"]) == 30


def test_a_constraint_that_waits_for_the_end_refuses_a_record_and_not_the_run(
    loader: Loader,
) -> None:
    owned = """
        DROP TABLE IF EXISTS owner CASCADE;
        CREATE TABLE owner (id bigint PRIMARY KEY); INSERT INTO owner VALUES (1), (2);
        CREATE TABLE s (
            id bigint PRIMARY KEY,
            owner bigint REFERENCES owner DEFERRABLE INITIALLY DEFERRED
        )
    """
    stream = schema("s", {"id": INTEGER, "owner": INTEGER}, ["id"])
    rows = [{"id": number, "owner": 1 + number % 2} for number in range(40)]
    rows[17]["owner"] = 3
    messages = [stream, *records("s", rows), state(at=40)]
    done = both(loader, messages, made=[owned], taken=40, **QUARANTINE)
    assert [line for _, line, *_ in done.rejected] == [19]
    assert ([row["id"] for row in done.tables["s"]], done.states) == (
        [number for number in range(40) if number != 17],
        [{"at": 40}],
    )


def test_empty_lines_after_a_flush_in_the_middle_of_a_block_are_counted(loader: Loader) -> None:
    messages = [json.dumps(STREAM), *(json.dumps(ordinary(number)) for number in range(20))]
    messages[11] += "\n\n"
    messages.insert(16, json.dumps(ordinary(30, n=5000)))
    for at_once in (len(lines(messages[:12]).encode()), 1 << 17):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("target_telemetry_postgres.intake.lines.BLOCK_BYTES", at_once)
            done = both(loader, messages, made=[STRICT], taken=1, batch_size_rows=5, **QUARANTINE)
        assert [line for _, line, *_ in done.rejected] == [19]


def test_one_stream_that_is_refused_takes_no_other_with_it(loader: Loader) -> None:
    others = [schema(name, {"id": INTEGER}, ["id"]) for name in ("log", "z")]
    messages = [*others, STREAM, *(ordinary(number) for number in range(20))]
    messages[15] = ordinary(11, n=5000)
    messages += [*records("log", [{"id": n} for n in range(20)])]
    messages += [*records("z", [{"id": n} for n in range(20)])]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("target_telemetry_postgres.intake.lines.BLOCK_BYTES", 900)
        done = both(
            loader,
            messages,
            made=[STRICT, "DROP TABLE IF EXISTS z"],
            tables=["s", "log", "z"],
            taken=15,
            **QUARANTINE,
        )
    assert [len(rows) for rows in done.tables.values()] == [19, 20, 20]
    assert [line for _, line, *_ in done.rejected] == [16]


@pytest.mark.parametrize(
    "odd",
    [
        {"t": "a\0b"},
        {"t": "\ud800"},
        {"o": {"a\0": "\udfff"}},
        {"l": ["\0"]},
        {"t": "\\u0000"},
        {"o": {"a": "\\u0000 \\ud800"}},
    ],
)
def test_what_postgres_cannot_store_is_dropped_and_counted(
    loader: Loader, odd: dict[str, Any]
) -> None:
    messages = [STREAM, *(ordinary(number) for number in range(40))]
    messages[30] = ordinary(29, **odd)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("target_telemetry_postgres.intake.lines.BLOCK_BYTES", 1500)
        escaped = [json.dumps(message) for message in messages]
        both(loader, messages, taken=20)
        both(loader, escaped, taken=20)


@pytest.mark.parametrize("word", ["🙂", "\\ud83d", "\\\\u0000"])
def test_what_only_looks_like_half_a_character_goes_by_blocks(loader: Loader, word: str) -> None:
    stream = schema("s", {"id": INTEGER, "o": OBJECT}, ["id"])
    rows = [json.dumps(record("s", {"id": n, "o": {"a": word}})) for n in range(9)]
    done = both(loader, [stream, *rows], taken=9 * ("0000" not in word))
    assert [row["o"] for row in done.tables["s"]] == [{"a": word}] * 9


@pytest.mark.parametrize("end", ["\r", "", "\n", "\r\n  "])
def test_line_ends_and_empty_lines_change_nothing(loader: Loader, end: str) -> None:
    messages = [json.dumps(STREAM)]
    messages += [json.dumps(ordinary(number)) + end * (number > 10) for number in range(30)]
    messages.insert(25, json.dumps(ordinary(3, n=5000)) + end)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("target_telemetry_postgres.intake.lines.BLOCK_BYTES", 900)
        done = both(loader, messages, made=[STRICT], taken=5, **QUARANTINE)
    (refused,) = done.rejected
    assert refused[1] == 26 + end.count("\n") * 13


def test_two_messages_on_one_line_end_the_run(loader: Loader) -> None:
    twice = json.dumps(ordinary(20)) * 2
    messages = [STREAM, *(ordinary(number) for number in range(20)), state(at=20), twice]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("target_telemetry_postgres.intake.lines.BLOCK_BYTES", 900)
        done = both(loader, messages, taken=9)
    assert "Unable to parse line as JSON" in str(done.error)
    assert (len(done.tables["s"]), done.states) == (20, [{"at": 20}])


@pytest.mark.parametrize(
    ("kinds", "values"),
    [
        ([INTEGER, INTEGER], [(2, 1), (1, 2), (2, 1), (1, 1), (-3, 7)]),
        ([TEXT, INTEGER], [("b,\n", 1), ("é🙂", 1), ("", 1), ("b,\n", 1), ("", 2), ("null", 2)]),
        ([TEXT], [(None,), ("b",), (None,), ("a",)]),
        ([TEXT, TEXT], [(None, "b"), ("b", None), (None, "b"), ("a", "a")]),
        ([{"type": "string", "format": "uuid"}], [("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",)] * 2),
        ([{"type": "string", "format": "date"}, INTEGER], [("2024-02-01", 1), ("2024-01-01", 2)]),
        ([{"type": "boolean"}], [(True,), (False,), (True,)]),
    ],
)
def test_the_last_record_of_a_key_wins(
    loader: Loader, kinds: list[Any], values: list[tuple[Any, ...]]
) -> None:
    names = [f"k{at}" for at in range(len(kinds))]
    stream = schema("s", dict(zip(names, kinds, strict=True)) | {"id": INTEGER}, names)
    rows = [dict(zip(names, key, strict=True)) | {"id": n} for n, key in enumerate(values * 3)]
    for size in (3, 1000):
        done = both(loader, [stream, *records("s", rows)], taken=len(rows), batch_size_rows=size)
        last = {key: n for n, key in enumerate(values * 3)}
        assert {tuple(row[name] for name in names): row["id"] for row in stored(done)} == {
            tuple(_as_stored(one) for one in key): n for key, n in last.items()
        }


def stored(done: Outcome) -> list[dict[str, Any]]:
    return [{name: _as_stored(one) for name, one in row.items()} for row in done.tables["s"]]


def _as_stored(value: Any) -> Any:
    return value if value is None or isinstance(value, int) else str(value)


@pytest.mark.parametrize(
    ("kind", "values", "left"),
    [
        (TIME, ["2024-01-01T00:00:00Z", "2024-01-01T02:00:00+02:00", "2024-01-01"], 1),
        (NUMBER, [1, 1.0, 2, 1.00, 1e0], 2),
        (OBJECT, [{"a": 1, "b": 2}, {"b": 2, "a": 1}, {"a": 1}], 2),
    ],
)
def test_keys_that_have_several_spellings_keep_to_lines(
    loader: Loader, kind: dict[str, Any], values: list[Any], left: int
) -> None:
    stream = schema("s", {"k": kind, "id": INTEGER}, ["k"])
    rows = [{"k": value, "id": n} for n, value in enumerate(values)]
    with watched() as seen:
        loader.load(stream, records("s", rows))
    assert not seen.offered
    assert len(loader.table("s")) == left


def test_keys_that_only_the_table_takes_for_equal_are_counted_once(loader: Loader) -> None:
    loader.execute("CREATE TABLE s (k numeric(5, 1) PRIMARY KEY, id bigint CHECK (id <> 8))")
    stream = schema("s", {"k": NUMBER | {"type": "number"}, "id": INTEGER}, ["k"])
    rows = [{"k": k, "id": n} for n, k in enumerate([1.01, 2, 1.02, 3, 2.01, 4, 4.04, 5, 9])]
    loader.load(stream, records("s", rows), **QUARANTINE)
    assert [row["id"] for row in loader.table("s")] == [2, 4, 3, 6, 7]
    counts = loader.ledger("s")
    assert (counts["rows_read"], counts["rows_rejected"]) == (9, 1)
    assert counts["rows_inserted"] == 5


@pytest.mark.parametrize(
    ("ages", "expired"),
    [
        ([-10, -1, 1, 10, -40, 60 * 24 * 5, -60 * 24 * 5, 60 * 24, 60 * 47, 60 * 49], 16),
        ([-10, -1, 1, 10, -40, 60 * 24, 60 * 47, 60 * 49, 15, 20], 12),
        ([1, 10, 60 * 24, 60 * 47, 60 * 49], 0),
    ],
)
def test_rows_about_to_expire_are_counted_as_by_lines(
    loader: Loader, ages: list[int], expired: int
) -> None:
    kept = datetime.now(tz=timezone.utc) - timedelta(days=30)
    rows = []
    for n, minutes in enumerate(ages * (40 // len(ages))):
        at = (kept + timedelta(minutes=minutes)).astimezone(
            timezone(timedelta(hours=n % 5 * 3 - 6))
        )
        rows.append(ordinary(n, at=at.isoformat() if n != 7 else None))
    recent = [ordinary(n, at=datetime.now(tz=timezone.utc).isoformat()) for n in range(100, 140)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("target_telemetry_postgres.intake.lines.BLOCK_BYTES", 1500)
        done = both(
            loader,
            [STREAM, *recent, *rows],
            made=[STRICT.replace("CHECK (t <> 'no')", "")],
            taken=25,
            prune=False,
            batch_size_rows=25,
            retention={"s": {"keep": "30 days", "column": "at"}},
        )
    assert done.ledger[-1][8] == expired


def test_an_unknown_property_is_mentioned_once_and_blocks_go_on(loader: Loader) -> None:
    messages = [STREAM, *(ordinary(number) for number in range(20))]
    messages += [ordinary(number, more=number) for number in range(20, 60)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("target_telemetry_postgres.intake.lines.BLOCK_BYTES", 900)
        done = both(loader, messages, taken=40, batch_size_rows=10)
    assert [one for one in done.said if "'more'" in one] == [
        "Stream 's': no schema for record field 'more'; it is not stored."
    ]
    assert len(done.tables["s"]) == 60


def test_after_an_unknown_property_no_known_one_is_overlooked(loader: Loader) -> None:
    short = [{"id": n, "o": None} for n in range(3)]
    whole = [{"id": n, "o": None, "t": f"a{n}"} for n in range(3, 6)]
    stream = schema("s", {"id": INTEGER, "o": OBJECT, "t": TEXT}, ["id"])
    unknown = record("s", {"id": 9, "o": None, "t": "x", "more": 1})
    # It is told of and stored before the others are looked at.
    messages = [stream, unknown, *records("s", short + whole)]
    done = both(loader, messages, taken=0, batch_size_rows=1)
    assert [row["t"] for row in done.tables["s"]] == [None] * 3 + ["a3", "a4", "a5", "x"]


@pytest.mark.parametrize("rule", ["DEFAULT 'x'", "NOT NULL DEFAULT 'x'", "NOT NULL"])
@pytest.mark.parametrize("key", [["id"], []])
def test_a_column_with_a_rule_for_what_is_left_out_keeps_to_lines(
    loader: Loader, rule: str, key: list[str]
) -> None:
    table = f"CREATE TABLE s (id bigint {'PRIMARY KEY' * len(key)}, t text {rule})"
    stream = schema("s", {"id": INTEGER, "t": {"type": "string"}}, key)
    rows = records("s", [{"id": n} for n in range(20)])
    both(loader, [stream, *rows], made=[table], taken=0)


def test_after_an_odd_record_blocks_go_on_with_the_next_batch(loader: Loader) -> None:
    messages = [STREAM, ordinary(0, at="2024-01-01t00:00:00z")]
    messages += [ordinary(number) for number in range(1, 100)]
    for at_once in (900, 1 << 17):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("target_telemetry_postgres.intake.lines.BLOCK_BYTES", at_once)
            both(loader, messages, taken=90, batch_size_rows=10)


def test_rows_go_when_their_lines_take_much_memory(loader: Loader) -> None:
    messages = [STREAM, *(one for n in range(60) for one in (ordinary(n), state(at=n)))]
    for road in (watched, line_by_line):
        start_anew(loader)
        with road(), pytest.MonkeyPatch.context() as patch:
            patch.setattr("target_telemetry_postgres.intake.lines.BLOCK_BYTES", 900)
            patch.setattr("target_telemetry_postgres.intake.dispatch.MAX_BYTES", 2000)
            done = outcome(loader, messages)
        assert len(done.tables["s"]) == 60
        assert len(done.states) >= 3


def test_a_line_of_megabytes_is_not_held_twice(loader: Loader) -> None:
    long = ordinary(1, o={"a": "x" * (1 << 20)})
    with watched() as seen:
        loader.load(STREAM, long, long)
    assert (seen.offered, len(loader.table("s"))) == (0, 1)


@pytest.mark.parametrize("method", ["upsert", "append-only", "overwrite"])
@pytest.mark.parametrize("hard_delete", [False, True])
def test_every_way_of_loading_comes_to_the_same(
    loader: Loader, method: str, hard_delete: bool
) -> None:
    first = [STREAM, *(ordinary(n % 15) for n in range(20)), state(at=1)]
    second = [STREAM, *(ordinary(n, n=7) for n in range(10, 30)), state(at=2)]
    done = both(
        loader,
        first,
        second,
        taken=40,
        load_method=method,
        hard_delete=hard_delete,
        batch_size_rows=6,
    )
    assert len(done.tables["s"]) == {"upsert": 30, "append-only": 40, "overwrite": 20}[method]


@pytest.mark.parametrize("hard_delete", [False, True])
def test_versions_keep_to_lines_and_come_to_the_same(loader: Loader, hard_delete: bool) -> None:
    plain = [STREAM, *(ordinary(n) for n in range(20))]
    versioned = [STREAM, *(ordinary(n) | {"version": 1} for n in range(10, 30))]
    versioned += [{"type": "ACTIVATE_VERSION", "stream": "s", "version": 1}]
    versioned += [ordinary(n) | {"version": 1} for n in range(30, 40)]
    done = both(loader, plain, versioned, taken=20, hard_delete=hard_delete)
    there = [row for row in done.tables["s"] if not row["_sdc_deleted_at"]]
    assert [row["id"] for row in there] == list(range(10, 40))


def test_marks_of_deletion_delete(loader: Loader) -> None:
    gone = {"_sdc_deleted_at": TIME}
    stream = schema("s", EVERYTHING | gone, ["id"])
    first = [stream, *(ordinary(n, _sdc_deleted_at=None) for n in range(20))]
    dead = "2024-01-01T00:00:00Z"
    second = [stream, *(ordinary(n, _sdc_deleted_at=dead if n % 2 else None) for n in range(30))]
    with line_by_line():
        outcome(loader, first, second, hard_delete=True)
    done = both(loader, first, second, taken=1)
    assert sum(not row["_sdc_deleted_at"] for row in done.tables["s"]) == 15

"""Records that are taken many at a time end as those that take the careful way."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.both_ways import (
    CAREFUL,
    EVERYTHING,
    INTEGER,
    NUMBER,
    OBJECT,
    QUARANTINE,
    STREAM,
    STRICT,
    both,
    ordinary,
    outcome,
    start_anew,
)
from support.singer import lines, record, records, schema, state

if TYPE_CHECKING:
    from support.singer import Loader

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
    both(
        loader,
        [*streams, *records("s", first), *([state(at="first")] * (len(first) > 1)), *rest],
        made=[STRICT],
        tables=["s", "log"],
        taken=0,
        batch_size_rows=size,
        invalid_record_treatment="quarantine" if quarantine else "fail",
        at_once=at_once,
    )


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
    ((_, line, _, reason),) = done.rejected
    (kept,) = done.kept
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
    for way in ({}, CAREFUL):
        start_anew(loader)
        done = outcome(loader, [stream, ordinary(1), beyond], **way)
        assert done.error is not None
        assert done.error.startswith(("InvalidInputLine: Unable to parse", "RejectedRecordError: "))


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
    assert "line 44" in done.error
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
    done = both(loader, messages, taken=20, at_once=1500, **QUARANTINE)
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
        done = both(
            loader,
            messages,
            made=[STRICT],
            taken=1,
            batch_size_rows=5,
            at_once=at_once,
            **QUARANTINE,
        )
        assert [line for _, line, *_ in done.rejected] == [19]


def test_one_stream_that_is_refused_takes_no_other_with_it(loader: Loader) -> None:
    others = [schema(name, {"id": INTEGER}, ["id"]) for name in ("log", "z")]
    messages = [*others, STREAM, *(ordinary(number) for number in range(20))]
    messages[15] = ordinary(11, n=5000)
    messages += [*records("log", [{"id": n} for n in range(20)])]
    messages += [*records("z", [{"id": n} for n in range(20)])]
    done = both(
        loader,
        messages,
        made=[STRICT, "DROP TABLE IF EXISTS z"],
        tables=["s", "log", "z"],
        taken=15,
        at_once=900,
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
    escaped = [json.dumps(message) for message in messages]
    both(loader, messages, taken=20, at_once=1500)
    both(loader, escaped, taken=20, at_once=1500)


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
    done = both(loader, messages, made=[STRICT], taken=5, at_once=900, **QUARANTINE)
    (refused,) = done.rejected
    assert refused[1] == 26 + end.count("\n") * 13


def test_two_messages_on_one_line_end_the_run(loader: Loader) -> None:
    twice = json.dumps(ordinary(20)) * 2
    messages = [STREAM, *(ordinary(number) for number in range(20)), state(at=20), twice]
    done = both(loader, messages, taken=9, at_once=900)
    assert "Unable to parse line as JSON" in str(done.error)
    assert (len(done.tables["s"]), done.states) == (20, [{"at": 20}])


def test_after_an_odd_record_blocks_go_on_with_the_next_batch(loader: Loader) -> None:
    messages = [STREAM, ordinary(0, at="2024-01-01t00:00:00z")]
    messages += [ordinary(number) for number in range(1, 100)]
    for at_once in (900, 1 << 17):
        both(loader, messages, taken=90, batch_size_rows=10, at_once=at_once)


def test_rows_go_when_their_lines_take_much_memory(loader: Loader) -> None:
    long = "x" * (1 << 20)
    messages = [STREAM, *(one for n in range(80) for one in (ordinary(n, t=long), state(at=n)))]
    for way in ({}, CAREFUL):
        start_anew(loader)
        done = outcome(loader, messages, **way)
        assert len(done.tables["s"]) == 80
        assert len(done.states) == 3

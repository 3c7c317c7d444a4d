"""Records that are right and rare, or so wrong that no column is to blame."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from singer_sdk.exceptions import InvalidRecord

from support.singer import lines, record, records, schema, state
from target_telemetry_postgres.target import TargetTelemetryPostgres

if TYPE_CHECKING:
    from pathlib import Path

    from support.singer import Loader

INTEGER = {"type": "integer"}
TIMED = schema("s", {"at": {"type": "string", "format": "date-time"}, "n": INTEGER}, ["at"])


def test_times_that_only_postgres_knows_are_keys_like_others(loader: Loader) -> None:
    times = [
        "2016-12-31T23:59:60Z",
        "2023-12-31T24:00:00Z",
        "9999-12-31T23:59:59-05:00",
        "0001-01-01T00:00:00+05:00",
    ]
    loader.load(TIMED, records("s", [{"at": at, "n": n} for n, at in enumerate(times)]))
    assert loader.query("SELECT at::text FROM s ORDER BY n") == [
        ("2017-01-01 00:00:00+00",),
        ("2024-01-01 00:00:00+00",),
        ("10000-01-01 04:59:59+00",),
        ("0001-12-31 19:00:00+00 BC",),
    ]


def test_two_spellings_of_a_time_that_only_postgres_knows_are_one_key(loader: Loader) -> None:
    rows = [{"at": "2016-12-31T23:59:60Z", "n": 1}, {"at": "2017-01-01T00:00:00Z", "n": 2}]
    loader.load(TIMED, records("s", rows))
    assert loader.query("SELECT n FROM s") == [(2,)]


def test_a_time_that_is_none_costs_its_record_where_it_is_a_key(loader: Loader) -> None:
    rows = [{"at": "2024-01-01T00:00:00Z", "n": 1}, {"at": "2024-02-30T00:00:00Z", "n": 2}]
    states = loader.load(
        TIMED, records("s", rows), state(a=1), invalid_record_treatment="quarantine"
    )
    assert states == [{"a": 1}]
    assert loader.query("SELECT n FROM s") == [(1,)]
    assert len(loader.table("rejected_records")) == 1


def test_json_keys_that_differ_in_the_last_digit_are_two(loader: Loader) -> None:
    stream = schema("s", {"k": {"type": "object"}}, ["k"])
    numbers = ("0.10000000000000000001", "0.10000000000000000002")
    texts = [f'{{"type":"RECORD","stream":"s","record":{{"k":{{"v":{n}}}}}}}' for n in numbers]
    loader.load(stream, *texts)
    assert loader.query("SELECT count(*) FROM s") == [(2,)]


@pytest.mark.parametrize("wrong", [None, [1, 2], "x"])
def test_a_record_that_is_no_object_is_refused_and_named(loader: Loader, wrong: object) -> None:
    stream = schema("s", {"id": INTEGER}, ["id"])
    message = {"type": "RECORD", "stream": "s", "record": wrong}
    with pytest.raises(InvalidRecord, match="not an object"):
        loader.load(stream, message)
    loader.load(
        stream, message, record("s", {"id": 1}), state(a=1), invalid_record_treatment="quarantine"
    )
    assert loader.table("s") == [{"id": 1}]
    assert (loader.ledger("s")["rows_read"], loader.ledger("s")["rows_rejected"]) == (2, 1)


def test_half_a_surrogate_pair_in_raw_bytes_is_dropped(loader: Loader) -> None:
    stream = schema("s", {"id": INTEGER, "t": {"type": "string"}}, ["id"])
    text = lines([stream]).encode()
    text += b'{"type":"RECORD","stream":"s","record":{"id":1,"t":"a\xed\xa0\x80b"}}\n'
    TargetTelemetryPostgres(config={"sqlalchemy_url": loader.url}).listen(io.BytesIO(text))
    assert loader.table("s") == [{"id": 1, "t": "ab"}]


@pytest.mark.parametrize("value", ["{}", "{ }", "null"])
def test_a_state_that_says_nothing_takes_no_state_away(loader: Loader, value: str) -> None:
    empty = f'{{"type":"STATE","value":{value}}}'
    assert loader.load(state(a=1), empty) == [{"a": 1}]
    assert loader.load(empty) == []


def test_batch_files_belong_to_the_version_that_was_activated_before(
    loader: Loader, tmp_path: Path
) -> None:
    stream = schema("s", {"id": INTEGER}, ["id"])
    activate = {"type": "ACTIVATE_VERSION", "stream": "s", "version": 7}
    batches = []
    for n in (1, 2):
        file = tmp_path / f"{n}.jsonl"
        file.write_text(f'{{"id": {n}}}\n')
        batches.append(
            {
                "type": "BATCH",
                "stream": "s",
                "encoding": {"format": "jsonl"},
                "manifest": [file.as_uri()],
            }
        )
    # As the SDK's taps do for each partition of a stream.
    loader.load(stream, activate, batches[0], activate, batches[1], hard_delete=True)
    assert [row["id"] for row in loader.table("s")] == [1, 2]
    loader.load(stream, *batches, activate, hard_delete=True)
    assert [row["id"] for row in loader.table("s")] == [1, 2]


def test_a_tables_name_that_reads_like_a_place_blames_no_other_row(loader: Loader) -> None:
    stream = schema("odd, line 2", {"at": {"type": "string", "format": "date-time"}})
    rows = [{"at": f"2024-0{month}-01T00:00:00Z"} for month in (1, 2, 3)]
    rows.append({"at": "2024-13-01T00:00:00Z"})
    loader.load(stream, records("odd, line 2", rows), invalid_record_treatment="quarantine")
    assert len(loader.table("odd, line 2")) == 3
    (kept,) = loader.table("rejected_records")
    assert (kept["line_number"], kept["column_name"]) == (5, "at")


def test_a_refused_record_gives_way_to_the_one_of_its_key_before_it(loader: Loader) -> None:
    stream = schema(
        "s",
        {
            "id": INTEGER,
            "at": {"type": "string", "format": "date-time"},
            "n": INTEGER,
            "x": INTEGER,
        },
        ["id"],
    )
    good, bad = "2024-01-01T00:00:00Z", "2024-02-30T00:00:00Z"
    rows = [
        {"id": 1, "at": good},
        {"id": 1, "at": bad, "n": 1},
        {"id": 2, "at": good, "n": 2},
        {"id": 2, "at": bad, "n": 3},
        {"id": 2, "at": bad, "n": 4},
        {"id": 3, "at": bad, "n": 5},
        {"id": 3, "at": good, "n": 6},
    ]
    loader.load(stream, records("s", rows), invalid_record_treatment="quarantine")
    assert loader.query("SELECT id, n FROM s ORDER BY id") == [(1, None), (2, 2), (3, 6)]
    ledger = loader.ledger("s")
    assert (ledger["rows_inserted"], ledger["rows_rejected"], ledger["rows_unchanged"]) == (3, 3, 1)


def test_times_beyond_the_calendar_of_python_are_pruned_like_others(loader: Loader) -> None:
    at = {"type": "string", "format": "date-time"}
    stream = schema("s", {"id": INTEGER, "at": at})
    loader.load(stream)
    loader.execute(
        "INSERT INTO s VALUES (1, '0044-03-15 BC'), (2, '-infinity'), (3, 'infinity'), (4, now())"
    )
    early = record("s", {"id": 5, "at": "0001-01-01T00:00:00+05:00"})
    loader.load(stream, early, retention={"s": {"keep": "90 days", "column": "at"}})
    assert loader.query("SELECT id FROM s ORDER BY id") == [(3,), (4,)]
    assert (loader.ledger("s")["rows_expired"], loader.ledger("s")["rows_pruned"]) == (1, 2)

"""Records that are right and rare, or so wrong that no column is to blame."""

from __future__ import annotations

import io
import itertools
import re
from typing import TYPE_CHECKING

import pytest
from singer_sdk.exceptions import InvalidRecord
from singer_sdk.singerlib.exceptions import InvalidInputLine

from support.singer import lines, record, records, schema, state
from target_telemetry_postgres.errors import sentence
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


_TIMES = {
    "time": [
        "24:00",
        "23:59:60",
        "00:00",
        "12:00:60.0",
        "12:01",
        "13:01+01:00",
        "12:00:59.9999999",
    ],
    "date-time": [
        "2016-12-31T23:59:60Z",
        "2017-01-01",
        "2017-01-01T00:00:00.0000004Z",
        "2017-01-01T00:00:00.0000006Z",
        "2017-01-01T00:00:00.000001+00:00",
    ],
}


@pytest.mark.parametrize("treatment", ["fail", "quarantine"])
@pytest.mark.parametrize("kind", list(_TIMES))
def test_of_two_spellings_of_a_time_the_later_record_stays(
    loader: Loader, kind: str, treatment: str
) -> None:
    pg_type = {"time": "time", "date-time": "timestamptz"}[kind]
    messages, expected = [], []
    key = {"type": "string", "format": kind}
    # A stream for each pair: the first record whole, the later without one property.
    for at, pair in enumerate(itertools.permutations(_TIMES[kind], 2)):
        name = f"s{at:02}"
        messages.append(schema(name, {"k": key, "n": INTEGER, "m": INTEGER}, ["k"]))
        messages.append(record(name, {"k": pair[0], "n": 1, "m": 5}))
        messages.append(record(name, {"k": pair[1], "n": 2}))
        spelled = [one.replace("13:01+01:00", "12:01") for one in pair]
        (same,) = loader.query(f"SELECT '{spelled[0]}'::{pg_type} = '{spelled[1]}'::{pg_type}")
        expected.append((name, [(2, 5)] if same[0] else [(1, 5), (2, None)]))
    loader.load(*messages, invalid_record_treatment=treatment)
    found = [(name, loader.query(f"SELECT n, m FROM {name} ORDER BY n")) for name, _ in expected]
    assert found == expected


def test_a_deletion_finds_the_time_that_was_spelled_otherwise(loader: Loader) -> None:
    deleted = {"type": ["null", "string"], "format": "date-time"}
    stream = schema(
        "s", {"k": {"type": "string", "format": "time"}, "_sdc_deleted_at": deleted}, ["k"]
    )
    gone = {"k": "23:59:60", "_sdc_deleted_at": "2024-01-01T00:00:00Z"}
    loader.load(stream, record("s", {"k": "24:00"}), record("s", gone), hard_delete=True)
    assert loader.table("s") == []


def test_a_deletion_at_a_time_that_is_none_is_refused_and_named(loader: Loader) -> None:
    deleted = {"type": ["null", "string"], "format": "date-time"}
    stream = schema("s", {"id": INTEGER, "_sdc_deleted_at": deleted}, ["id"])
    gone = {"id": 1, "_sdc_deleted_at": "2024-01-01T00:00:00+00:00+00:00"}
    messages = [stream, record("s", {"id": 1}), record("s", gone)]
    with pytest.raises(InvalidRecord, match="not an ISO 8601 date and time") as refused:
        loader.load(*messages, hard_delete=True)
    assert sentence(refused.value).startswith("stream 's', line 3, column '_sdc_deleted_at'")
    loader.load(*messages, hard_delete=True, invalid_record_treatment="quarantine")
    assert [row["id"] for row in loader.table("s")] == [1]
    (kept,) = loader.table("rejected_records")
    assert (kept["line_number"], kept["column_name"]) == (3, "_sdc_deleted_at")


_DEPTHS = [40, 41, 42, 500, 501, 502, 900, 960, 1_000, 5_000, 100_000]


@pytest.mark.parametrize(
    "kind",
    [{"type": ["array", "object"]}, {}, {"type": "string"}, {"type": "array", "minItems": 0}],
)
def test_however_deep_a_record_is_it_is_stored_or_named(
    loader: Loader, kind: dict[str, object]
) -> None:
    text = lines([schema("s", {"id": INTEGER, "v": kind}, ["id"])])
    shapes = itertools.cycle(["[]", '{"a":1}', '["\\u0000",{"]":"["}]'])
    for depth in _DEPTHS:
        value = "[" * depth + next(shapes) + "]" * depth
        text += f'{{"type":"RECORD","stream":"s","record":{{"id":{depth},"v":{value}}}}}\n'
    text += lines([record("s", {"id": 1})])
    config = {"sqlalchemy_url": loader.url, "invalid_record_treatment": "quarantine"}
    TargetTelemetryPostgres(config=config).listen(io.BytesIO(text.encode()))
    stored = {row[0]: row[1] for row in loader.query("SELECT id, v IS NULL FROM s")}
    refused = dict(loader.query("SELECT line_number, record ->> 'id' FROM rejected_records"))
    assert stored.pop(1)
    assert not any(stored.values())
    assert sorted([*stored, *map(int, refused.values())]) == _DEPTHS
    assert all(refused.get(line, str(depth)) == str(depth) for line, depth in enumerate(_DEPTHS, 2))
    assert {"1000", "5000", "100000"} <= set(refused.values())


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"type":"RECORD","stream":"s","record":{"id":1,"v":DEEP}}', "stream 's', line 2: "),
        ('{"type":"STATE","value":DEEP}', "line 2: .* in this STATE"),
        ('{"type":"SCHEMA","stream":"t","schema":{"properties":{"v":{"items":DEEP}}}}', "line 2: "),
    ],
)
def test_a_message_that_is_too_deep_ends_the_run_by_its_place(
    loader: Loader, line: str, said: str
) -> None:
    deep = '{"items":' * 5_000 + "1" + "}" * 5_000
    text = lines([schema("s", {"id": INTEGER, "v": {}}, ["id"])]) + line.replace("DEEP", deep)
    with pytest.raises((InvalidRecord, InvalidInputLine)) as refused:
        TargetTelemetryPostgres(config={"sqlalchemy_url": loader.url}).listen(
            io.BytesIO(text.encode())
        )
    assert re.search(f"(?i){said}", sentence(refused.value))
    assert "too deeply" in sentence(refused.value)


def test_a_record_too_deep_in_a_batch_file_is_refused(loader: Loader, tmp_path: Path) -> None:
    file = tmp_path / "1.jsonl"
    file.write_text('{"id":1,"v":' + "[" * 5_000 + "]" * 5_000 + '}\n{"id":2}\n')
    batch = {
        "type": "BATCH",
        "stream": "s",
        "encoding": {"format": "jsonl"},
        "manifest": [file.as_uri()],
    }
    stream = schema("s", {"id": INTEGER, "v": {}}, ["id"])
    loader.load(stream, batch, invalid_record_treatment="quarantine")
    assert loader.table("s") == [{"id": 2, "v": None}]
    assert len(loader.table("rejected_records")) == 1


@pytest.mark.parametrize("method", ["upsert", "append-only", "overwrite"])
def test_records_without_any_property_are_rows_of_nothing(loader: Loader, method: str) -> None:
    stream = schema("log", {"a": INTEGER, "b": {"type": "string"}})
    empty = [record("log", {}), record("log", {"unknown": 1}), record("log", {})]
    loader.load(stream, *empty, load_method=method)
    assert loader.table("log") == [{"a": None, "b": None}] * 3
    loader.load(stream, *empty, record("log", {"a": 1}), invalid_record_treatment="quarantine")
    assert loader.query("SELECT count(*), count(a) FROM log") == [(7, 1)]
    assert loader.ledger("log")["rows_inserted"] == 4


def test_a_version_before_its_schema_is_ignored_where_versions_are(loader: Loader) -> None:
    activate = {"type": "ACTIVATE_VERSION", "stream": "s", "version": 1}
    messages = [activate, schema("s", {"id": INTEGER}, ["id"]), record("s", {"id": 1})]
    loader.load(*messages, process_activate_version_messages=False)
    assert loader.table("s") == [{"id": 1}]

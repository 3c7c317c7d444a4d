"""Records that cannot be stored: the run ends with their place, or they are kept aside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from singer_sdk.exceptions import InvalidRecord, MissingKeyPropertiesError

from support.singer import record, records, schema, state
from target_telemetry_postgres.errors import RecordError
from target_telemetry_postgres.run import sentence

if TYPE_CHECKING:
    from support.singer import Loader

PROPERTIES: dict[str, Any] = {
    "id": {"type": "integer"},
    "at": {"type": ["null", "string"], "format": "date-time"},
    "cost": {"type": ["null", "number"]},
}
STREAM = schema("s", PROPERTIES, ["id"])


def test_the_run_ends_with_stream_line_column_reason_and_a_short_value(loader: Loader) -> None:
    with pytest.raises(InvalidRecord) as caught:
        loader.load(STREAM, record("s", {"id": 1}), record("s", {"id": "x" * 5000}))
    said = sentence(caught.value)
    assert said.startswith("stream 's', line 3, column 'id': ")
    assert "is not of type 'integer'" in str(caught.value)
    assert len(said) < 700


@pytest.mark.parametrize("bad", ["0000-01-01T00:00:00Z", "2024-13-01T00:00:00Z", "2024-02-30"])
def test_what_only_the_server_refuses_is_named_too(loader: Loader, bad: str) -> None:
    rows = [{"id": n, "at": "2024-01-01T00:00:00Z"} for n in range(100)]
    rows[57]["at"] = bad
    with pytest.raises(InvalidRecord) as caught:
        loader.load(STREAM, records("s", rows))
    assert sentence(caught.value).startswith("stream 's', line 59, column 'at': ")
    assert bad in sentence(caught.value)


@pytest.mark.parametrize("size", [5, 1000])
@pytest.mark.parametrize("method", ["upsert", "append-only"])
def test_of_two_bad_records_the_earlier_is_named_though_it_is_noticed_later(
    loader: Loader, size: int, method: str
) -> None:
    loader.load(STREAM)
    loader.execute(
        "CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS"
        " $$BEGIN PERFORM pg_sleep(0.3); RETURN NULL; END$$"
    )
    loader.execute("CREATE TRIGGER dawdle BEFORE INSERT ON s EXECUTE FUNCTION dawdle()")
    loader.execute("ALTER TABLE s ADD CHECK (cost <> 13)")
    rows: list[dict[str, Any]] = [{"id": n, "cost": 13 if n == 3 else 1} for n in range(20)]
    rows[9]["id"] = "x"
    with pytest.raises(InvalidRecord) as caught:
        loader.load(STREAM, records("s", rows), batch_size_rows=size, load_method=method)
    assert sentence(caught.value).startswith("stream 's', line 5: ")
    assert loader.ledger("s")["error"].startswith("stream 's', line 5: ")
    assert loader.table("s") == []


def test_a_bad_record_costs_itself_and_not_its_batch(loader: Loader) -> None:
    rows: list[dict[str, Any]] = [{"id": n, "at": None, "cost": 1.5} for n in range(1000)]
    rows[10]["id"] = "ten"
    rows[20]["at"] = "yesterday"
    rows[30]["at"] = "2024-13-01T00:00:00Z"
    rows[40]["cost"] = "x"
    rows[50] = {"cost": 1}
    rows[60]["id"] = 2**63
    states = loader.load(
        STREAM, records("s", rows), state(a=1), invalid_record_treatment="quarantine"
    )
    assert states == [{"a": 1}]
    assert len(loader.table("s")) == 994
    kept = loader.table("rejected_records", "line_number")
    assert [row["line_number"] for row in kept] == [12, 22, 32, 42, 52, 62]
    assert [row["column_name"] for row in kept] == ["id", "at", "at", "cost", None, "id"]
    assert all(row["reason"] and row["stream"] == "s" for row in kept)
    assert kept[0]["record"]["id"] == "ten"
    ledger = loader.ledger("s")
    assert (ledger["rows_read"], ledger["rows_inserted"], ledger["rows_rejected"]) == (1000, 994, 6)


def test_a_value_too_big_for_a_modelled_column_is_found_by_its_row(loader: Loader) -> None:
    stream = schema(
        "llm_calls",
        {"call_id": {"type": "string", "format": "uuid"}, "estimated_cost": {"type": "number"}},
        ["call_id"],
    )
    rows = [
        {"call_id": f"00000000-0000-0000-0000-{n:012}", "estimated_cost": 10**9 if n == 5 else n}
        for n in range(10)
    ]
    loader.load(stream, records("llm_calls", rows), invalid_record_treatment="quarantine")
    assert len(loader.table("llm_calls")) == 9
    (kept,) = loader.table("rejected_records")
    assert kept["column_name"] == "estimated_cost"


def test_a_row_that_breaks_a_rule_of_the_table_is_found_by_halving(loader: Loader) -> None:
    loader.load(STREAM)
    loader.execute("ALTER TABLE s ADD CHECK (cost <> 13)")
    rows = [{"id": n, "cost": 13 if n in {3, 77} else n + 100} for n in range(100)]
    loader.load(STREAM, records("s", rows), invalid_record_treatment="quarantine")
    assert len(loader.table("s")) == 98
    assert [row["line_number"] for row in loader.table("rejected_records", "line_number")] == [
        5,
        79,
    ]


@pytest.mark.parametrize("method", ["upsert", "append-only"])
@pytest.mark.parametrize("keyed", [True, False])
def test_a_refused_row_costs_only_itself_however_rows_are_stored(
    loader: Loader, method: str, keyed: bool
) -> None:
    stream = STREAM if keyed else {**STREAM, "key_properties": []}
    loader.load(stream)
    loader.execute("ALTER TABLE s ADD CHECK (cost <> 13)")
    rows = [{"id": n, "cost": 13 if n == 3 else n + 100} for n in range(20, -1, -1)]
    loader.load(
        stream, records("s", rows), invalid_record_treatment="quarantine", load_method=method
    )
    assert [row["id"] for row in loader.table("s", "id")] == [n for n in range(21) if n != 3]
    assert [row["line_number"] for row in loader.table("rejected_records")] == [19]


def test_under_a_rule_that_most_rows_break_the_good_ones_are_stored(loader: Loader) -> None:
    loader.load(STREAM)
    loader.execute("ALTER TABLE s ADD CHECK (cost <> 13)")
    rows = [{"id": n, "cost": n if n % 100 == 5 else 13} for n in range(400)]
    with pytest.raises(InvalidRecord) as caught:
        loader.load(STREAM, records("s", rows))
    assert sentence(caught.value).startswith("stream 's', line 2: ")
    assert loader.table("s") == []
    loader.load(STREAM, records("s", rows), invalid_record_treatment="quarantine", max_rejects=400)
    assert [row["id"] for row in loader.table("s", "id")] == list(range(5, 400, 100))
    kept = [row["line_number"] for row in loader.table("rejected_records", "line_number")]
    assert kept == [n + 2 for n in range(400) if n % 100 != 5]


def test_of_two_rows_that_only_together_break_a_rule_the_later_is_refused(loader: Loader) -> None:
    loader.load(STREAM)
    loader.execute("CREATE UNIQUE INDEX ON s (cost)")
    rows = [{"id": n, "cost": 7 if n in {3, 90} else n + 100} for n in range(100)]
    loader.load(STREAM, records("s", rows), invalid_record_treatment="quarantine")
    assert [row["line_number"] for row in loader.table("rejected_records")] == [92]
    assert len(loader.table("s")) == 99


def test_a_bad_record_that_comes_again_is_kept_once(loader: Loader) -> None:
    for _ in range(2):
        loader.load(STREAM, record("s", {"id": "ten"}), invalid_record_treatment="quarantine")
    assert len(loader.table("rejected_records")) == 1


def test_past_max_rejects_the_run_ends(loader: Loader) -> None:
    bad = records("s", [{"id": "x"} for _ in range(6)])
    loader.load(STREAM, bad[:5], invalid_record_treatment="quarantine", max_rejects=5)
    with pytest.raises(RecordError, match="max_rejects"):
        loader.load(STREAM, bad, invalid_record_treatment="quarantine", max_rejects=5)


def test_a_missing_key_is_the_sdks_own_error(loader: Loader) -> None:
    with pytest.raises(MissingKeyPropertiesError, match="missing one or more key_properties"):
        loader.load(STREAM, record("s", {"cost": 1}))


def test_a_rejected_record_may_hold_what_postgres_cannot(loader: Loader) -> None:
    loader.load(
        STREAM,
        '{"type":"RECORD","stream":"s","record":{"id":"a\\u0000b\\ud800","cost":NaN}}',
        invalid_record_treatment="quarantine",
    )
    assert loader.table("rejected_records")[0]["record"]["id"] == "ab"


KEYED = schema(
    "s",
    {
        "id": {"type": "integer"},
        "d": {"type": ["string", "null"], "format": "date"},
        "y": {"type": ["string", "null"]},
        "o": {"type": ["object", "null"]},
        "l": {"type": ["array", "null"], "items": {"type": "string"}},
    },
    ["id"],
)
BAD = {"id": 1, "d": "2023-02-30"}


@pytest.mark.parametrize(
    ("sent", "rejected", "stored"),
    [
        ([BAD, {"id": 1, "y": "good"}], [2], {"id": 1, "y": "good"}),
        ([{"id": 1, "y": "good"}, BAD], [3], {"id": 1, "y": "good"}),
        ([{"id": 1, "y": "a"}, BAD, {"id": 1, "y": "b"}], [3], {"y": "b", "d": None}),
        ([BAD, {"id": 1, "d": "2023-03-01"}, BAD, BAD | {"y": "b"}], [2, 4, 5], {"y": None}),
        ([BAD, BAD], [2, 3], None),
    ],
)
def test_of_the_records_of_one_key_only_the_bad_ones_go(
    loader: Loader, sent: list[dict[str, Any]], rejected: list[int], stored: dict[str, Any] | None
) -> None:
    loader.load(KEYED, records("s", sent), invalid_record_treatment="quarantine")
    kept = loader.query("SELECT line_number, record FROM rejected_records ORDER BY line_number")
    assert kept[0] == (rejected[0], sent[rejected[0] - 2])
    assert loader.ledger("s")["rows_rejected"] == len(rejected)
    rows = loader.table("s")
    assert len(rows) == (stored is not None)
    if stored is not None:
        assert rows[0] == rows[0] | stored


def test_a_rejected_record_is_kept_as_it_was_sent(loader: Loader) -> None:
    odd = {"o": {"a": [1.50, "é\n"]}, "l": ["a,b", 'q"\\', "", "NULL", "{}"], "y": "t"}
    loader.load(KEYED, record("s", BAD | odd), invalid_record_treatment="quarantine")
    assert loader.query("SELECT record FROM rejected_records") == [(BAD | odd,)]

"""Keys, duplicates, unchanged rows, absent properties: what an upsert does and does not touch."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from singer_sdk.exceptions import InvalidRecord

from support.singer import record, records, schema

if TYPE_CHECKING:
    from support.singer import Loader

INTEGER = {"type": ["null", "integer"]}
TEXT = {"type": ["null", "string"]}


def counts(loader: Loader, stream: str) -> tuple[int, ...]:
    row = loader.ledger(stream)
    names = ("read", "inserted", "updated", "unchanged", "deleted")
    return tuple(row[f"rows_{name}"] for name in names)


def writes(loader: Loader, table: str) -> tuple[int, int]:
    """Tuples inserted and updated since the table was made."""
    loader.execute("SELECT pg_stat_force_next_flush()")
    ((inserted, updated),) = loader.query(
        "SELECT n_tup_ins, n_tup_upd FROM pg_stat_user_tables WHERE relname = %s", table
    )
    return inserted, updated


def test_the_same_records_again_write_nothing(loader: Loader) -> None:
    rows = [{"id": number, "name": f"n{number}", "cost": 0.1} for number in range(500)]
    stream = [
        schema("calls", {"id": INTEGER, "name": TEXT, "cost": {"type": "number"}}, ["id"]),
        *records("calls", rows),
    ]
    loader.load(stream)
    before = writes(loader, "calls")
    loader.load(stream)
    assert writes(loader, "calls") == before == (500, 0)
    assert counts(loader, "calls") == (500, 0, 0, 500, 0)


def test_only_rows_that_differ_are_updated(loader: Loader) -> None:
    stream = schema("calls", {"id": INTEGER, "name": TEXT}, ["id"])
    loader.load(stream, records("calls", [{"id": n, "name": "old"} for n in range(100)]))
    changed = [{"id": n, "name": "new" if n < 7 else "old"} for n in range(110)]
    loader.load(stream, records("calls", changed))
    assert counts(loader, "calls") == (110, 10, 7, 93, 0)


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_the_counts_are_exact_however_much_is_known_already(loader: Loader, share: float) -> None:
    stream = schema("calls", {"id": INTEGER, "name": TEXT}, ["id"])
    known = int(3000 * share)
    loader.load(stream, records("calls", [{"id": n, "name": "x"} for n in range(known)]))
    loader.load(stream, records("calls", [{"id": n, "name": "x"} for n in range(3000)]))
    assert counts(loader, "calls") == (3000, 3000 - known, 0, known, 0)


def test_the_last_record_of_a_key_wins_within_a_batch_and_over_batches(loader: Loader) -> None:
    rows = [{"id": n % 10, "v": n} for n in range(100)]
    loader.load(schema("s", {"id": INTEGER, "v": INTEGER}, ["id"]), records("s", rows))
    assert [row["v"] for row in loader.table("s")] == list(range(90, 100))
    loader.load(
        schema("t", {"id": INTEGER, "v": INTEGER}, ["id"]), records("t", rows), batch_size_rows=7
    )
    assert loader.table("t") == loader.table("s")


def test_what_was_read_is_what_became_of_it(loader: Loader) -> None:
    rows = [{"id": n % 10, "v": n} for n in range(100)]
    loader.load(schema("s", {"id": INTEGER, "v": INTEGER}, ["id"]), records("s", rows))
    read, *became = counts(loader, "s")
    assert read == sum(became) == 100


def test_keys_with_commas_empty_strings_and_quotes_stay_apart(loader: Loader) -> None:
    keys = [("x,y", "z"), ("x", "y,z"), ("", ""), ("", " "), ("'", '"'), ("\\", "\t"), ("a\nb", "")]
    loader.load(
        schema("s", {"a": {"type": "string"}, "b": {"type": "string"}, "n": INTEGER}, ["a", "b"]),
        records("s", [{"a": a, "b": b, "n": n} for n, (a, b) in enumerate(keys)]),
    )
    stored = {(row["a"], row["b"]): row["n"] for row in loader.table("s")}
    assert stored == {key: n for n, key in enumerate(keys)}


def test_a_null_in_a_key_is_a_key_like_any_other(loader: Loader) -> None:
    stream = schema("s", {"a": INTEGER, "b": TEXT, "v": INTEGER}, ["a", "b"])
    rows = [{"a": 1, "b": None, "v": 1}, {"a": None, "b": None, "v": 2}, {"a": 1, "b": "", "v": 3}]
    loader.load(stream, records("s", rows))
    loader.load(stream, records("s", [{**row, "v": 9} for row in rows]))
    assert [row["v"] for row in loader.table("s")] == [9, 9, 9]
    loader.load(stream, records("s", [{"a": 1, "b": None}]))
    assert [row["v"] for row in loader.table("s")] == [9, 9, 9]


def test_a_null_in_the_key_of_a_modelled_table_is_refused(loader: Loader) -> None:
    stream = schema(
        "llm_calls", {"call_id": {"type": ["null", "string"], "format": "uuid"}}, ["call_id"]
    )
    with pytest.raises(InvalidRecord):
        loader.load(stream, record("llm_calls", {"call_id": None}))
    assert "line 2, column 'call_id': null" in loader.ledger("llm_calls")["error"]


def test_without_a_key_every_record_is_a_row(loader: Loader) -> None:
    stream = [schema("s", {"v": INTEGER}), *records("s", [{"v": 1}, {"v": 1}])]
    loader.load(stream)
    loader.load(stream)
    assert [row["v"] for row in loader.table("s")] == [1, 1, 1, 1]


@pytest.mark.parametrize(
    ("kind", "spellings"),
    [
        (
            {"type": "string", "format": "date-time"},
            ["2024-01-01T00:00:00Z", "2024-01-01T02:00:00+02:00", "2024-01-01 00:00:00"],
        ),
        (
            {"type": "string", "format": "uuid"},
            ["A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", "a0eebc999c0b4ef8bb6d6bb9bd380a11"],
        ),
        ({"type": "number"}, [1, Decimal("1.0"), 1.00]),
        ({"type": "object"}, [{"a": 1, "b": 2}, {"b": 2, "a": 1}]),
    ],
)
def test_one_key_in_several_spellings_is_one_row(
    loader: Loader, kind: dict[str, Any], spellings: list[Any]
) -> None:
    plain = [float(one) if isinstance(one, Decimal) else one for one in spellings]
    loader.load(
        schema("s", {"k": kind, "v": INTEGER}, ["k"]),
        records("s", [{"k": one, "v": n} for n, one in enumerate(plain)]),
    )
    assert [row["v"] for row in loader.table("s")] == [len(spellings) - 1]


def test_an_absent_property_leaves_what_the_table_has(loader: Loader) -> None:
    stream = schema("s", {"id": INTEGER, "a": TEXT, "b": TEXT}, ["id"])
    loader.load(stream, records("s", [{"id": 1, "a": "a1", "b": "b1"}, {"id": 2, "a": "a2"}]))
    loader.load(stream, records("s", [{"id": 1, "b": "new"}, {"id": 2, "a": None}, {"id": 3}]))
    assert loader.table("s") == [
        {"id": 1, "a": "a1", "b": "new"},
        {"id": 2, "a": None, "b": None},
        {"id": 3, "a": None, "b": None},
    ]


def test_a_property_that_no_record_of_a_batch_mentions_leaves_what_the_table_has(
    loader: Loader,
) -> None:
    stream = schema("s", {"id": INTEGER, "a": TEXT, "b": TEXT, "c": TEXT}, ["id"])
    loader.load(stream, records("s", [{"id": n, "a": f"a{n}", "b": "b"} for n in (1, 2)]))
    later = records("s", [{"id": n, "b": "new"} for n in (1, 2, 3)])
    loader.load(stream, later)
    assert loader.table("s") == [
        {"id": 1, "a": "a1", "b": "new", "c": None},
        {"id": 2, "a": "a2", "b": "new", "c": None},
        {"id": 3, "a": None, "b": "new", "c": None},
    ]
    assert counts(loader, "s") == (3, 1, 2, 0, 0)
    loader.load(stream, later)
    assert counts(loader, "s") == (3, 0, 0, 3, 0)


@pytest.mark.parametrize("ids", [(0, 1, 2), (0, 1, None)])
def test_what_a_batch_leaves_out_says_nothing_of_the_next(
    loader: Loader, ids: tuple[int | None, ...]
) -> None:
    stream = schema("s", {"id": INTEGER, "a": INTEGER, "b": TEXT}, ["id"])
    batches = [("a",), ("a", "b"), ("b",), (), ("a", "b"), ("a",)]
    known = {key: {"id": key, "a": None, "b": None} for key in ids}
    sent = []
    for number, names in enumerate(batches * 2):
        for key in ids:
            values = {"a": number, "b": f"b{number}"}
            sent.append({"id": key} | {name: values[name] for name in names})
            known[key] |= sent[-1]
    loader.load(stream, records("s", sent), batch_size_rows=3)
    assert loader.table("s") == list(known.values())
    assert counts(loader, "s") == (36, 3, 27, 6, 0)


def test_each_batch_looks_for_null_keys_of_its_own(loader: Loader) -> None:
    stream = schema("s", {"id": INTEGER, "a": INTEGER, "b": INTEGER}, ["id"])
    loader.load(stream, records("s", [{"id": key, "a": 1, "b": 1} for key in (1, 2, None)]))
    changes = [{"id": 1, "a": 2}, {"id": 2, "b": 2}, {"id": None, "a": 3}, {"id": 1, "b": 3}]
    loader.load(stream, records("s", changes), batch_size_rows=2)
    assert [tuple(row.values()) for row in loader.table("s")] == [
        (1, 2, 3),
        (2, 1, 2),
        (None, 3, 1),
    ]


def test_a_column_that_needs_a_value_keeps_it_when_no_record_mentions_it(loader: Loader) -> None:
    stream = schema("s", {"id": INTEGER, "a": {"type": "string"}, "b": TEXT}, ["id"])
    loader.load(stream, records("s", [{"id": 1, "a": "a1", "b": "b1"}]))
    loader.execute("ALTER TABLE s ALTER COLUMN a SET NOT NULL")
    loader.load(stream, records("s", [{"id": 1, "b": "new"}]))
    assert loader.table("s") == [{"id": 1, "a": "a1", "b": "new"}]


def test_records_of_one_key_add_up_column_by_column_within_a_batch(loader: Loader) -> None:
    loader.load(
        schema("s", {"id": INTEGER, "a": TEXT, "b": TEXT}, ["id"]),
        records("s", [{"id": 1, "a": "a"}, {"id": 1, "b": "b"}, {"id": 1, "a": "A"}]),
    )
    assert loader.table("s") == [{"id": 1, "a": "A", "b": "b"}]


def test_hard_delete_removes_what_the_tap_marks(loader: Loader) -> None:
    deleted = {"type": ["null", "string"], "format": "date-time"}
    stream = schema("s", {"id": INTEGER, "v": INTEGER, "_sdc_deleted_at": deleted}, ["id"])
    loader.load(stream, records("s", [{"id": n, "v": n} for n in range(5)]), hard_delete=True)
    gone = "2024-01-01T00:00:00Z"
    loader.load(
        stream,
        record("s", {"id": 1, "_sdc_deleted_at": gone}),
        record("s", {"id": 2, "_sdc_deleted_at": gone}),
        record("s", {"id": 2, "v": 22}),
        record("s", {"id": 3, "v": 33}),
        record("s", {"id": 3, "_sdc_deleted_at": gone}),
        record("s", {"id": 99, "_sdc_deleted_at": gone}),
        hard_delete=True,
    )
    assert [(row["id"], row["v"]) for row in loader.table("s")] == [(0, 0), (2, 22), (4, 4)]
    assert loader.ledger("s")["rows_deleted"] == 2


def test_without_hard_delete_the_mark_is_kept(loader: Loader) -> None:
    deleted = {"type": ["null", "string"], "format": "date-time"}
    stream = schema("s", {"id": INTEGER, "_sdc_deleted_at": deleted}, ["id"])
    loader.load(stream, record("s", {"id": 1, "_sdc_deleted_at": "2024-01-01T00:00:00Z"}))
    assert str(loader.table("s")[0]["_sdc_deleted_at"]) == "2024-01-01 00:00:00+00:00"


def test_metadata_columns_are_filled_and_alone_change_nothing(loader: Loader) -> None:
    stream = [
        schema("s", {"id": INTEGER}, ["id"]),
        record("s", {"id": 1}, time_extracted="2024-01-01T00:00:00Z"),
    ]
    loader.load(stream, add_record_metadata=True)
    (first,) = loader.table("s")
    assert str(first["_sdc_extracted_at"]) == "2024-01-01 00:00:00+00:00"
    assert all(first[f"_sdc_{name}"] for name in ("received_at", "batched_at", "sequence"))
    loader.load(stream, add_record_metadata=True)
    assert loader.table("s") == [first]


def test_a_modelled_tables_identity_and_time_are_the_databases(loader: Loader) -> None:
    stream = schema(
        "workflows", {"workflow_id": {"type": "integer"}, "workflow_name": TEXT}, ["workflow_id"]
    )
    loader.load(stream, record("workflows", {"workflow_id": 7, "workflow_name": "ci"}))
    (first,) = loader.table("workflows")
    loader.load(stream, record("workflows", {"workflow_id": 7, "workflow_name": "ci 2"}))
    (second,) = loader.table("workflows")
    assert second["id"] == first["id"]
    assert second["created_at"] == first["created_at"]
    assert second["workflow_name"] == "ci 2"


def test_keys_that_only_the_table_takes_for_equal_are_one_row(loader: Loader) -> None:
    loader.execute("CREATE TABLE s (k numeric(5, 1) PRIMARY KEY, v bigint)")
    rows = [{"k": k, "v": n} for n, k in enumerate([1.01, 2.5, 1.02, 3, 1.03])]
    loader.load(schema("s", {"k": {"type": "number"}, "v": INTEGER}, ["k"]), records("s", rows))
    assert [(str(row["k"]), row["v"]) for row in loader.table("s")] == [
        ("1.0", 4),
        ("2.5", 1),
        ("3.0", 3),
    ]


def test_a_partitioned_table_is_loaded_like_any_other(loader: Loader) -> None:
    loader.execute(
        "CREATE TABLE s (id bigint PRIMARY KEY, v bigint) PARTITION BY RANGE (id);"
        "CREATE TABLE s1 PARTITION OF s FOR VALUES FROM (0) TO (5);"
        "CREATE TABLE s2 PARTITION OF s FOR VALUES FROM (5) TO (100)"
    )
    stream = schema("s", {"id": INTEGER, "v": INTEGER}, ["id"])
    for _ in range(2):
        loader.load(stream, records("s", [{"id": n, "v": n} for n in range(10)]))
    assert len(loader.table("s")) == 10
    assert loader.ledger("s")["rows_unchanged"] == 10


def test_without_validation_a_record_only_has_to_fit_its_table(loader: Loader) -> None:
    properties = {"id": INTEGER, "t": {"type": "string", "maxLength": 1}}
    stream = schema("s", properties, ["id"], required=["t"])
    rows: list[dict[str, Any]] = [{"id": "1", "t": "long"}, {"id": 2}, {"id": 3, "t": None}]
    loader.load(stream, records("s", rows), validate_records=False)
    assert [tuple(row.values()) for row in loader.table("s")] == [(1, "long"), (2, None), (3, None)]
    with pytest.raises(InvalidRecord, match="not a number"):
        loader.load(stream, record("s", {"id": "x"}), validate_records=False)

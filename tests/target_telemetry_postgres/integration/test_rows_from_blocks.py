"""What waits and what is written is the same however it came: keys, versions, ages, rules."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

from support.both_ways import (
    EVERYTHING,
    INTEGER,
    NUMBER,
    OBJECT,
    QUARANTINE,
    STREAM,
    STRICT,
    TEXT,
    TIME,
    Outcome,
    both,
    ordinary,
    watched,
)
from support.singer import record, records, schema, state

if TYPE_CHECKING:
    from support.singer import Loader


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
    assert not seen.texts
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
    done = both(
        loader,
        [STREAM, *recent, *rows],
        made=[STRICT.replace("CHECK (t <> 'no')", "")],
        taken=25,
        prune=False,
        batch_size_rows=25,
        retention={"s": {"keep": "30 days", "column": "at"}},
        at_once=1500,
    )
    assert done.ledger[-1][8] == expired


def test_an_unknown_property_is_mentioned_once_and_blocks_go_on(loader: Loader) -> None:
    messages = [STREAM, *(ordinary(number) for number in range(20))]
    messages += [ordinary(number, more=number) for number in range(20, 60)]
    done = both(loader, messages, taken=40, batch_size_rows=10, at_once=900)
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
    done = both(loader, first, second, taken=0, hard_delete=True)
    assert [row["id"] for row in done.tables["s"]] == list(range(0, 30, 2))
    done = both(loader, first, second, taken=1)
    assert sum(not row["_sdc_deleted_at"] for row in done.tables["s"]) == 15

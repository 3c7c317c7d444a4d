"""Two streams of a tap into one table, as a stream map's `__alias__` allows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from support.singer import record, schema, state

if TYPE_CHECKING:
    from support.singer import Loader

INTEGER = {"type": "integer"}
TEXT = {"type": ["null", "string"]}
ALL = schema("all", {"id": INTEGER, "a": TEXT}, ["id"])
ALIASED = {"other": {"__alias__": "all"}}


def test_rows_of_both_streams_arrive_each_by_its_own_schema(loader: Loader) -> None:
    states = loader.load(
        ALL,
        schema("other", {"id": INTEGER, "b": TEXT}, ["id"]),
        record("all", {"id": 1, "a": "x"}),
        record("other", {"id": 2, "b": "y"}),
        record("all", {"id": 3, "a": "z"}),
        state(done=True),
        stream_maps=ALIASED,
    )
    assert loader.table("all") == [
        {"id": 1, "a": "x", "b": None},
        {"id": 2, "a": None, "b": "y"},
        {"id": 3, "a": "z", "b": None},
    ]
    assert states == [{"done": True}]
    assert loader.ledger("all")["rows_inserted"] == 3


@pytest.mark.parametrize("last", ["all", "other"])
def test_the_last_record_of_a_key_wins_whichever_stream_it_came_from(
    loader: Loader, last: str
) -> None:
    first = "other" if last == "all" else "all"
    loader.load(
        ALL,
        schema("other", {"id": INTEGER, "a": TEXT}, ["id"]),
        *[record(name, {"id": 1, "a": name}) for name in (last, first, last)],
        stream_maps=ALIASED,
    )
    assert loader.table("all") == [{"id": 1, "a": last}]


def test_a_column_that_the_second_stream_widens_still_takes_the_first(loader: Loader) -> None:
    key: dict[str, Any] = {"type": "string"}
    loader.load(
        schema("all", {"id": INTEGER}, ["id"]),
        schema("other", {"id": key}, ["id"]),
        record("all", {"id": 1}),
        record("other", {"id": "x"}),
        record("all", {"id": 1}),
        stream_maps=ALIASED,
    )
    assert loader.table("all") == [{"id": "1"}, {"id": "x"}]

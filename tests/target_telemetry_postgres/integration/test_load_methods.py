"""append-only and overwrite do what they say."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import psycopg
import pytest

from support.singer import record, records, schema, state

if TYPE_CHECKING:
    from support.singer import Loader

INTEGER = {"type": ["null", "integer"]}
STREAM = schema("s", {"id": INTEGER, "v": INTEGER}, ["id"])


def test_append_only_keeps_every_record(loader: Loader) -> None:
    for v in (1, 2):
        loader.load(STREAM, record("s", {"id": 1, "v": v}), load_method="append-only")
    assert sorted(row["v"] for row in loader.table("s")) == [1, 2]


def test_append_only_into_a_keyed_table_leaves_known_rows_alone(loader: Loader) -> None:
    loader.load(STREAM, record("s", {"id": 1, "v": 1}))
    loader.load(
        STREAM, records("s", [{"id": 1, "v": 2}, {"id": 2, "v": 2}]), load_method="append-only"
    )
    assert loader.table("s") == [{"id": 1, "v": 1}, {"id": 2, "v": 2}]
    assert loader.ledger("s")["rows_inserted"] == 1


@pytest.mark.parametrize("view", [False, True])
def test_overwrite_replaces_everything(loader: Loader, view: bool) -> None:
    loader.load(STREAM, records("s", [{"id": n, "v": n} for n in range(10)]))
    if view:
        loader.execute("CREATE VIEW v AS SELECT * FROM s")
    states = loader.load(
        STREAM,
        records("s", [{"id": 3, "v": 33}, {"id": 4, "v": 1}, {"id": 4, "v": 44}]),
        state(done=1),
        load_method="overwrite",
        batch_size_rows=1,
    )
    assert loader.table("s") == [{"id": 3, "v": 33}, {"id": 4, "v": 44}]
    assert states == [{"done": 1}], "no state before the swap"
    if view:
        assert loader.query("SELECT count(*) FROM v") == [(2,)]
    assert loader.query("SELECT count(*) FROM pg_tables WHERE tablename LIKE 's_overwrite%'") == [
        (0,)
    ]
    loader.load(STREAM, record("s", {"id": 4, "v": 5}))
    assert loader.table("s")[-1] == {"id": 4, "v": 5}, "the new table still has its key"


def test_overwrite_of_a_modelled_table_keeps_what_hangs_on_it(loader: Loader) -> None:
    stream = schema("workflows", {"workflow_id": {"type": "integer"}}, ["workflow_id"])
    loader.load(stream, records("workflows", [{"workflow_id": n} for n in range(5)]))
    loader.load(stream, record("workflows", {"workflow_id": 9}), load_method="overwrite")
    assert [row["workflow_id"] for row in loader.table("workflows")] == [9]


def test_a_failed_overwrite_leaves_the_old_rows_and_no_state(loader: Loader) -> None:
    loader.load(STREAM, records("s", [{"id": n, "v": n} for n in range(10)]))
    with pytest.raises(Exception, match="not of type"):
        loader.load(
            STREAM,
            record("s", {"id": 1, "v": 1}),
            state(done=1),
            record("s", {"id": "x", "v": 1}),
            load_method="overwrite",
        )
    assert len(loader.table("s")) == 10
    assert loader.query("SELECT count(*) FROM pg_tables WHERE tablename LIKE 's_overwrite%'") == [
        (0,)
    ]


@pytest.mark.parametrize("view", [False, True])
def test_readers_never_see_an_empty_table_during_an_overwrite(loader: Loader, view: bool) -> None:
    loader.load(STREAM, records("s", [{"id": n, "v": n} for n in range(1000)]))
    if view:
        loader.execute("CREATE VIEW v AS SELECT * FROM s")
    seen: set[int] = set()
    stop = threading.Event()

    def read() -> None:
        with psycopg.connect(loader.database.conninfo, autocommit=True) as connection:
            while not stop.is_set():
                seen.add(connection.execute("SELECT count(*) FROM telemetry.s").fetchone()[0])

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for _ in range(3):
            loader.load(
                STREAM,
                records("s", [{"id": n, "v": -n} for n in range(1000)]),
                load_method="overwrite",
            )
    finally:
        stop.set()
        reader.join()
    assert seen == {1000}

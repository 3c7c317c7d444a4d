from __future__ import annotations

import os
import signal
import subprocess
import sys
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from support.postgres import url_of
from target_telemetry_postgres.postgres.store import Store
from target_telemetry_postgres.write.ledger import Ledger, StreamCounts, meltano_state_id
from target_telemetry_postgres.write.writer import in_progress

if TYPE_CHECKING:
    import psycopg

    from target_telemetry_postgres.postgres.database import Database


def new_ledger(database: Database) -> Ledger:
    return Ledger(Store(database.schema), str(uuid.uuid4()), "dev:tap-a-to-target-b")


def stored(database: Database, columns: str, run_id: str) -> list[tuple[Any, ...]]:
    with database.connect() as connection:
        return connection.execute(
            f"SELECT {columns} FROM telemetry.ingest_runs WHERE run_id = %s ORDER BY stream",
            [run_id],
        ).fetchall()


def test_a_run_has_one_row_a_stream_with_all_it_did(database: Database) -> None:
    ledger = new_ledger(database)
    with database.connect() as connection:
        for stream in ("runs", "jobs", "runs"):
            ledger.begin(connection, stream)
        connection.commit()
        ledger.record(connection, "runs", StreamCounts(10, 5, 2, 1, rejected=1, expired=1))
        ledger.record(connection, "runs", StreamCounts(3, unchanged=3))
        ledger.record(connection, "jobs", StreamCounts(1, deleted=1, pruned=7))
        connection.commit()
        ledger.finish(connection, "succeeded")

    assert stored(
        database,
        "stream, state_id, status, rows_read, rows_inserted, rows_updated, rows_unchanged,"
        " rows_deleted, rows_rejected, rows_expired, rows_pruned, error,"
        " finished_at >= last_write_at, last_write_at >= started_at",
        ledger.run_id,
    ) == [
        ("jobs", "dev:tap-a-to-target-b", "succeeded", 1, 0, 0, 0, 1, 0, 0, 7, None, True, True),
        ("runs", "dev:tap-a-to-target-b", "succeeded", 13, 5, 2, 4, 0, 1, 1, 0, None, True, True),
    ]


def test_a_run_knows_which_transaction_last_wrote_it(database: Database) -> None:
    ledger, another = new_ledger(database), new_ledger(database)
    with database.connect() as connection:
        ledger.begin(connection, "runs")
        connection.commit()
        for keep in (True, False):
            (number,) = connection.execute("SELECT txid_current()").fetchone()
            ledger.record(connection, "runs", StreamCounts(1))
            connection.commit() if keep else connection.rollback()
            assert ledger.was_written_by(connection, number) is keep
            assert not ledger.was_written_by(connection, number + 1)
            assert not another.was_written_by(connection, number)
            connection.rollback()


def test_a_transaction_that_a_crashed_server_forgot_is_over(database: Database) -> None:
    with database.connect() as connection:
        (number,) = connection.execute("SELECT txid_current()").fetchone()
        with database.connect() as beside:
            assert in_progress(beside, number)
            assert not in_progress(beside, number + 1_000_000)
            connection.commit()
            assert not in_progress(beside, number)


def test_the_summary_is_what_the_database_says_even_when_a_flush_is_retried(
    database: Database,
) -> None:
    ledger = new_ledger(database)
    with database.connect() as connection:
        ledger.begin(connection, "workflow_runs")
        connection.commit()
        ledger.record(connection, "workflow_runs", StreamCounts(1204, 37, 4, 1163))
        connection.rollback()
        ledger.record(connection, "workflow_runs", StreamCounts(1204, 37, 4, 1163))
        connection.commit()
        assert ledger.summary() == [
            "workflow_runs: 1,204 read, 37 inserted, 4 updated, 1,163 unchanged"
        ]
        ledger.record(connection, "workflow_runs", StreamCounts(9, 9))
        connection.rollback()
        ledger.finish(connection, "failed", "it broke")

    assert ledger.summary() == [
        "workflow_runs: 1,204 read, 37 inserted, 4 updated, 1,163 unchanged"
    ]


def test_rare_counts_are_told_only_when_there_are_any() -> None:
    assert str(StreamCounts(2, 1, 0, 0, rejected=1)) == (
        "2 read, 1 inserted, 0 updated, 0 unchanged, 1 rejected"
    )
    assert str(StreamCounts()) == "0 read, 0 inserted, 0 updated, 0 unchanged"


def test_counts_vanish_with_the_flush_that_was_rolled_back(database: Database) -> None:
    ledger = new_ledger(database)
    with database.connect() as connection:
        ledger.begin(connection, "runs")
        connection.commit()
        ledger.record(connection, "runs", StreamCounts(5, 5))
        connection.rollback()

    assert stored(database, "rows_read, status", ledger.run_id) == [(0, "running")]


def test_a_stream_that_was_never_begun_is_begun_by_its_first_counts(database: Database) -> None:
    ledger = new_ledger(database)
    with database.connect() as connection:
        ledger.record(connection, "runs", StreamCounts(5, 5))

    assert stored(database, "stream, rows_read", ledger.run_id) == [("runs", 5)]


def test_what_was_pruned_elsewhere_is_told_and_does_not_look_like_a_load(
    database: Database,
) -> None:
    ledger = new_ledger(database)
    with database.connect() as connection:
        ledger.record(connection, "llm_calls", StreamCounts(pruned=12))
        ledger.finish(connection, "succeeded")

    assert stored(database, "stream", ledger.run_id) == []
    assert ledger.summary() == ["llm_calls: 12 pruned"]


def test_an_error_is_stored_on_one_line_without_what_postgres_cannot_hold(
    database: Database,
) -> None:
    ledger = new_ledger(database)
    with database.connect() as connection:
        ledger.begin(connection, "runs")
        ledger.finish(connection, "failed", "a\0b\n  c" + "x" * 9999)

    [(error,)] = stored(database, "error", ledger.run_id)
    assert error.startswith("ab cxx")
    assert len(error) == 2000


KILLED_RUN = """
import sys, time
from target_telemetry_postgres.postgres.database import open_database
from target_telemetry_postgres.postgres.store import Store
from target_telemetry_postgres.write.ledger import Ledger, StreamCounts
with open_database({"sqlalchemy_url": sys.argv[1]}) as database, database.connect() as connection:
    ledger = Ledger(Store("telemetry"), sys.argv[2])
    ledger.begin(connection, "runs")
    ledger.record(connection, "runs", StreamCounts(5, 5))
    connection.commit()
    print("loading", flush=True)
    time.sleep(60)
"""


def test_a_killed_run_is_marked_interrupted_and_a_living_one_is_not(database: Database) -> None:
    killed, living = str(uuid.uuid4()), new_ledger(database)
    other = subprocess.Popen(
        [sys.executable, "-c", KILLED_RUN, url_of(database.conninfo), killed],
        stdout=subprocess.PIPE,
    )
    assert other.stdout is not None
    with other, database.connect() as connection, database.connect() as third:
        assert other.stdout.readline() == b"loading\n"
        living.begin(connection, "runs")
        connection.commit()
        assert new_ledger(database).mark_interrupted(third) == 0
        third.commit()

        os.kill(other.pid, signal.SIGKILL)
        other.wait()
        wait_until_gone(third, killed)
        assert new_ledger(database).mark_interrupted(third) == 1
        third.commit()

        [(status, read, error, finished)] = stored(
            database, "status, rows_read, error, finished_at = last_write_at", killed
        )
        assert (status, read, finished) == ("interrupted", 5, True)
        assert "killed" in error
        assert stored(database, "status", living.run_id) == [("running",)]


def wait_until_gone(connection: psycopg.Connection[Any], run_id: str) -> None:
    """The server notices a dead client in its own time."""
    connection.autocommit = True
    connection.execute(
        "SELECT pg_advisory_lock(hashtextextended('telemetry run telemetry ' || %s::uuid, 0))",
        [run_id],
    )
    connection.execute("SELECT pg_advisory_unlock_all()")
    connection.autocommit = False


def test_a_run_that_was_marked_too_early_still_ends_as_it_ended(database: Database) -> None:
    ledger = new_ledger(database)
    with database.connect() as connection:
        ledger.begin(connection, "runs")
    with database.connect() as other:
        wait_until_gone(other, ledger.run_id)
        assert new_ledger(database).mark_interrupted(other) == 1
    with database.connect() as again:
        ledger.finish(again, "succeeded")

    assert stored(database, "status, error", ledger.run_id) == [("succeeded", None)]


def test_a_run_that_reconnects_is_alive_on_its_new_connection(database: Database) -> None:
    ledger = new_ledger(database)
    with database.connect() as first:
        ledger.begin(first, "runs")
    with database.connect() as second, database.connect() as other:
        ledger.record(second, "runs", StreamCounts(1, 1))
        second.commit()
        assert new_ledger(database).mark_interrupted(other) == 0


@pytest.mark.parametrize(
    ("environ", "state_id"),
    [
        ({}, None),
        ({"MELTANO_ENVIRONMENT": "dev", "MELTANO_LOADER_NAME": "target-b"}, None),
        (
            {
                "MELTANO_ENVIRONMENT": "prod",
                "MELTANO_EXTRACTOR_NAME": "tap-a",
                "MELTANO_LOADER_NAME": "target-b",
            },
            "prod:tap-a-to-target-b",
        ),
        (
            {
                "MELTANO_ENVIRONMENT": "prod",
                "MELTANO_EXTRACTOR_NAME": "tap-a",
                "MELTANO_LOADER_NAME": "target-b",
                "MELTANO_RUN_STATE_ID_SUFFIX": "eu",
            },
            "prod:tap-a-to-target-b:eu",
        ),
        ({"MELTANO_STATE_ID": "mine", "MELTANO_ENVIRONMENT": "dev"}, "mine"),
    ],
)
def test_the_state_id_follows_meltanos_own_rule(
    environ: dict[str, str], state_id: str | None
) -> None:
    assert meltano_state_id(environ) == state_id

from __future__ import annotations

import threading
import time
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg import sql

from target_telemetry_postgres.errors import RetentionError
from target_telemetry_postgres.retention.pieces import PIECE_SECONDS, Pace
from target_telemetry_postgres.retention.policies import (
    DEFAULT_TABLES,
    Policy,
    check_policies,
    cutoffs,
    parse_policies,
)
from target_telemetry_postgres.retention.prune import prune

if TYPE_CHECKING:
    from target_telemetry_postgres.postgres.database import Database


def fill(database: Database, days: int = 300, per_day: int = 10) -> None:
    """Calls made and stored a few a day, up to now."""
    with database.connect() as connection:
        connection.execute(
            "INSERT INTO telemetry.llm_calls (call_id, timestamp, created_at)"
            " SELECT gen_random_uuid(), at, at FROM"
            " (SELECT now() - make_interval(days => day, secs => second) AS at"
            "  FROM generate_series(0, %s) AS day, generate_series(1, %s) AS second) AS times",
            [days, per_day],
        )


def count(database: Database, where: str = "true") -> int:
    with database.connect() as connection:
        row = connection.execute(
            sql.SQL("SELECT count(*) FROM telemetry.llm_calls WHERE ") + sql.SQL(where)
        ).fetchone()
    assert row is not None
    return int(row[0])


def calls(keep: str, column: str = "created_at") -> Policy:
    return Policy("llm_calls", column, keep)


# --- reading the setting


def test_without_a_setting_four_tables_keep_six_months_by_when_they_were_stored() -> None:
    assert parse_policies({}) == [
        Policy(table, "created_at", "6 months", default=True) for table in DEFAULT_TABLES
    ]


def test_a_table_can_have_its_own_time_column_or_no_end() -> None:
    policies = parse_policies(
        {
            "retention": {
                "llm_calls": {"keep": "26 weeks", "column": "timestamp"},
                "workflow_runs": None,
                "events": "90 days",
            }
        }
    )

    assert [p for p in policies if not p.default] == [
        Policy("llm_calls", "timestamp", "26 weeks"),
        Policy("events", "created_at", "90 days"),
    ]
    assert {p.table for p in policies if p.default} == {"workflow_jobs", "workflow_steps"}


@pytest.mark.parametrize("keep", ["6 months", "1 year 6 months", "90days", "1 WEEK", " 25  hours "])
def test_times_are_read_as_people_write_them(keep: str) -> None:
    assert [p for p in parse_policies({"retention": {"t": keep}}) if not p.default]


@pytest.mark.parametrize(
    "keep",
    ["", "six months", "-1 day", "6", "months", "1.5 days", "1 day; DROP TABLE x", 90, [], {}],
)
def test_what_is_not_a_time_is_refused_with_an_example(keep: Any) -> None:
    with pytest.raises(RetentionError, match=r"retention of t .*(90 days|6 months)"):
        parse_policies({"retention": {"t": keep}})


@pytest.mark.parametrize("keep", ["23 hours", "1439 minutes"])
def test_less_than_a_day_must_be_meant(keep: str) -> None:
    with pytest.raises(RetentionError, match="less than a day"):
        parse_policies({"retention": {"t": keep}})
    forced = parse_policies({"retention": {"t": {"keep": keep, "force": True}}})
    assert forced[-1].keep == keep


def test_keeping_nothing_is_refused_even_when_forced() -> None:
    with pytest.raises(RetentionError, match="keeps nothing"):
        parse_policies({"retention": {"t": {"keep": "0 days", "force": True}}})


def test_a_misspelt_option_is_refused() -> None:
    with pytest.raises(RetentionError, match="has colum; it may have keep, column and force"):
        parse_policies({"retention": {"t": {"keep": "9 days", "colum": "x"}}})


# --- against the tables


def test_an_unknown_table_is_refused_with_a_list_of_those_there(database: Database) -> None:
    with (
        database.connect() as connection,
        pytest.raises(RetentionError, match=r"'llm_cals'.*ingest_runs, .*llm_calls, .*workflows"),
    ):
        check_policies(connection, "telemetry", [Policy("llm_cals")])


def test_an_unknown_or_timeless_column_is_refused_with_the_times_there(database: Database) -> None:
    for column in ("when", "model"):
        with (
            database.connect() as connection,
            pytest.raises(RetentionError, match=f"'{column}'.*its times are timestamp, created_at"),
        ):
            check_policies(connection, "telemetry", [calls("9 days", column)])


def test_a_default_policy_for_an_absent_table_is_dropped(empty_database: Database) -> None:
    with empty_database.connect() as connection:
        assert check_policies(connection, "telemetry", parse_policies({})) == []


def test_months_are_calendar_months_in_utc(database: Database) -> None:
    with database.connect() as connection:
        now = connection.execute("SELECT now()").fetchone()
        month = connection.execute(
            "SELECT (now() AT TIME ZONE 'UTC' - interval '6 months') AT TIME ZONE 'UTC'"
        ).fetchone()
        found = cutoffs(
            connection, [calls("6 months", "timestamp"), Policy("other", keep="9 days")]
        )

    assert now is not None
    assert month is not None
    assert found["llm_calls"].column == "timestamp"
    assert found["llm_calls"].instant == month[0]
    assert found["other"].instant == now[0] - timedelta(days=9)


def test_longer_than_postgres_can_count_is_refused(database: Database) -> None:
    with (
        database.connect() as connection,
        pytest.raises(RetentionError, match="longer ago than Postgres can count"),
    ):
        check_policies(connection, "telemetry", [calls("900000 years")])


# --- deleting


def test_rows_past_their_time_go_and_all_others_stay(database: Database) -> None:
    fill(database)
    due = count(database, "created_at < now() - interval '90 days'")

    [result] = prune(database, [calls("90 days")])

    assert due > 2000
    assert (result.table, result.rows, result.complete) == ("llm_calls", due, True)
    assert count(database, "created_at < now() - interval '90 days'") == 0
    assert count(database) == 3010 - due
    assert prune(database, [calls("90 days")])[0].rows == 0


def test_a_dry_run_says_the_same_and_deletes_nothing(database: Database) -> None:
    fill(database)

    [promised] = prune(database, [calls("90 days")], dry_run=True)
    assert count(database) == 3010
    [done] = prune(database, [calls("90 days")])

    assert promised.rows == done.rows
    assert (promised.oldest, promised.newest) == (done.oldest, done.newest)
    assert promised.oldest is not None
    assert datetime.now(timezone.utc) - promised.oldest > timedelta(days=299)


def test_by_event_time_a_row_without_one_or_from_the_future_goes_by_when_it_was_stored(
    database: Database,
) -> None:
    with database.connect() as connection:
        connection.execute(
            "INSERT INTO telemetry.llm_calls (call_id, notes, timestamp, created_at)"
            " SELECT gen_random_uuid(), notes, now() + event, now() + stored FROM (VALUES"
            "  ('old event, new row', interval '-1 year', interval '0'),"
            "  ('new event, old row', interval '0', interval '-1 year'),"
            "  ('no event, new row', NULL, interval '0'),"
            "  ('no event, old row', NULL, interval '-1 year'),"
            "  ('future event, new row', interval '9 years', interval '0'),"
            "  ('future event, old row', interval '9 years', interval '-1 year')"
            " ) AS rows (notes, event, stored)"
        )

    [promised] = prune(database, [calls("6 months", "timestamp")], dry_run=True)
    [result] = prune(database, [calls("6 months", "timestamp")])

    assert promised.rows == result.rows == 3
    with database.connect() as connection:
        left = connection.execute("SELECT notes FROM telemetry.llm_calls ORDER BY 1").fetchall()
    assert [notes for (notes,) in left] == [
        "future event, new row",
        "new event, old row",
        "no event, new row",
    ]


def test_a_time_that_is_a_day_or_has_no_zone_counts_as_utc(database: Database) -> None:
    with database.connect() as connection:
        connection.execute("CREATE TABLE telemetry.days (day date, at timestamp)")
        connection.execute(
            "INSERT INTO telemetry.days SELECT now() - s, now() - s"
            " FROM (SELECT make_interval(days => d) AS s FROM generate_series(0, 19) d) AS spans"
        )

    [by_day] = prune(database, [Policy("days", "day", "15 days")], dry_run=True)
    [by_time] = prune(database, [Policy("days", "at", "15 days")])

    assert by_day.rows in {4, 5}
    assert by_time.rows == 5
    assert by_time.oldest is not None
    assert by_time.oldest.tzinfo is not None


def test_a_row_that_a_load_holds_is_left_for_the_next_time_and_nobody_waits(
    database: Database,
) -> None:
    fill(database, days=200, per_day=1)
    with database.connect() as load:
        load.execute(
            "UPDATE telemetry.llm_calls SET notes = 'held' WHERE id IN"
            " (SELECT id FROM telemetry.llm_calls ORDER BY created_at LIMIT 3)"
        )
        [first] = prune(database, [calls("90 days")])
        load.rollback()
    [second] = prune(database, [calls("90 days")])

    assert first.rows == 108
    assert second.rows == 3


def test_a_row_brought_up_to_date_while_it_is_being_deleted_stays(database: Database) -> None:
    fill(database, days=400, per_day=60)
    stop = threading.Event()
    touched: list[int] = []

    def load() -> None:
        with database.connect(autocommit=True) as connection:
            while not stop.is_set():
                rows = connection.execute(
                    "UPDATE telemetry.llm_calls SET created_at = now() WHERE ctid = ANY (ARRAY("
                    " SELECT ctid FROM telemetry.llm_calls"
                    " WHERE created_at < now() - interval '90 days' ORDER BY id LIMIT 20)) "
                    " RETURNING id"
                ).fetchall()
                touched.extend(row[0] for row in rows)

    loader = threading.Thread(target=load)
    loader.start()
    try:
        while not touched:
            time.sleep(0.01)
        prune(database, [calls("90 days")])
    finally:
        stop.set()
        loader.join()

    with database.connect() as connection:
        kept = connection.execute(
            "SELECT count(*) FROM telemetry.llm_calls WHERE id = ANY (%s)", [touched]
        ).fetchone()
    assert kept == (len(set(touched)),)


def test_two_runs_at_once_prune_once(database: Database) -> None:
    fill(database, days=400, per_day=60)
    due = count(database, "created_at < now() - interval '90 days'")
    results: list[int] = []

    def run() -> None:
        results.append(prune(database, [calls("90 days")])[0].rows)

    runs = [threading.Thread(target=run) for _ in range(3)]
    for thread in runs:
        thread.start()
    for thread in runs:
        thread.join()

    assert sum(results) == due
    assert count(database, "created_at < now() - interval '90 days'") == 0


def test_the_lock_of_another_run_is_respected(database: Database) -> None:
    fill(database, days=200, per_day=1)
    with database.connect() as other:
        other.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended('telemetry prune of telemetry', 0))"
        )
        [result] = prune(database, [calls("90 days")])

    assert (result.rows, result.complete) == (0, False)


def test_when_the_time_is_up_the_rest_waits(database: Database) -> None:
    fill(database, days=200, per_day=1)

    [result] = prune(database, [calls("90 days")], max_seconds=0)

    assert (result.rows, result.complete) == (0, False)


def test_a_locked_table_does_not_hold_the_run_up(database: Database) -> None:
    fill(database, days=200, per_day=1)
    with database.connect() as other:
        other.execute("LOCK TABLE telemetry.llm_calls IN SHARE MODE")
        [result] = prune(database, [calls("90 days")])

    assert (result.rows, result.complete) == (0, False)


def test_a_wrong_clock_deletes_nothing(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(database, days=200, per_day=1)

    class Yesteryear(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Yesteryear:
            return cls(2020, 1, 1, tzinfo=tz)

    monkeypatch.setattr("target_telemetry_postgres.retention.prune.datetime", Yesteryear)

    with pytest.raises(RetentionError, match="set the wrong clock right"):
        prune(database, [calls("90 days")])
    assert count(database) == 201


def test_the_health_view_says_what_goes_next(database: Database) -> None:
    fill(database, days=200, per_day=1)
    with database.connect() as connection:
        connection.execute(
            "INSERT INTO telemetry.ingest_runs (run_id, stream, status)"
            " VALUES (gen_random_uuid(), 'llm_calls', 'succeeded')"
        )

    prune(database, [calls("90 days")])

    with database.connect() as connection:
        row = connection.execute(
            "SELECT retention, last_pruned_rows, next_prune_at - now() < interval '1 day',"
            " next_prune_at > now() - interval '1 minute' FROM telemetry.pipeline_health"
        ).fetchone()
    assert row == (timedelta(days=90), 111, True, True)


def test_a_column_without_an_index_is_pruned_in_one_walk_over_the_table(
    database: Database,
) -> None:
    with database.connect() as connection:
        connection.execute(
            "CREATE TABLE telemetry.events AS"
            " SELECT n, now() - make_interval(hours => n, mins => 9) AS at"
            " FROM generate_series(1, 50000) AS n ORDER BY random()"
        )
        due = connection.execute(
            "SELECT count(*) FROM telemetry.events WHERE at < now() - interval '300 days'"
        ).fetchone()

    [promised] = prune(database, [Policy("events", "at", "300 days")], dry_run=True)
    [result] = prune(database, [Policy("events", "at", "300 days")])

    assert due == (42_801,)
    assert promised.rows == result.rows == 42_801
    assert (promised.oldest, promised.newest) == (result.oldest, result.newest)
    assert result.complete
    with database.connect() as connection:
        left = connection.execute("SELECT count(*), max(n) FROM telemetry.events").fetchone()
    assert left == (50000 - result.rows, 50000 - result.rows)


def test_a_partitioned_table_is_pruned_too(database: Database) -> None:
    with database.connect() as connection:
        connection.execute(
            "CREATE TABLE telemetry.parts (n int, at timestamptz) PARTITION BY HASH (n);"
            " CREATE TABLE telemetry.p0 PARTITION OF telemetry.parts"
            " FOR VALUES WITH (MODULUS 2, REMAINDER 0);"
            " CREATE TABLE telemetry.p1 PARTITION OF telemetry.parts"
            " FOR VALUES WITH (MODULUS 2, REMAINDER 1);"
            " INSERT INTO telemetry.parts SELECT n, now() - make_interval(days => n)"
            " FROM generate_series(1, 1000) AS n"
        )

    [result] = prune(database, [Policy("parts", "at", "90 days")])

    assert result.rows == 911
    with database.connect() as connection:
        left = connection.execute("SELECT count(*), max(n) FROM telemetry.parts").fetchone()
    assert left == (89, 89)


@given(st.integers(50, 20_000), st.floats(0, 100))
def test_pieces_stay_in_bounds_and_shrink_when_they_take_too_long(
    size: int, seconds: float
) -> None:
    pace = Pace(size, smallest=50, largest=20_000)

    pace.took(seconds)

    assert 50 <= pace.size <= min(20_000, size * 2)
    if seconds > PIECE_SECONDS:
        assert pace.size <= size

"""Traces of pull requests on a real server: times, order, measures, and the story they tell."""

from __future__ import annotations

import threading
import time
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

from support.sample_rows import NOON, call, chat, event, insert, job, run, trace
from support.singer import records, schema
from support.telemetry_command import telemetry

if TYPE_CHECKING:
    from decimal import Decimal
    from pathlib import Path

    from support.singer import Loader
    from target_telemetry_postgres.postgres.database import Database

EVER = "2020-01-01"
TEXT = {"type": ["string", "null"]}
TIME = {"type": ["string", "null"], "format": "date-time"}
TRACES = schema(
    "pr_traces", {"trace_id": TEXT, "title": TEXT, "status": TEXT, "start_time": TIME}, ["trace_id"]
)
EVENTS = schema(
    "pr_trace_events",
    {
        "event_id": TEXT, "trace_id": TEXT, "seq": {"type": ["integer", "null"]}, "ts": TIME,
        "type": TEXT, "payload": {"type": ["object", "array", "string", "null"]},
    },
    ["event_id"],
)  # fmt: skip


def happened(number: int, seconds: int, trace_id: str = "t") -> dict[str, Any]:
    at = NOON + timedelta(seconds=seconds)
    return {
        "event_id": f"{trace_id} {number}", "trace_id": trace_id, "seq": number,
        "ts": at.isoformat(), "type": "edit", "payload": {"file": "a.py"},
    }  # fmt: skip


def times(loader: Loader) -> list[tuple[datetime | None, datetime | None, Decimal | None]]:
    return [
        (row["start_time"], row["end_time"], row["duration_seconds"])
        for row in loader.table("pr_traces", "trace_id")
    ]


def report(url: str, name: str) -> list[dict[str, Any]]:
    ran = telemetry("--url", url, "report", name, "--since", EVER, "--json")
    assert ran.code == 0, ran.err
    rows: list[dict[str, Any]] = ran.json
    return rows


# --- times ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("events_first", [False, True])
def test_the_times_of_a_trace_are_those_of_its_events_whatever_comes_first(
    loader: Loader, *, events_first: bool
) -> None:
    messages = [
        [TRACES, *records("pr_traces", [{"trace_id": "t", "title": "Fix"}])],
        [EVENTS, *records("pr_trace_events", [happened(1, 0), happened(2, 90)])],
    ]
    for message in reversed(messages) if events_first else messages:
        loader.load(message)
    assert times(loader) == [(NOON, NOON + timedelta(seconds=90), 90)]


def test_the_times_follow_events_that_come_change_and_go(loader: Loader) -> None:
    loader.load(TRACES, records("pr_traces", [{"trace_id": "t"}]))
    loader.load(EVENTS, records("pr_trace_events", [happened(1, 10), happened(2, 20)]))
    loader.load(EVENTS, records("pr_trace_events", [happened(3, 50), happened(4, 5)]))
    assert times(loader)[0][2] == 45
    loader.load(EVENTS, records("pr_trace_events", [happened(3, 70)]))
    assert times(loader)[0][2] == 65
    loader.execute("delete from pr_trace_events where seq = 4")
    assert times(loader)[0][2] == 60


def test_times_that_a_trace_declares_give_way_to_its_events_and_settle(loader: Loader) -> None:
    declared = {"trace_id": "t", "start_time": "2020-01-01T00:00:00Z"}
    loader.load(TRACES, records("pr_traces", [declared]))
    assert times(loader)[0][0] == datetime(2020, 1, 1, tzinfo=timezone.utc)
    both = [
        TRACES, EVENTS, *records("pr_traces", [declared]),
        *records("pr_trace_events", [happened(1, 0), happened(2, 90)]),
    ]  # fmt: skip
    loader.load(both)
    assert times(loader)[0][0] == NOON
    loader.load(both)
    assert times(loader)[0][0] == NOON
    for stream, rows in (("pr_traces", 1), ("pr_trace_events", 2)):
        assert loader.ledger(stream)["rows_unchanged"] == rows


@pytest.mark.parametrize("trace_first", [True, False])
def test_writers_at_the_same_time_miss_nothing_of_each_other(
    database: Database, *, trace_first: bool
) -> None:
    statements = [
        "insert into telemetry.pr_traces (trace_id) values ('t')",
        (
            "insert into telemetry.pr_trace_events (event_id, trace_id, ts)"
            " values ('a', 't', '2026-02-01'), ('b', 't', '2026-02-02')"
        ),
    ]
    first, second = statements if trace_first else reversed(statements)

    def write() -> None:
        with database.connect() as connection:
            connection.execute(second.encode())

    with database.connect() as connection:
        connection.execute(first.encode())
        other = threading.Thread(target=write)
        other.start()
        # Until the other waits for its turn; without turns, until it is done.
        while other.is_alive() and not _somebody_waits(database):
            time.sleep(0.01)
        connection.commit()
    other.join()
    with database.connect() as connection:
        row = connection.execute("select duration_seconds from telemetry.pr_traces").fetchone()
    assert row == (86400,)


def _somebody_waits(database: Database) -> bool:
    with database.connect() as connection:
        row = connection.execute(
            "select count(*) from pg_locks where locktype = 'advisory' and not granted"
            " and database = (select oid from pg_database where datname = current_database())"
        ).fetchone()
    return row is not None and row[0] > 0


# --- order ----------------------------------------------------------------------------------------


def test_events_are_ordered_by_number_and_those_without_one_by_time(
    database: Database, loader: Loader
) -> None:
    insert(
        database, "pr_trace_events",
        event(1, "t"), event(3, "t", ts=NOON + timedelta(seconds=9)),
        # Numbered later, though its clock says earlier.
        event(4, "t", ts=NOON + timedelta(seconds=2)),
        event(9, "t", seq=None, ts=NOON + timedelta(seconds=5)),
        event(8, "t", seq=None, ts=NOON),
    )  # fmt: skip
    order = loader.query("select event_id from pr_trace_order order by position")
    assert [name for (name,) in order] == ["t 8", "t 1", "t 9", "t 3", "t 4"]


# --- measures -------------------------------------------------------------------------------------


def at(number: int, trace_id: str, kind: str, seconds: int, **payload: Any) -> dict[str, Any]:
    moment = NOON + timedelta(seconds=seconds)
    return event(number, trace_id, kind, ts=moment, payload=payload)


@pytest.fixture
def work(database: Database) -> None:
    """Two pull requests, of which every figure can be told by hand, and one of another week."""
    insert(
        database, "pr_traces",
        trace(1, status="merged", merged_at=NOON + timedelta(hours=2)),
        trace(2, status="merged", merged_at=NOON + timedelta(hours=3)),
        trace(3, repository="octo/other", pr_id="octo/other#3", status="closed"),
        # The same branch, earlier: what came after its merge is not its own.
        trace(4, status="merged", branch="fix-1", merged_at=NOON - timedelta(hours=1)),
    )  # fmt: skip
    sha = "ABCDEF1234567890"
    insert(
        database, "pr_trace_events",
        at(1, "trace-1", "edit", 0, file="a.py"),
        at(2, "trace-1", "command", 60, command="pytest -q", exit_code=1),
        at(3, "trace-1", "edit", 100, file="a.py"),
        at(4, "trace-1", "test", 160, passed=3, failed=1),
        at(5, "trace-1", "command", 200, command="ls", exit_code=0),
        at(6, "trace-1", "test", 260, passed=4, failed=0),
        at(7, "trace-1", "commit", 300, sha=sha[:8]),
        at(1, "trace-2", "edit", 0, file="b.py") | {"session_id": "s-2"},
        at(2, "trace-2", "command", 20, command="npm run test", exit_code=0),
        at(3, "trace-2", "command", 30, command="make test", exit_code="2"),
        at(4, "trace-2", "command", 40, command="latest --contest"),
        at(5, "trace-2", "edit", 50), at(6, "trace-2", "edit", 55),
        at(7, "trace-2", "commit", 60, sha="no sha"),
        at(1, "trace-3", "edit", 7 * 86400),
    )  # fmt: skip
    insert(
        database, "llm_calls",
        call(1, commit_sha=sha.lower(), estimated_cost="1.5"),
        call(2, repository="octo/repo", branch="fix-1", estimated_cost="0.5"),
        call(3, repository="octo/repo", branch="fix-1", timestamp=NOON + timedelta(days=1)),
        # Of the session of one and on the branch of the other: half each.
        call(4, session_id="s-2", repository="octo/repo", branch="fix-1", estimated_cost="2"),
        call(5, session_id="s-2", estimated_cost=None, cost_source="unpriced"),
        call(6, commit_sha=sha.lower(), repository="octo/other", estimated_cost="9"),
        call(7, session_id="elsewhere", estimated_cost="9"),
    )  # fmt: skip


@pytest.mark.usefixtures("work")
def test_the_time_to_the_first_test_counts_commands_that_test(database_url: str) -> None:
    assert report(database_url, "trace-first-test") == [
        {
            "week": "2026-02-02", "repository": "octo/other", "traces": 1,
            "traces_without_test": 1, "p50_seconds": None, "p90_seconds": None,
        },
        {
            "week": "2026-01-26", "repository": "octo/repo", "traces": 2,
            "traces_without_test": 0, "p50_seconds": 40, "p90_seconds": 56,
        },
    ]  # fmt: skip


@pytest.mark.usefixtures("work")
def test_a_red_spell_lasts_from_its_first_failure_to_the_next_success(database_url: str) -> None:
    # From 60 to 260 s in one; the other is red at its end.
    (row,) = report(database_url, "trace-red-to-green")
    assert (row["red_spells"], row["still_red"], row["traces"]) == (2, 1, 2)
    assert (row["p50_seconds"], row["p90_seconds"]) == (200, 200)


@pytest.mark.usefixtures("work")
def test_edits_are_told_for_each_commit(database_url: str) -> None:
    rows = report(database_url, "trace-edits-per-commit")
    assert [(row["edits"], row["commits"], row["edits_per_commit"]) for row in rows] == [
        (1, 0, None), (5, 2, 2.5),
    ]  # fmt: skip


@pytest.mark.usefixtures("work")
def test_commands_without_an_exit_code_neither_work_nor_fail(database_url: str) -> None:
    rows = report(database_url, "trace-command-failures")
    assert [(row["commands"], row["failed"], row["failure_rate"]) for row in rows] == [
        (0, 0, None), (4, 2, 0.5),
    ]  # fmt: skip


@pytest.mark.usefixtures("work")
def test_the_cost_of_merged_pull_requests_counts_a_shared_call_once(database_url: str) -> None:
    # 1: 1.5 + 0.5 + 2 / 2; 2: 2 / 2, and a call without a price.
    assert report(database_url, "trace-llm-cost") == [
        {
            "repository": "octo/repo", "merged_prs": 3, "prs_with_calls": 2, "calls": 5,
            "cost": 4, "cost_per_merged_pr": 1.333333, "dearest": 3, "calls_without_cost": 1,
        }
    ]  # fmt: skip


# --- story ----------------------------------------------------------------------------------------


@pytest.mark.usefixtures("work")
def test_a_trace_is_told_with_its_runs_jobs_and_calls(
    database: Database, database_url: str
) -> None:
    insert(
        database, "workflow_runs",
        run(7, commit_sha="abcdef1234567890", started_at=NOON + timedelta(seconds=310)),
        run(8, pull_request_numbers=[1]), run(9, repository="octo/other", commit_sha="abcdef12"),
    )  # fmt: skip
    insert(database, "workflow_jobs", job(1, 7, started_at=NOON + timedelta(seconds=320)))
    ran = telemetry("--url", database_url, "trace", "octo/repo#1", "--json")
    assert ran.code == 0, ran.err
    told = ran.json
    assert list(told)[:6] == ["trace_id", "repo", "pr", "developer", "timeline", "events"]
    assert told["repo"] == {"name": "octo/repo", "branch": "fix-1", "language": None}
    assert told["pr"]["pr_id"] == "octo/repo#1"
    assert told["timeline"]["duration_seconds"] == 300
    assert [(one["seq"], one["type"]) for one in told["events"]][:2] == [
        (1, "edit"),
        (2, "command"),
    ]
    assert {one["github_run_id"] for one in told["runs"]} == {7, 8}
    assert [one["job_name"] for one in told["runs"][0]["jobs"]] == ["test"]
    assert [str(one["call_id"])[-1] for one in told["llm_calls"]] == ["1", "2", "4"]
    printed = telemetry("--url", database_url, "trace", "octo/repo#1").out.splitlines()
    assert printed[0] == "octo/repo#1 (merged): 7 events, 2 runs, 3 LLM calls"
    whats = [line[:60] for line in printed]
    assert any("command pytest -q" in line and "exit 1" in line for line in printed)
    commit = next(place for place, line in enumerate(whats) if "commit ABCDEF1" in line)
    assert "CI #7" in whats[commit + 1] or "asked" in whats[commit + 1]


@pytest.mark.usefixtures("work")
@pytest.mark.parametrize(
    ("reference", "found"),
    [("1", "trace-1"), ("fix-2", "trace-2"), ("abcdef1", "trace-1"), ("trace-3", "trace-3")],
)
def test_a_trace_is_found_by_number_branch_commit_and_id(
    reference: str, found: str, database_url: str
) -> None:
    ran = telemetry("--url", database_url, "trace", reference, "--json")
    assert (ran.code, ran.json["trace_id"]) == (0, found), ran.err


@pytest.mark.usefixtures("work")
def test_several_traces_of_one_pull_request_are_a_list(
    database: Database, database_url: str
) -> None:
    insert(database, "pr_traces", trace(1) | {"trace_id": "again", "title": "Another try"})
    ran = telemetry("--url", database_url, "trace", "octo/repo#1", "--json")
    assert [one["trace_id"] for one in ran.json] == ["trace-1", "again"]
    assert "Another try" in telemetry("--url", database_url, "trace", "octo/repo#1").out


# --- one store ------------------------------------------------------------------------------------


@pytest.mark.usefixtures("work")
def test_statistics_and_status_know_traces_and_chats(database: Database, database_url: str) -> None:
    insert(database, "chat_telemetry_log", chat(1))
    tables = {
        row["table"]: row
        for row in telemetry("--url", database_url, "stats", "--json").json["tables"]
    }
    told = {
        name: (row["rows"], row["first"], row["last"])
        for name, row in tables.items()
        if name in {"chat_telemetry_log", "pr_traces", "pr_trace_events"}
    }
    assert told == {
        "chat_telemetry_log": (1, "2026-02-01T12:01:00Z", "2026-02-01T12:01:00Z"),
        "pr_traces": (4, "2026-02-01T12:00:00Z", "2026-02-08T12:00:00Z"),
        "pr_trace_events": (15, "2026-02-01T12:00:00Z", "2026-02-08T12:00:00Z"),
    }
    latest = telemetry("--url", database_url, "status", "--json").json["latest"]
    assert latest["chat_telemetry_log"] == "2026-02-01T12:01:00Z"
    assert latest["pr_trace_events"] == "2026-02-08T12:00:00Z"


@pytest.mark.usefixtures("work")
def test_an_export_of_everything_moves_traces_and_chats_whole(
    database: Database, database_url: str, empty_database_url: str, tmp_path: Path
) -> None:
    asked = chat(1, generated_sql="SELECT 1", sql_model="ours", follow_up_suggestions=None)
    insert(database, "chat_telemetry_log", asked)
    price = {"model": "ours", "valid_from": "2026-01-01", "input_usd_per_million": 1,
             "cached_input_usd_per_million": 1, "output_usd_per_million": 1}  # fmt: skip
    insert(database, "model_prices", price)
    first, second = tmp_path / "first", tmp_path / "second"
    ran = telemetry("--url", database_url, "export", "--all", "--output", str(first))
    assert ran.code == 0, ran.err
    assert telemetry("--url", empty_database_url, "migrate").code == 0
    for _ in range(2):
        ran = telemetry("--url", empty_database_url, "import", str(first))
        assert ran.code == 0, ran.err
    assert (
        telemetry("--url", empty_database_url, "export", "--all", "--output", str(second)).code == 0
    )
    for name in ("chat_telemetry_log", "pr_traces", "pr_trace_events", "model_prices"):
        before, after = (folder / f"{name}.csv" for folder in (first, second))
        assert sorted(before.read_text().splitlines()) == sorted(after.read_text().splitlines())


def test_traces_go_by_a_retention_of_their_own(loader: Loader) -> None:
    loader.load(TRACES, records("pr_traces", [{"trace_id": "t"}]))
    long_ago = happened(3, -9000 * 86400)
    loader.load(EVENTS, records("pr_trace_events", [happened(1, 0), happened(2, 90), long_ago]))
    assert times(loader)[0][2] == 9000 * 86400 + 90
    policy = {"pr_trace_events": {"keep": "20 years", "column": "ts"}}
    loader.load(EVENTS, records("pr_trace_events", [happened(1, 0)]), retention=policy)
    assert loader.query("select count(*) from pr_trace_events") == [(2,)]
    assert times(loader)[0][2] == 90

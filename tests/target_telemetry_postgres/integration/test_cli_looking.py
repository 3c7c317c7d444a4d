"""`telemetry stats`, `status`, `report` and `trace` on a real server."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from psycopg import sql

from support.sample_rows import (
    NOON,
    annotation,
    call,
    chat,
    deployment,
    event,
    insert,
    job,
    run,
    snapshot,
    trace,
    usage,
)
from support.telemetry_command import telemetry
from target_telemetry_postgres.cli.commands.report import relations_of, report_names

if TYPE_CHECKING:
    from target_telemetry_postgres.postgres.database import Database

EVER = "2020-01-01"


def stats(url: str) -> dict[str, Any]:
    ran = telemetry("--url", url, "stats", "--json")
    assert ran.code == 0, ran.err
    return {table["table"]: table for table in ran.json["tables"]}


def ingest(database: Database, stream: str, *, hours_ago: float, **more: Any) -> None:
    ended = datetime.now(timezone.utc) - timedelta(hours=hours_ago)
    row = {
        "run_id": UUID(int=hash((stream, hours_ago, str(more))) % 2**127),
        "stream": stream,
        "status": "succeeded",
        "started_at": ended,
        "finished_at": ended,
        "rows_read": 10,
        "rows_inserted": 10,
    }
    insert(database, "ingest_runs", row | more)


def test_stats_count_rows_times_success_and_cost(database: Database, database_url: str) -> None:
    insert(
        database,
        "workflow_runs",
        run(1),
        run(2, conclusion="failure"),
        run(3, conclusion="skipped"),
        run(4, conclusion="cancelled"),
    )
    insert(
        database,
        "llm_calls",
        call(1),
        call(2, estimated_cost="0.000000000001", success=False),
        call(3, estimated_cost=None, cost_source="unpriced", success=None),
    )
    tables = stats(database_url)
    runs, calls = tables["workflow_runs"], tables["llm_calls"]
    assert (runs["rows"], runs["success_rate"]) == (4, 0.5)
    assert (runs["first"], runs["last"]) == ("2026-02-01T13:00:00Z", "2026-02-01T16:00:00Z")
    assert (calls["rows"], calls["success_rate"]) == (3, 0.5)
    assert Decimal(str(calls["cost"])) == Decimal("0.000210000001")
    assert tables["workflow_steps"]["rows"] == 0


def test_stats_for_people_name_the_calls_without_a_price(
    database: Database, database_url: str
) -> None:
    insert(database, "llm_calls", call(1, estimated_cost=None, cost_source="unpriced"))
    ran = telemetry("--url", database_url, "stats")
    assert ran.code == 0, ran.err
    assert "1 LLM call without a known price" in ran.out
    assert "\x1b" not in ran.out


def test_stats_show_tables_of_other_taps_with_their_rows(
    database: Database, database_url: str
) -> None:
    with database.connect() as connection:
        connection.execute('create table telemetry."Other Tap" (a int)')
        connection.execute('insert into telemetry."Other Tap" values (1), (2)')
    other = stats(database_url)["Other Tap"]
    assert (other["rows"], other["first"], other["cost"]) == (2, None, None)


def test_stats_of_an_empty_database_say_what_to_do(empty_database_url: str) -> None:
    ran = telemetry("--url", empty_database_url, "stats")
    assert (ran.code, ran.err) == (0, "")
    assert "telemetry migrate" in ran.out


def test_status_tells_what_each_stream_did_last(database: Database, database_url: str) -> None:
    ingest(database, "workflow_runs", hours_ago=30, status="failed", error="boom")
    ingest(database, "workflow_runs", hours_ago=2, rows_read=12, rows_rejected=2)
    ran = telemetry("--url", database_url, "status", "--json")
    assert ran.code == 0, ran.err
    (stream,) = ran.json["streams"]
    assert (stream["stream"], stream["last_status"]) == ("workflow_runs", "succeeded")
    assert stream["lag_seconds"] == pytest.approx(7200, abs=300)
    assert stream["failed_runs"] == 1
    assert 0 < stream["rejected_share"] < 1
    assert ran.json["pending_migrations"] == []


def test_status_exits_1_when_a_stream_is_behind(database: Database, database_url: str) -> None:
    ingest(database, "llm_calls", hours_ago=1)
    ingest(database, "workflow_runs", hours_ago=20)
    late = telemetry("--url", database_url, "status", "--max-lag", "12h")
    assert late.code == 1
    assert "workflow_runs is 20h" in late.err
    assert "llm_calls" not in late.err
    assert telemetry("--url", database_url, "status", "--max-lag", "1d").code == 0
    chosen = telemetry("--url", database_url, "status", "--max-lag", "12h", "--stream", "llm_calls")
    assert chosen.code == 0, chosen.err


def test_a_failed_run_does_not_make_a_stream_fresh(database: Database, database_url: str) -> None:
    ingest(database, "llm_calls", hours_ago=20)
    ingest(database, "llm_calls", hours_ago=1, status="failed")
    ran = telemetry("--url", database_url, "status", "--max-lag", "12h")
    assert ran.code == 1
    assert "llm_calls is 20h" in ran.err


def test_status_exits_1_when_nothing_was_ever_loaded(database_url: str) -> None:
    ran = telemetry("--url", database_url, "status", "--max-lag", "12h")
    assert (ran.code, "Nothing was ever loaded" in ran.err) == (1, True)
    assert telemetry("--url", database_url, "status").code == 0


def test_a_stream_that_was_asked_for_and_never_came_is_behind(
    database: Database, database_url: str
) -> None:
    ingest(database, "llm_calls", hours_ago=1)
    ran = telemetry("--url", database_url, "status", "--max-lag", "12h", "--stream", "workflows")
    assert (ran.code, "workflows was never loaded" in ran.err) == (1, True)


@pytest.mark.parametrize("command", ["stats", "status"])
def test_a_job_summary_gets_tables_in_markdown(
    command: str, database: Database, database_url: str
) -> None:
    ingest(database, "a|b", hours_ago=1)
    with database.connect() as connection:
        connection.execute('create table telemetry."a|b" ()')
    ran = telemetry("--url", database_url, command, "--markdown")
    assert ran.code == 0, ran.err
    assert "| --- |" in ran.out
    assert "| a\\|b |" in ran.out


def test_status_says_what_the_next_prune_takes(database: Database, database_url: str) -> None:
    old = datetime.now(timezone.utc) - timedelta(days=400)
    insert(database, "llm_calls", call(1, created_at=old), call(2))
    ran = telemetry("--url", database_url, "status", "--json")
    assert ran.code == 0, ran.err
    (policy,) = [p for p in ran.json["retention"] if p["table"] == "llm_calls"]
    assert (policy["rows_due"], policy["column"]) == (1, "created_at")
    due = datetime.fromisoformat(policy["next_row_due_at"].replace("Z", "+00:00"))
    assert timedelta(days=150) < due - datetime.now(timezone.utc) < timedelta(days=200)


def test_status_reads_meltanos_bookmarks_where_they_are(
    database: Database, database_url: str
) -> None:
    assert telemetry("--url", database_url, "status", "--json").json["bookmarks"] == []
    with database.connect() as connection:
        connection.execute("create schema meltano")
        connection.execute(
            "create table meltano.state (state_id text, updated_at timestamp, "
            "partial_state text, completed_state text)"
        )
        connection.execute(
            "insert into meltano.state values ('dev:tap-to-target', '2026-02-01 10:00', '{}', "
            '\'{"singer_state": {"bookmarks": {"llm_calls": {"x": 1}}}}\')'
        )
    (bookmark,) = telemetry("--url", database_url, "status", "--json").json["bookmarks"]
    assert bookmark["state_id"] == "dev:tap-to-target"
    assert bookmark["state"]["bookmarks"] == {"llm_calls": {"x": 1}}
    assert "dev:tap-to-target" in telemetry("--url", database_url, "status").out


def test_status_of_an_empty_database_names_the_pending_migrations(empty_database_url: str) -> None:
    ran = telemetry("--url", empty_database_url, "status")
    assert (ran.code, ran.err) == (0, "")
    assert "pending: `telemetry migrate`" in ran.out


@pytest.mark.parametrize("name", report_names())
def test_each_report_answers_without_and_with_data(
    name: str, database: Database, database_url: str
) -> None:
    empty = telemetry("--url", database_url, "report", name, "--since", EVER, "--json")
    assert (empty.code, empty.json) == (0, []), empty.err
    insert(database, "workflow_runs", run(1), run(2, conclusion="failure"))
    insert(
        database,
        "workflow_jobs",
        job(1, 1, conclusion="failure"),
        job(2, 1, run_attempt=2),
        job(3, 2, job_name="lint"),
    )
    insert(
        database,
        "workflow_steps",
        {
            "github_job_id": 1,
            "step_number": 1,
            "step_name": "make test",
            "conclusion": "failure",
            "started_at": job(1, 1)["started_at"],
        },
    )
    insert(
        database,
        "llm_calls",
        call(1, session_id="s", ttft_ms=300, duration_ms=900, cache_read_tokens=10),
        call(2, model="new", estimated_cost=None, success=False),
        call(3, timestamp=datetime.now(timezone.utc) - timedelta(hours=1)),
    )
    insert(database, "coverage_snapshots", snapshot(1), snapshot(2, branch="faster"))
    insert(database, "deployments", deployment(1), deployment(2, succeeded_at=None))
    insert(database, "job_annotations", annotation(1, 1))
    insert(database, "billing_usage", usage(1))
    answered = {"sql_model": "gpt-4o", "generated_sql": "select 1", "ttfb_ms": 5}
    insert(database, "chat_telemetry_log", chat(1, **answered, error_type="timeout"))
    insert(database, "pr_traces", trace(1, status="merged"))
    failed = event(1, "trace-1", "command", payload={"command": "pytest", "exit_code": 1})
    insert(database, "pr_trace_events", failed)
    ran = telemetry("--url", database_url, "report", name, "--since", EVER, "--json")
    assert ran.code == 0, ran.err
    assert ran.json
    printed = telemetry("--url", database_url, "report", name, "--since", EVER)
    assert printed.out.splitlines()[0].startswith(f"{name}: ")


def test_a_flaky_job_failed_and_passed_on_the_same_commit(
    database: Database, database_url: str
) -> None:
    insert(
        database,
        "workflow_jobs",
        job(1, 1, conclusion="failure"),
        job(2, 1, run_attempt=2),
        job(3, 2, conclusion="failure", job_name="broken"),
        job(4, 3, job_name="carried", conclusion="failure"),
        job(5, 3, job_name="carried", is_carried_over=True),
    )
    ran = telemetry("--url", database_url, "report", "flaky-jobs", "--since", EVER, "--json")
    assert [(row["job"], row["flaky_commits"]) for row in ran.json] == [("test", 1)]


def test_reports_run_on_an_empty_database(empty_database_url: str) -> None:
    ran = telemetry("--url", empty_database_url, "report")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.count("(no rows)") == len(report_names())


def test_the_sql_of_a_report_can_be_read(database_url: str) -> None:
    ran = telemetry("--url", database_url, "report", "flaky-jobs", "--sql")
    assert relations_of(ran.out) == {"workflow_jobs"}


def test_trace_finds_every_run_of_a_pull_request_and_of_its_commits(
    database: Database, database_url: str
) -> None:
    insert(
        database,
        "workflow_runs",
        run(1, pull_request_numbers=[7, 42]),
        run(2, commit_sha=run(1)["commit_sha"], event_type="schedule"),
        run(3, pull_request_numbers=[43]),
        run(1, run_attempt=2, started_at=run(5)["started_at"], commit_sha=run(1)["commit_sha"]),
        run(6, pull_request_numbers=[42], repository="octo/other"),
    )
    insert(database, "workflow_jobs", job(10, 1), job(11, 1, run_attempt=2, is_carried_over=True))
    ran = telemetry("--url", database_url, "trace", "octo/repo#42", "--json")
    assert ran.code == 0, ran.err
    found = [(r["github_run_id"], r["run_attempt"], len(r["jobs"])) for r in ran.json]
    assert found == [(1, 1, 1), (2, 1, 0), (1, 2, 1)]
    assert len(telemetry("--url", database_url, "trace", "42", "--json").json) == 4
    printed = telemetry("--url", database_url, "trace", "octo/repo#42")
    assert "CI #1 attempt 2" in printed.out
    assert "test (carried over)" in printed.out


def test_trace_follows_a_branch_or_the_start_of_a_commit(
    database: Database, database_url: str
) -> None:
    insert(database, "workflow_runs", run(1, branch="feature/x", commit_sha="abcdef0" + "1" * 33))
    for reference in ("feature/x", "ABCDEF0"):
        ran = telemetry("--url", database_url, "trace", reference, "--json")
        assert [row["github_run_id"] for row in ran.json] == [1]


def test_a_trace_of_nothing_says_so(database_url: str) -> None:
    ran = telemetry("--url", database_url, "trace", "42")
    assert (ran.code, ran.err.count("\n")) == (1, 1)
    assert "No run is known for 42" in ran.err


def test_a_reader_without_rights_sees_which_tables_are_closed(
    database: Database, database_url: str
) -> None:
    role = f"nobody_{database.conninfo.split('test_')[1][:12]}"
    with database.connect() as connection:
        connection.execute(sql.SQL("create role {} login").format(sql.Identifier(role)))
        connection.execute(
            sql.SQL("grant usage on schema telemetry to {}").format(sql.Identifier(role))
        )
    try:
        tables = stats(database_url.replace("postgres@", f"{role}@"))
        assert tables["llm_calls"]["readable"] is False
        assert "rows" not in tables["llm_calls"]
    finally:
        with database.connect() as connection:
            connection.execute(sql.SQL("drop owned by {}").format(sql.Identifier(role)))
            connection.execute(sql.SQL("drop role {}").format(sql.Identifier(role)))


def test_every_report_can_be_compared_with_the_period_before(
    database: Database, database_url: str
) -> None:
    insert(database, "workflow_runs", run(1), run(2))
    insert(database, "workflow_jobs", job(1, 1), job(2, 2))
    insert(database, "llm_calls", call(1), call(2), call(9, timestamp=NOON - timedelta(days=20)))
    until = ("--since", "2026-01-20", "--until", "2026-02-03")
    arguments = ("--url", database_url, "report", "--compare", *until)
    answers = telemetry(*arguments, "--json").json
    assert all("before" in row for rows in answers.values() for row in rows)
    [models] = answers["cost-per-model"]
    assert (models["calls"], models["before"]["calls"]) == (2, 1)
    printed = telemetry(*arguments)
    assert (printed.code, printed.err) == (0, "")
    assert "+100.0%" in printed.out

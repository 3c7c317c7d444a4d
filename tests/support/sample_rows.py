"""A few rows of each kind, written straight into the tables."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from psycopg import sql
from psycopg.types.json import Jsonb

if TYPE_CHECKING:
    from target_telemetry_postgres.postgres.database import Database

NOON = datetime(2026, 2, 1, 12, tzinfo=timezone.utc)


def insert(database: Database, table: str, *rows: dict[str, Any]) -> None:
    with database.connect() as connection:
        for row in rows:
            connection.execute(
                sql.SQL("insert into {} ({}) values ({})").format(
                    sql.Identifier(database.schema, table),
                    sql.SQL(", ").join(map(sql.Identifier, row)),
                    sql.SQL(", ").join([sql.Placeholder()] * len(row)),
                ),
                [Jsonb(value) if isinstance(value, dict) else value for value in row.values()],
            )


def chat(number: int, **more: Any) -> dict[str, Any]:
    return {
        "log_id": uuid.UUID(int=number),
        "user_id": "ana",
        "created_at": NOON + timedelta(minutes=number),
        "user_question": "How many runs failed?",
        "is_off_topic": False,
    } | more


def trace(number: int, **more: Any) -> dict[str, Any]:
    return {
        "trace_id": f"trace-{number}",
        "repository": "octo/repo",
        "branch": f"fix-{number}",
        "pr_id": f"octo/repo#{number}",
        "status": "open",
    } | more


def event(number: int, trace_id: str, kind: str = "edit", **more: Any) -> dict[str, Any]:
    return {
        "event_id": f"{trace_id} {number}",
        "trace_id": trace_id,
        "seq": number,
        "ts": NOON + timedelta(seconds=number),
        "type": kind,
        "payload": {},
    } | more


def run(number: int, **more: Any) -> dict[str, Any]:
    started = NOON + timedelta(hours=number)
    return {
        "github_run_id": number,
        "run_attempt": 1,
        "repository": "octo/repo",
        "workflow_name": "CI",
        "run_number": number,
        "branch": "main",
        "commit_sha": f"{number:040x}",
        "event_type": "push",
        "conclusion": "success",
        "started_at": started,
        "completed_at": started + timedelta(minutes=5),
        "duration_seconds": 300,
        "pull_request_numbers": [],
    } | more


def job(number: int, run_id: int, **more: Any) -> dict[str, Any]:
    started = NOON + timedelta(hours=run_id, seconds=number)
    return {
        "github_job_id": number,
        "github_run_id": run_id,
        "run_attempt": 1,
        "repository": "octo/repo",
        "workflow_name": "CI",
        "job_name": "test",
        "commit_sha": f"{run_id:040x}",
        "conclusion": "success",
        "started_at": started,
        "queued_seconds": 7,
        "duration_seconds": 120,
        "is_carried_over": False,
    } | more


def deployment(number: int, **more: Any) -> dict[str, Any]:
    begun = NOON + timedelta(hours=number)
    return {
        "deployment_id": number,
        "repository": "octo/repo",
        "environment": "production",
        "commit_sha": f"{number:040x}",
        "deployed_at": begun,
        "succeeded_at": begun + timedelta(minutes=3),
    } | more


def annotation(number: int, job_id: int, **more: Any) -> dict[str, Any]:
    return {
        "annotation_id": uuid.UUID(int=number),
        "github_job_id": job_id,
        "repository": "octo/repo",
        "job_name": "test",
        "annotation_level": "failure",
        "message": "Process completed with exit code 1.",
        "job_completed_at": NOON + timedelta(hours=number),
    } | more


def usage(number: int, **more: Any) -> dict[str, Any]:
    return {
        "usage_id": uuid.UUID(int=number),
        "owner": "octo",
        "usage_date": NOON.date(),
        "product": "Actions",
        "sku": "Actions Linux",
        "repository": "octo/repo",
        "quantity": 10,
        "unit_type": "minutes",
        "gross_amount": "0.06",
        "net_amount": "0.05",
    } | more


def call(number: int, **more: Any) -> dict[str, Any]:
    return {
        "call_id": uuid.UUID(int=number),
        "timestamp": NOON + timedelta(minutes=number),
        "model": "gpt-4o-mini",
        "provider": "openai",
        "input_tokens": 1000,
        "output_tokens": 100,
        "total_tokens": 1100,
        "estimated_cost": "0.000210000000",
        "cost_source": "estimated",
        "success": True,
    } | more


def estimate(number: int, **more: Any) -> dict[str, Any]:
    return {
        "event_id": f"e{number}",
        "timestamp": NOON + timedelta(minutes=number),
        "category": "implementation",
        "complexity": "medium",
        "deliverable_count": 2,
        "deliverables_json": Jsonb(["src/a.py", "src/b.py"]),
        "predicted_output_tokens": 100,
        "actual_output_tokens": 100,
        "selected_budget": 200,
        "success": True,
        "truncated": False,
        "model": "m",
    } | more


def snapshot(number: int, **more: Any) -> dict[str, Any]:
    return {
        "snapshot_id": uuid.UUID(int=number),
        "repository": "octo/repo",
        "branch": "main",
        "commit_sha": f"{number:040x}",
        "report_name": "coverage.xml",
        "lines_covered": 80,
        "lines_total": 100,
        "percent": 80,
        "measured_at": NOON + timedelta(hours=number),
    } | more

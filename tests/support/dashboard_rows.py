"""A random store of the last half year, with what is odd in real ones."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from psycopg import sql

if TYPE_CHECKING:
    import random

    from target_telemetry_postgres.postgres.database import Database

REPOSITORIES = ("octo/web", "octo/api", None)
WORKFLOWS = ("CI", "Lint", "Deploy", None)
BRANCHES = ("main", "main", "main", "feature/x", "fix/y", None)
CONCLUSIONS = (
    *("success",) * 12, "failure", "failure", "timed_out", "startup_failure", "cancelled",
    "skipped", "neutral", None,
)  # fmt: skip
JOBS = ("build", "test (3.10)", "test (3.14)", None)
LABELS = (
    ["ubuntu-latest"], ["windows-2022"], ["self-hosted", "linux", "ubuntu-latest"], ["own-gpu"], [],
    None, ["macos-latest", "arm64"],
)  # fmt: skip
MODELS = ("gpt-5", "claude-sonnet-4-5", "local-llama", None)
ERRORS = ("timeout after 30 s", "timeout after 61 s (Phase 3)", "context [x]", "", None)
DAYS = 186


def seconds(chance: random.Random) -> float | None:
    """Mostly lognormal; sometimes nothing, nought, less than nought, or a fraction."""
    odd = chance.random()
    if odd < 0.04:
        return None
    if odd < 0.07:
        return 0
    if odd < 0.08:
        return -3
    value = chance.lognormvariate(5, 1.6)
    return round(value, 3) if odd < 0.2 else round(value)


def moment(chance: random.Random, now: datetime) -> datetime:
    return now - timedelta(seconds=chance.uniform(0, DAYS * 86400))


def runs_of(chance: random.Random, now: datetime, amount: int) -> list[dict[str, Any]]:
    """Runs with re-runs; some without a start, some from tomorrow."""
    rows = []
    for number in range(1, amount + 1):
        at = moment(chance, now) if chance.random() > 0.005 else now + timedelta(days=3)
        shared = {
            "github_run_id": 1000 + number,
            "repository": chance.choice(REPOSITORIES),
            "workflow_name": chance.choice(WORKFLOWS),
            "branch": chance.choice(BRANCHES),
            "commit_sha": f"{chance.randrange(max(2, amount // 3)):040x}",
            "display_title": f"Change {number}",
            "html_url": f"https://github.com/octo/web/actions/runs/{1000 + number}",
        }
        for attempt in range(1, chance.choice((1, 1, 1, 1, 2, 3)) + 1):
            took = seconds(chance)
            started = None if chance.random() < 0.02 else at
            ended = at + timedelta(seconds=max(0, took or 0)) if chance.random() > 0.03 else None
            rows.append(
                shared
                | {
                    "run_attempt": attempt,
                    "conclusion": chance.choice(CONCLUSIONS),
                    "run_created_at": at if chance.random() > 0.01 else None,
                    "started_at": started,
                    "completed_at": ended,
                    "duration_seconds": took,
                }
            )
            at += timedelta(seconds=chance.uniform(60, 90000))
    # Attempts whose first one is not stored.
    return [row for row in rows if chance.random() > 0.02]


def jobs_of(chance: random.Random, runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    rows = []
    for run in runs:
        for _ in range(chance.choice((0, 1, 2, 3))):
            at = run["started_at"] or run["run_created_at"]
            rows.append(
                {
                    "github_job_id": 5000 + len(rows),
                    "github_run_id": run["github_run_id"],
                    "run_attempt": run["run_attempt"],
                    "repository": run["repository"],
                    "workflow_name": run["workflow_name"],
                    "branch": run["branch"],
                    "commit_sha": run["commit_sha"] if chance.random() > 0.05 else None,
                    "job_name": chance.choice(JOBS),
                    "conclusion": chance.choice(CONCLUSIONS),
                    "queued_at": at,
                    "started_at": at if chance.random() > 0.05 else None,
                    "queued_seconds": seconds(chance),
                    "duration_seconds": seconds(chance),
                    "is_carried_over": chance.choice((True, False, False, False, None)),
                    "runner_labels": chance.choice(LABELS),
                }
            )
    return rows


def steps_of(chance: random.Random, jobs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            "github_job_id": job["github_job_id"],
            "step_number": number,
            "github_run_id": job["github_run_id"],
            "step_name": chance.choice(("Check out", "Run tests", None)),
            "conclusion": chance.choice(("success", "failure", "timed_out", "skipped", None)),
            "started_at": job["started_at"] if chance.random() > 0.1 else None,
        }
        for job in jobs
        for number in range(1, chance.choice((1, 2, 3)))
    ]


def calls_of(chance: random.Random, now: datetime, amount: int) -> list[dict[str, Any]]:
    rows = []
    for number in range(amount):
        success = chance.choice((True, True, True, True, False, None))
        took = seconds(chance)
        input_tokens = chance.choice((None, chance.randrange(50000)))
        cached = chance.choice((None, None, 0, chance.randrange(1 + (input_tokens or 0))))
        cost = chance.choice((None, 0, chance.lognormvariate(-6, 2), chance.lognormvariate(-1, 2)))
        rows.append(
            {
                "call_id": uuid.UUID(int=number + 1),
                "timestamp": None if chance.random() < 0.01 else moment(chance, now),
                "repository": chance.choice(REPOSITORIES),
                "branch": chance.choice(BRANCHES),
                "environment": chance.choice(("ci", "local", None)),
                "phase": chance.choice(("1", "2", "3.1", None)),
                "model": chance.choice(MODELS),
                "prompt_name": chance.choice(("plan", "review", None)),
                "user_id": chance.choice(("ada", "bob", None)),
                "source": chance.choice(("base", "codex", None)),
                "session_id": chance.choice(("s1", "s2", "s3", None)),
                "success": success,
                "error_message": chance.choice(ERRORS) if success is False else None,
                "estimated_cost": None if cost is None else f"{cost:.12f}",
                "input_tokens": input_tokens,
                "output_tokens": chance.choice((None, chance.randrange(5000))),
                "cache_read_tokens": cached,
                "duration_ms": None if took is None else round(took * 100),
            }
        )
    return rows


def coverage_of(chance: random.Random, runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            "snapshot_id": uuid.UUID(int=number + 1),
            "repository": run["repository"],
            "branch": run["branch"],
            "github_run_id": run["github_run_id"],
            "run_attempt": run["run_attempt"],
            "report_name": "coverage.xml",
            "percent": chance.choice((None, round(chance.uniform(60, 95), 2))),
            "measured_at": run["completed_at"],
        }
        for number, run in enumerate(runs)
        if chance.random() < 0.3
    ]


def fill(database: Database, chance: random.Random, amount: int = 500) -> None:
    """Fill a migrated store."""
    now = datetime.now(timezone.utc)
    runs = runs_of(chance, now, amount)
    jobs = jobs_of(chance, runs)
    with database.connect() as connection:
        for column in ("repository", "branch", "environment"):
            connection.execute(
                sql.SQL("alter table {} add column if not exists {} text").format(
                    sql.Identifier(database.schema, "llm_calls"), sql.Identifier(column)
                )
            )
    copy(database, "workflow_runs", runs)
    copy(database, "workflow_jobs", jobs)
    copy(database, "workflow_steps", steps_of(chance, jobs))
    copy(database, "llm_calls", calls_of(chance, now, 3 * amount))
    copy(database, "coverage_snapshots", coverage_of(chance, runs))


def copy(database: Database, table: str, rows: list[dict[str, Any]]) -> None:
    """Put rows into a table."""
    if not rows:
        return
    with database.connect() as connection:
        columns = list(rows[0])
        statement = sql.SQL("copy {} ({}) from stdin").format(
            sql.Identifier(database.schema, table),
            sql.SQL(", ").join(map(sql.Identifier, columns)),
        )
        with connection.cursor().copy(statement) as into:
            for row in rows:
                into.write_row([row[name] for name in columns])

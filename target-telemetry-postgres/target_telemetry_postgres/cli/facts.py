"""What is known of the modelled tables: when a row happened, whether it went well, what it cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from target_telemetry_postgres.table_names import STORED_AT


@dataclass(frozen=True, slots=True)
class Outcome:
    """Which values of a column mean success, and which mean failure; others are neither."""

    column: str
    good: tuple[str, ...] = ("true",)
    bad: tuple[str, ...] = ("false",)


@dataclass(frozen=True, slots=True)
class Facts:
    """How the statistics read one table."""

    time: str | None = None
    last_time: str | None = None
    outcome: Outcome | None = None
    cost: str | None = None


# A skipped, cancelled or neutral run neither worked nor broke.
_CONCLUSION: Final = Outcome(
    "conclusion", good=("success",), bad=("failure", "timed_out", "startup_failure")
)

MODELLED: Final[dict[str, Facts]] = {
    "workflow_runs": Facts("started_at", outcome=_CONCLUSION),
    "workflow_jobs": Facts("started_at", outcome=_CONCLUSION),
    "workflow_steps": Facts("started_at", outcome=_CONCLUSION),
    "workflows": Facts("workflow_created_at", last_time="workflow_updated_at"),
    "coverage_snapshots": Facts("measured_at"),
    "llm_calls": Facts("timestamp", outcome=Outcome("success"), cost="estimated_cost"),
    "llm_usage_buckets": Facts("bucket_start", last_time="bucket_end", cost="cost"),
    "llm_csv_files": Facts("first_timestamp", last_time="last_timestamp"),
    "llm_csv_rejects": Facts("seen_at"),
    "ingest_runs": Facts(
        "started_at", outcome=Outcome("status", good=("succeeded",), bad=("failed", "interrupted"))
    ),
    "rejected_records": Facts("rejected_at"),
    "token_estimation_v2_events": Facts("timestamp", outcome=Outcome("success")),
    "chat_telemetry_log": Facts("created_at"),
    "pr_traces": Facts("start_time", last_time="end_time"),
    "pr_trace_events": Facts("ts"),
}


def event_time(table: str, columns: dict[str, str]) -> str | None:
    """The column that says when a row happened; when it was stored, for a table without one."""
    known = MODELLED.get(table, Facts()).time
    for column in (known, STORED_AT):
        if column is not None and column in columns:
            return column
    return None

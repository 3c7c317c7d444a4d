"""Names of tables and columns that several parts go by."""

from __future__ import annotations

from typing import Final

#: The column that says when a row was stored, in every modelled table.
STORED_AT: Final = "created_at"

#: What the ledger's names begin with where the plain ones belong to somebody else.
LEDGER_PREFIX: Final = "_telemetry_"
#: Alembic's table in the schema, where no other application's Alembic looks.
VERSION_TABLE: Final = "version"

#: The branch of the migrations that keeps account of runs, so it comes first and everywhere.
LEDGER: Final = "ledger"
#: The tables that each other branch makes for streams.
SYSTEMS: Final[dict[str, tuple[str, ...]]] = {
    "pipelines": (
        "workflow_runs",
        "workflow_jobs",
        "workflow_steps",
        "workflows",
        "repositories",
        "github_gaps",
        "pull_requests",
        "deployments",
        "job_annotations",
        "billing_usage",
    ),
    "coverage": ("coverage_snapshots",),
    "llm": ("llm_calls", "llm_usage_buckets", "llm_csv_files", "llm_csv_rejects"),
    "chat": ("chat_telemetry_log",),
    "traces": ("pr_traces", "pr_trace_events"),
    "estimation": ("token_estimation_v2_events",),
}

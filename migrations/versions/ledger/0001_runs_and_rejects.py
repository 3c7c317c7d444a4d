"""What the target keeps about itself: runs, rejected records, retention."""

from __future__ import annotations

from alembic import op

revision = "ledger_0001"
down_revision = None
branch_labels = ("ledger",)
depends_on = None

TABLES = """
CREATE TABLE {prefix}ingest_runs (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run_id uuid NOT NULL,
    stream text NOT NULL,
    state_id text,
    status text NOT NULL,
    started_at timestamptz NOT NULL DEFAULT now(),
    last_write_at timestamptz,
    finished_at timestamptz,
    rows_read bigint NOT NULL DEFAULT 0,
    rows_inserted bigint NOT NULL DEFAULT 0,
    rows_updated bigint NOT NULL DEFAULT 0,
    rows_unchanged bigint NOT NULL DEFAULT 0,
    rows_deleted bigint NOT NULL DEFAULT 0,
    rows_rejected bigint NOT NULL DEFAULT 0,
    rows_expired bigint NOT NULL DEFAULT 0,
    rows_pruned bigint NOT NULL DEFAULT 0,
    error text,
    created_at timestamptz NOT NULL DEFAULT now(),
    CHECK (status IN ('running', 'succeeded', 'failed', 'interrupted')),
    UNIQUE (run_id, stream)
);
CREATE INDEX ON {prefix}ingest_runs (created_at);
CREATE INDEX {prefix}ingest_runs_running_idx ON {prefix}ingest_runs (run_id)
    WHERE status = 'running';
CREATE INDEX ON {prefix}ingest_runs (started_at);
CREATE INDEX ON {prefix}ingest_runs (stream, started_at);

CREATE TABLE {prefix}rejected_records (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    reject_id uuid NOT NULL DEFAULT gen_random_uuid(),
    run_id uuid,
    stream text NOT NULL,
    line_number bigint,
    column_name text,
    reason text NOT NULL,
    record jsonb,
    rejected_at timestamptz NOT NULL DEFAULT now(),
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (reject_id)
);
CREATE INDEX ON {prefix}rejected_records (created_at);
CREATE INDEX ON {prefix}rejected_records (run_id);
CREATE INDEX ON {prefix}rejected_records (stream, rejected_at);

CREATE TABLE {prefix}retention_policies (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    table_name text NOT NULL,
    column_name text NOT NULL,
    keep interval NOT NULL,
    cutoff timestamptz NOT NULL,
    pruned_at timestamptz NOT NULL,
    rows_pruned bigint NOT NULL,
    is_complete boolean NOT NULL,
    oldest_left timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (table_name)
);
"""


def prefix() -> str:
    """What the ledger's names begin with here, as `env.py` found it."""
    return str(op.get_context().opts["ledger_prefix"])


def upgrade() -> None:
    """Make the tables."""
    op.execute(TABLES.format(prefix=prefix()))


def downgrade() -> None:
    """Drop them, and what they hold."""
    for table in ("retention_policies", "rejected_records", "ingest_runs"):
        op.execute(f"DROP TABLE {prefix()}{table}")

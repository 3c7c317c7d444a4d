"""A view that answers: is each pipeline still loading, how far behind, and what is pruned next?"""

from __future__ import annotations

from alembic import op

revision = "ledger_0002"
down_revision = "ledger_0001"
branch_labels = None
depends_on = None

VIEW = """
CREATE VIEW {prefix}pipeline_health AS
WITH latest AS (
    SELECT DISTINCT ON (stream)
        stream, status AS last_status, started_at AS last_started_at, error AS last_error
    FROM {prefix}ingest_runs
    ORDER BY stream, started_at DESC, id DESC
),
loads AS (
    SELECT
        stream,
        max(coalesce(finished_at, last_write_at)) FILTER (WHERE status = 'succeeded')
            AS last_loaded_at,
        max(last_write_at) FILTER (WHERE rows_inserted + rows_updated + rows_deleted > 0)
            AS last_changed_at,
        sum(rows_inserted) AS rows_inserted,
        sum(rows_updated) AS rows_updated,
        sum(rows_rejected) AS rows_rejected,
        sum(rows_read) AS rows_read,
        count(*) AS runs
    FROM {prefix}ingest_runs
    GROUP BY stream
),
recent AS (
    SELECT
        stream,
        count(*) AS runs,
        count(*) FILTER (WHERE status IN ('failed', 'interrupted')) AS failed_runs,
        sum(rows_read) AS rows_read,
        sum(rows_rejected) AS rows_rejected
    FROM {prefix}ingest_runs
    WHERE started_at > now() - interval '7 days'
    GROUP BY stream
)
SELECT
    latest.stream,
    latest.last_status,
    latest.last_started_at,
    latest.last_error,
    loads.last_loaded_at,
    now() - loads.last_loaded_at AS lag,
    loads.last_changed_at,
    loads.runs,
    loads.rows_read,
    loads.rows_inserted,
    loads.rows_updated,
    coalesce(recent.runs, 0) AS runs_7_days,
    coalesce(recent.failed_runs, 0) AS failed_runs_7_days,
    coalesce(recent.rows_read, 0) AS rows_read_7_days,
    coalesce(recent.rows_rejected, 0) AS rows_rejected_7_days,
    round(recent.rows_rejected / nullif(recent.rows_read, 0), 4) AS rejected_share_7_days,
    policy.keep AS retention,
    policy.pruned_at AS last_pruned_at,
    policy.rows_pruned AS last_pruned_rows,
    -- The oldest row that is left is the next to go; rows past it wait for the next run.
    policy.oldest_left + policy.keep AS next_prune_at
FROM latest
JOIN loads USING (stream)
LEFT JOIN recent USING (stream)
LEFT JOIN {prefix}retention_policies AS policy ON policy.table_name = latest.stream
"""


def prefix() -> str:
    """What the ledger's names begin with here, as `env.py` found it."""
    return str(op.get_context().opts["ledger_prefix"])


def upgrade() -> None:
    """Make the view."""
    op.execute(VIEW.format(prefix=prefix()))


def downgrade() -> None:
    """Drop it."""
    op.execute(f"DROP VIEW {prefix()}pipeline_health")

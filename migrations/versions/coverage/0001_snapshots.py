"""Coverage of a commit's tests, which both taps send."""

from __future__ import annotations

from alembic import op

revision = "coverage_0001"
down_revision = None
branch_labels = ("coverage",)
depends_on = None

TABLE = """
CREATE TABLE coverage_snapshots (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    snapshot_id uuid NOT NULL,
    repository text,
    branch text,
    commit_sha text,
    github_run_id bigint,
    run_attempt bigint,
    report_name text,
    format text,
    lines_covered bigint,
    lines_total bigint,
    branches_covered bigint,
    branches_total bigint,
    percent numeric,
    measured_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (snapshot_id)
);
CREATE INDEX ON coverage_snapshots (created_at);
CREATE INDEX ON coverage_snapshots (github_run_id);
CREATE INDEX ON coverage_snapshots (measured_at);
"""


def upgrade() -> None:
    """Make the table."""
    op.execute(TABLE)


def downgrade() -> None:
    """Drop it, and what it holds."""
    op.execute("DROP TABLE coverage_snapshots")

"""Estimates of how much a model will say, beside what it said."""

from __future__ import annotations

from alembic import op

revision = "estimation_0001"
down_revision = None
branch_labels = ("estimation",)
depends_on = None

TABLE = """
CREATE TABLE token_estimation_v2_events (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id text NOT NULL,
    run_id text,
    phase_id text,
    timestamp timestamptz,
    category text,
    complexity text,
    deliverable_count bigint,
    deliverables_json jsonb,
    predicted_output_tokens bigint,
    actual_output_tokens bigint,
    selected_budget bigint,
    success boolean,
    truncated boolean,
    stop_reason text,
    model text,
    smape_percent numeric,
    waste_ratio numeric,
    underestimated boolean,
    actual_source text,
    computed jsonb,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (event_id)
);
CREATE INDEX ON token_estimation_v2_events (created_at);
CREATE INDEX ON token_estimation_v2_events (timestamp);
CREATE INDEX ON token_estimation_v2_events (run_id);
CREATE INDEX ON token_estimation_v2_events (category, complexity, timestamp);
"""


def upgrade() -> None:
    """Make the table."""
    op.execute(TABLE)


def downgrade() -> None:
    """Drop it, and what it holds."""
    op.execute("DROP TABLE token_estimation_v2_events")

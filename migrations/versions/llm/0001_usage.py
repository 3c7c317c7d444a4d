"""LLM usage: calls, provider's sums, and the files they came from."""

from __future__ import annotations

from alembic import op

revision = "llm_0001"
down_revision = None
branch_labels = ("llm",)
depends_on = None

TABLES = """
CREATE TABLE llm_calls (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    call_id uuid NOT NULL,
    timestamp timestamptz,
    phase text,
    prompt_name text,
    model text,
    provider text,
    input_tokens bigint,
    output_tokens bigint,
    total_tokens bigint,
    cache_read_tokens bigint,
    cache_write_tokens bigint,
    reasoning_tokens bigint,
    estimated_cost numeric(18,12),
    cost_source text,
    price_version text,
    success boolean,
    error_message text,
    duration_ms bigint,
    ttft_ms bigint,
    session_id text,
    user_id text,
    finish_reason text,
    notes text,
    source text,
    source_file text,
    source_line bigint,
    extra jsonb,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (call_id)
);
CREATE INDEX ON llm_calls (created_at);
CREATE INDEX ON llm_calls (model, timestamp);
CREATE INDEX ON llm_calls (timestamp, session_id, prompt_name);

CREATE TABLE llm_usage_buckets (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    bucket_id uuid NOT NULL,
    bucket_start timestamptz,
    bucket_end timestamptz,
    source text,
    provider text,
    model text,
    dimensions jsonb,
    requests bigint,
    input_tokens bigint,
    output_tokens bigint,
    cache_read_tokens bigint,
    cache_write_tokens bigint,
    reasoning_tokens bigint,
    cost numeric,
    cost_source text,
    source_file text,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (bucket_id)
);
CREATE INDEX ON llm_usage_buckets (created_at);
CREATE INDEX ON llm_usage_buckets (bucket_start);
CREATE INDEX ON llm_usage_buckets (model, bucket_start);

CREATE TABLE llm_csv_files (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    file_id text NOT NULL,
    path text,
    stream text,
    dialect text,
    status text,
    size_bytes bigint,
    offset_bytes bigint,
    generation bigint,
    rows_read bigint,
    rows_emitted bigint,
    rows_rejected bigint,
    rows_skipped bigint,
    rows_recovered bigint,
    first_timestamp timestamptz,
    last_timestamp timestamptz,
    message text,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (file_id)
);
CREATE INDEX ON llm_csv_files (created_at);

CREATE TABLE llm_csv_rejects (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    reject_id uuid NOT NULL,
    file_id text,
    path text,
    line_number bigint,
    byte_offset bigint,
    code text,
    column_name text,
    message text,
    raw text,
    severity text,
    seen_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (reject_id)
);
CREATE INDEX ON llm_csv_rejects (created_at);
CREATE INDEX ON llm_csv_rejects (file_id);
CREATE INDEX ON llm_csv_rejects (seen_at);
"""


def upgrade() -> None:
    """Make the tables."""
    op.execute(TABLES)


def downgrade() -> None:
    """Drop them, and what they hold."""
    op.execute("DROP TABLE llm_csv_rejects, llm_csv_files, llm_usage_buckets, llm_calls")

"""Chat requests, closed row by row, and what the models cost that answered them."""

from __future__ import annotations

from alembic import op

revision = "chat_0001"
down_revision = None
branch_labels = ("chat",)
depends_on = None

TABLE = """
CREATE TABLE chat_telemetry_log (
    log_id uuid PRIMARY KEY,
    user_id text NOT NULL,
    conversation_id text,
    response_id text,
    created_at timestamptz NOT NULL DEFAULT now(),
    user_question text NOT NULL,
    ai_response text,
    generated_sql text,
    sql_fingerprint text,
    result_row_count bigint,
    follow_up_suggestions jsonb,
    error_type text,
    error_message text,
    failed_step text,
    is_off_topic boolean NOT NULL DEFAULT false,
    sql_model text,
    response_model text,
    nl_to_sql_duration_ms bigint,
    sql_execution_duration_ms bigint,
    response_generation_duration_ms bigint,
    ttfb_ms bigint,
    sql_input_tokens bigint,
    sql_output_tokens bigint,
    sql_cached_tokens bigint,
    response_input_tokens bigint,
    response_output_tokens bigint,
    response_cached_tokens bigint
);
CREATE INDEX ON chat_telemetry_log (created_at);
CREATE INDEX ON chat_telemetry_log (user_id, created_at);
CREATE INDEX chat_telemetry_log_error_type_idx ON chat_telemetry_log (error_type)
    WHERE error_type IS NOT NULL;
CREATE INDEX chat_telemetry_log_sql_fingerprint_idx ON chat_telemetry_log (sql_fingerprint)
    WHERE sql_fingerprint IS NOT NULL;
"""

# The same statement, however it was laid out; literals stay as they are.
FINGERPRINT = r"""
CREATE FUNCTION chat_telemetry_log_fingerprint() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.sql_fingerprint = md5(lower(regexp_replace(NEW.generated_sql, '\s+', ' ', 'g')));
    RETURN NEW;
END
$$;
CREATE TRIGGER fingerprint BEFORE INSERT OR UPDATE ON chat_telemetry_log
    FOR EACH ROW EXECUTE FUNCTION chat_telemetry_log_fingerprint();
"""

# The writer's policy is made by `telemetry grant`, with the role; here only where it is there.
SECURITY = """
ALTER TABLE chat_telemetry_log ENABLE ROW LEVEL SECURITY;
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'telemetry_writer') THEN
        CREATE POLICY telemetry_writer_all ON chat_telemetry_log TO telemetry_writer
            USING (true) WITH CHECK (true);
    END IF;
END
$$;
"""

PRICES = """
CREATE TABLE model_prices (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    model text NOT NULL,
    valid_from date NOT NULL,
    from_input_tokens bigint NOT NULL DEFAULT 0,
    input_usd_per_million numeric NOT NULL,
    cached_input_usd_per_million numeric NOT NULL,
    output_usd_per_million numeric NOT NULL,
    source text,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (model, valid_from, from_input_tokens)
);

-- Input counts what was read from a cache. A step without any tokens made no call: it cost nothing.
-- One whose counts are not whole, or whose model has no price at that time, has no known cost.
CREATE FUNCTION model_cost(
    asked text, at timestamptz, given bigint, cached bigint, made bigint
) RETURNS numeric LANGUAGE sql STABLE PARALLEL SAFE SET search_path FROM CURRENT AS $$
    SELECT CASE
        WHEN given IS NULL AND made IS NULL AND coalesce(cached, 0) = 0 THEN 0
        WHEN coalesce(cached, 0) > given THEN NULL
        ELSE (
            SELECT (
                (given - coalesce(cached, 0)) * input_usd_per_million
                + coalesce(cached, 0) * cached_input_usd_per_million
                + made * output_usd_per_million
            ) / 1000000
            FROM model_prices
            WHERE model = asked
                AND valid_from <= (at AT TIME ZONE 'UTC')::date
                AND from_input_tokens <= given
            ORDER BY valid_from DESC, from_input_tokens DESC
            LIMIT 1
        )
    END
$$;
"""


def upgrade() -> None:
    """Make the tables, the trigger and the function."""
    op.execute(TABLE)
    op.execute(FINGERPRINT)
    op.execute(SECURITY)
    op.execute(PRICES)


def downgrade() -> None:
    """Drop them, and what they hold."""
    op.execute("DROP FUNCTION model_cost")
    op.execute("DROP TABLE model_prices, chat_telemetry_log")
    op.execute("DROP FUNCTION chat_telemetry_log_fingerprint")

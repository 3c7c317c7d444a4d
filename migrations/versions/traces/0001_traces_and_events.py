"""Traces of pull requests: what each is about, its events, and what can be measured by them."""

from __future__ import annotations

from alembic import op

revision = "traces_0001"
down_revision = None
branch_labels = ("traces",)
depends_on = None

TABLES = """
CREATE TABLE pr_traces (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    trace_id text NOT NULL,
    repository text,
    branch text,
    language text[],
    pr_id text,
    title text,
    status text,
    pr_created_at timestamptz,
    merged_at timestamptz,
    user_id text,
    ide_version text,
    os text,
    start_time timestamptz,
    end_time timestamptz,
    duration_seconds numeric,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (trace_id)
);
CREATE INDEX ON pr_traces (created_at);
CREATE INDEX ON pr_traces (pr_id);
CREATE INDEX ON pr_traces (repository, branch);
CREATE INDEX ON pr_traces (start_time);

CREATE TABLE pr_trace_events (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id text NOT NULL,
    trace_id text,
    seq bigint,
    ts timestamptz,
    received_at timestamptz,
    type text,
    payload jsonb,
    session_id text,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (event_id)
);
CREATE INDEX ON pr_trace_events (created_at);
CREATE INDEX ON pr_trace_events (trace_id, seq);
CREATE INDEX ON pr_trace_events (trace_id, ts);
CREATE INDEX ON pr_trace_events (ts);
CREATE INDEX ON pr_trace_events (session_id);
"""

# A trace's start, end and duration are those of its events, whatever comes first, whoever writes.
# Writers take turns: two transactions that each miss the other's rows would both be wrong.
TIMELINE = """
CREATE FUNCTION pr_traces_take_turns() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('pr_traces of ' || TG_TABLE_SCHEMA, 0));
    RETURN NULL;
END
$$;
CREATE TRIGGER take_turns BEFORE INSERT OR UPDATE OR DELETE ON pr_traces
    FOR EACH STATEMENT EXECUTE FUNCTION pr_traces_take_turns();
CREATE TRIGGER take_turns BEFORE INSERT OR UPDATE OR DELETE ON pr_trace_events
    FOR EACH STATEMENT EXECUTE FUNCTION pr_traces_take_turns();

CREATE FUNCTION pr_traces_timeline() RETURNS trigger LANGUAGE plpgsql
SET search_path FROM CURRENT AS $$
DECLARE
    first timestamptz;
    last timestamptz;
BEGIN
    SELECT min(ts), max(ts) INTO first, last FROM pr_trace_events WHERE trace_id = NEW.trace_id;
    IF first IS NOT NULL THEN
        NEW.start_time = first;
        NEW.end_time = last;
        NEW.duration_seconds = extract(epoch FROM last - first);
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER timeline BEFORE INSERT OR UPDATE ON pr_traces
    FOR EACH ROW EXECUTE FUNCTION pr_traces_timeline();

CREATE FUNCTION pr_trace_events_timeline() RETURNS trigger LANGUAGE plpgsql
SET search_path FROM CURRENT AS $$
BEGIN
    -- The row's own trigger works the times out; rows that have them already are left alone.
    UPDATE pr_traces t SET start_time = e.first
    FROM (
        SELECT trace_id, min(ts) AS first, max(ts) AS last
        FROM pr_trace_events
        WHERE trace_id IN (SELECT trace_id FROM touched)
        GROUP BY trace_id
    ) e
    WHERE t.trace_id = e.trace_id
        AND (t.start_time, t.end_time) IS DISTINCT FROM (e.first, e.last);
    RETURN NULL;
END
$$;
CREATE TRIGGER timeline_after_insert AFTER INSERT ON pr_trace_events
    REFERENCING NEW TABLE AS touched
    FOR EACH STATEMENT EXECUTE FUNCTION pr_trace_events_timeline();
CREATE TRIGGER timeline_after_update AFTER UPDATE ON pr_trace_events
    REFERENCING NEW TABLE AS touched
    FOR EACH STATEMENT EXECUTE FUNCTION pr_trace_events_timeline();
CREATE TRIGGER timeline_after_delete AFTER DELETE ON pr_trace_events
    REFERENCING OLD TABLE AS touched
    FOR EACH STATEMENT EXECUTE FUNCTION pr_trace_events_timeline();
"""

# Without what somebody wrote: these are figures, which everybody may see.
VIEWS = r"""
CREATE VIEW pr_trace_order AS
SELECT
    trace_id,
    -- By number; an event without one stands where its time puts it among those that have one.
    row_number() OVER (PARTITION BY trace_id ORDER BY since, seq NULLS LAST, ts, event_id)
        AS position,
    event_id, seq, ts, type, session_id
FROM (
    SELECT *, CASE WHEN seq IS NULL THEN ts ELSE
        max(ts) OVER (PARTITION BY trace_id, seq IS NULL ORDER BY seq) END AS since
    FROM pr_trace_events
) e;

CREATE VIEW pr_trace_commits AS
SELECT trace_id, event_id, ts, lower(payload ->> 'sha') AS commit_sha
FROM pr_trace_events
WHERE type = 'commit' AND payload ->> 'sha' ~* '^[0-9a-f]{6,40}$';

-- Tests, and commands that run a test runner; green, red, or neither where nothing says.
CREATE VIEW pr_trace_tests AS
SELECT trace_id, position, event_id, ts, CASE
    WHEN type = 'test' AND coalesce(failed, passed) IS NOT NULL THEN coalesce(failed, 0) = 0
    WHEN exit_code IS NOT NULL THEN exit_code = 0
    END AS is_green
FROM (
    SELECT
        o.trace_id, o.position, o.event_id, o.ts, o.type,
        CASE WHEN e.payload ->> 'exit_code' ~ '^-?\d{1,9}$'
            THEN (e.payload ->> 'exit_code')::bigint END AS exit_code,
        CASE WHEN e.payload ->> 'failed' ~ '^\d{1,9}$'
            THEN (e.payload ->> 'failed')::bigint END AS failed,
        CASE WHEN e.payload ->> 'passed' ~ '^\d{1,9}$'
            THEN (e.payload ->> 'passed')::bigint END AS passed,
        lower(e.payload ->> 'command') AS command
    FROM pr_trace_order o
    JOIN pr_trace_events e USING (event_id)
    WHERE o.type IN ('test', 'command')
) said
WHERE type = 'test'
    OR command ~ '(^|[\s;&|/])(pytest|unittest|tox|nox|jest|vitest|mocha|rspec|phpunit|ctest)\M'
    OR command ~ '\m(go|cargo|npm|pnpm|yarn|mvn|gradle|make|dotnet|mix|rake) (run )?test\M';

-- A red spell begins with a failed test after a good one (or none) and ends with the next good one;
-- one that has not ended has no end.
CREATE VIEW pr_trace_red_spells AS
SELECT trace_id, red_at, green_at, extract(epoch FROM green_at - red_at) AS seconds
FROM (
    SELECT trace_id, is_green, ts AS red_at,
        lead(ts) OVER (PARTITION BY trace_id ORDER BY position) AS green_at
    FROM (
        SELECT *, lag(is_green) OVER (PARTITION BY trace_id ORDER BY position) AS was_green
        FROM pr_trace_tests
        WHERE is_green IS NOT NULL
    ) tests
    WHERE is_green IS DISTINCT FROM was_green
) turns
WHERE NOT is_green;

CREATE VIEW pr_trace_measures AS
SELECT
    t.trace_id, t.repository, t.branch, t.pr_id, t.status, t.pr_created_at, t.merged_at,
    t.start_time, t.end_time, t.duration_seconds,
    coalesce(e.events, 0) AS events, coalesce(e.edits, 0) AS edits,
    coalesce(e.commits, 0) AS commits, coalesce(e.commands, 0) AS commands,
    coalesce(e.failed_commands, 0) AS failed_commands, coalesce(tests.tests, 0) AS tests,
    extract(epoch FROM tests.first_at - t.start_time) AS seconds_to_first_test
FROM pr_traces t
LEFT JOIN (
    SELECT
        trace_id,
        count(*) AS events,
        count(*) FILTER (WHERE type = 'edit') AS edits,
        count(*) FILTER (WHERE type = 'commit') AS commits,
        count(*) FILTER (WHERE type = 'command' AND payload ->> 'exit_code' ~ '^-?\d+$')
            AS commands,
        count(*) FILTER (
            WHERE type = 'command' AND payload ->> 'exit_code' ~ '^-?0*[1-9]\d*$'
        ) AS failed_commands
    FROM pr_trace_events
    GROUP BY trace_id
) e USING (trace_id)
LEFT JOIN (
    SELECT trace_id, count(*) AS tests, min(ts) AS first_at FROM pr_trace_tests GROUP BY trace_id
) tests USING (trace_id);
"""


def upgrade() -> None:
    """Make the tables, their triggers and the views."""
    op.execute(TABLES)
    op.execute(TIMELINE)
    op.execute(VIEWS)


def downgrade() -> None:
    """Drop them, and what they hold."""
    op.execute(
        "DROP VIEW pr_trace_measures, pr_trace_red_spells, pr_trace_tests, pr_trace_commits,"
        " pr_trace_order"
    )
    op.execute("DROP TABLE pr_trace_events, pr_traces")
    op.execute("DROP FUNCTION pr_trace_events_timeline, pr_traces_timeline, pr_traces_take_turns")

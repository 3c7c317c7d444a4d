"""The view that monitoring reads."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from target_telemetry_postgres.postgres.database import Database

RUNS = """
INSERT INTO telemetry.ingest_runs (run_id, stream, status, started_at, last_write_at, finished_at,
    rows_read, rows_inserted, rows_rejected, error)
SELECT gen_random_uuid(), stream, status, now() - ago, now() - ago, now() - ago,
    read, inserted, rejected, error
FROM (VALUES
    ('calls', 'succeeded', interval '30 days', 1000, 1000, 500, NULL),
    ('calls', 'succeeded', interval '5 hours', 80, 70, 1, NULL),
    ('calls', 'failed', interval '2 hours', 20, 0, 4, 'it broke'),
    ('calls', 'interrupted', interval '3 hours', 0, 0, 0, 'killed'),
    ('runs', 'running', interval '1 minute', 0, 0, 0, NULL)
) AS runs (stream, status, ago, read, inserted, rejected, error)
"""


def health(database: Database, columns: str) -> dict[str, tuple[Any, ...]]:
    with database.connect() as connection:
        connection.execute(RUNS)
        rows = connection.execute(
            f"SELECT stream, {columns} FROM telemetry.pipeline_health"
        ).fetchall()
    return {stream: tuple(values) for stream, *values in rows}


def test_lag_counts_from_the_last_run_that_succeeded(database: Database) -> None:
    lags = health(database, "lag, last_status, last_error")

    assert lags["calls"] == (timedelta(hours=5), "failed", "it broke")
    assert lags["runs"] == (None, "running", None)


def test_failures_and_rejects_are_those_of_the_last_week(database: Database) -> None:
    columns = "failed_runs_7_days, runs_7_days, rows_read_7_days, rejected_share_7_days, rows_read"

    assert health(database, columns)["calls"] == (2, 3, 100, Decimal("0.05"), 1100)


def test_an_empty_ledger_has_no_pipelines(database: Database) -> None:
    with database.connect() as connection:
        assert connection.execute("SELECT * FROM telemetry.pipeline_health").fetchall() == []

"""An export goes through tap-llm-csv and the target again, and changes nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from psycopg.types.json import Jsonb

from support.sample_rows import call, estimate, insert
from support.telemetry_command import telemetry

if TYPE_CHECKING:
    from target_telemetry_postgres.postgres.database import Database

BIN = Path(sys.executable).parent


def load(path: Path, database_url: str) -> None:
    environment = os.environ | {
        "TAP_LLM_CSV_PATH": str(path),
        "TARGET_TELEMETRY_POSTGRES_SQLALCHEMY_URL": database_url,
    }
    tap = subprocess.run(
        [BIN / "tap-llm-csv", "--config=ENV"], env=environment, capture_output=True, check=True
    )
    subprocess.run(
        [BIN / "target-telemetry-postgres", "--config=ENV"],
        env=environment,
        input=tap.stdout,
        capture_output=True,
        check=True,
    )


def calls(database: Database) -> list[Any]:
    with database.connect() as connection:
        return connection.execute(
            "select to_jsonb(c) - 'id' - 'created_at' - 'source' - 'source_file' - 'source_line' "
            "from telemetry.llm_calls c order by call_id"
        ).fetchall()


@pytest.mark.parametrize("kind", ["csv", "ndjson"])
def test_an_export_comes_back_under_the_same_keys(
    kind: str, database: Database, database_url: str, tmp_path: Path
) -> None:
    insert(
        database,
        "llm_calls",
        call(1, notes='said "no",\nthen yes', extra={"region": "eu", "n": [1, 2]}),
        call(2, estimated_cost=None, cost_source="unpriced", model="ours", success=False),
        call(3, cost_source="provided", estimated_cost="1.000000000001", error_message="timeout"),
        call(5, estimated_cost="123456.123456789012", cost_source="provided"),
        call(4, session_id="s", user_id="u", cache_read_tokens=5, duration_ms=3, ttft_ms=1),
    )
    before = calls(database)
    path = tmp_path / f"calls.{kind}"
    ran = telemetry("--url", database_url, "export", "llm_calls", "--output", str(path))
    assert ran.code == 0, ran.err
    with database.connect() as connection:
        connection.execute("delete from telemetry.llm_calls where call_id::text like '%1'")
    load(path, database_url)
    assert calls(database) == before


@pytest.mark.parametrize("kind", ["csv", "ndjson"])
def test_an_export_of_estimates_changes_no_row(
    kind: str, database: Database, database_url: str, tmp_path: Path
) -> None:
    insert(
        database,
        "token_estimation_v2_events",
        estimate(1, smape_percent="40", computed={"smape_percent": 0}, underestimated=False),
        estimate(2, actual_source="total_tokens", waste_ratio="0.333333333333333333"),
        estimate(3, deliverables_json=None, deliverable_count=25, truncated=None),
        estimate(4, predicted_output_tokens=-1, actual_output_tokens=0, category='a "new" one, ü'),
        estimate(5, deliverables_json=Jsonb(["a,b", 'c"d', "e\nf"]), model=None),
    )
    query = "select e::text, xmin::text from {} e order by event_id"

    def rows() -> list[Any]:
        with database.connect() as connection:
            return connection.execute(
                query.format("telemetry.token_estimation_v2_events")
            ).fetchall()

    before = rows()
    path = tmp_path / f"events.{kind}"
    arguments = ("export", "token_estimation_v2_events", "--output", str(path))
    assert telemetry("--url", database_url, *arguments).code == 0
    load(path, database_url)
    assert rows() == before

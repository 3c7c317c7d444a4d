"""Every query of the Grafana dashboards runs, and says what plain SQL says."""

from __future__ import annotations

import json
import random
import re
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from support.dashboard_rows import fill
from support.postgres import url_of
from support.telemetry_command import telemetry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import psycopg

    from support.postgres import PostgresServer
    from target_telemetry_postgres.postgres.database import Database

NOW = datetime.now(timezone.utc)
START, END = NOW - timedelta(days=60), NOW
CHOSEN = {
    "repository": ("octo/web", "(none)"),
    "workflow": ("CI", "Deploy", "(none)"),
    "model": ("gpt-5", "it's odd", "(none)"),
}


def expanded(query: str) -> str:
    """A query as Grafana sends it."""
    query = re.sub(
        r"\$__timeFilter\((\w+)\)",
        rf"\1 BETWEEN '{START.isoformat()}' AND '{END.isoformat()}'",
        query,
    )
    query = re.sub(
        r"\$__timeGroup\((\w+), \$__interval\)",
        r"floor(extract(epoch from \1)/86400)*86400",
        query,
    )
    for name, values in CHOSEN.items():
        quoted = ",".join("'" + value.replace("'", "''") + "'" for value in values)
        query = query.replace(f"${{{name}:sqlstring}}", quoted)
    assert not re.search(r"\$[\w{]", query)
    return query


@pytest.fixture(scope="module")
def store(postgres_server: PostgresServer) -> Iterator[Database]:
    name = postgres_server.make_database(migrated=True)
    database = postgres_server.database(name)
    fill(database, random.Random(5), 200)  # noqa: S311
    yield database
    postgres_server.drop_database(name)


@pytest.fixture(scope="module")
def boards(store: Database, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder: Path = tmp_path_factory.mktemp("grafana")
    url = url_of(store.conninfo)
    ran = telemetry("--url", url, "dashboard", "--grafana", "--output", str(folder))
    assert ran.code == 0, ran.err
    assert yaml.safe_load((folder / "provisioning.yaml").read_text())
    return {path.stem: json.loads(path.read_text()) for path in folder.glob("*.json")}


@pytest.fixture
def connection(store: Database) -> Iterator[psycopg.Connection[Any]]:
    """As a data source connects: read-only, without our search path."""
    with store.connect() as connected:
        connected.execute("set transaction read only")
        yield connected


def answer(connection: psycopg.Connection[Any], boards: dict[str, Any], title: str) -> list[Any]:
    (query,) = (
        panel["targets"][0]["rawSql"]
        for board in boards.values()
        for panel in board["panels"]
        if panel["title"] == title
    )
    return connection.execute(expanded(query).encode()).fetchall()


def test_every_query_of_every_dashboard_runs(
    connection: psycopg.Connection[Any], boards: dict[str, Any]
) -> None:
    assert set(boards) == {"telemetry-ci", "telemetry-llm", "telemetry-pipelines"}
    for board in boards.values():
        queries = [panel["targets"][0]["rawSql"] for panel in board["panels"]]
        queries += [choice["query"] for choice in board["templating"]["list"][1:]]
        for query in queries:
            cursor = connection.execute(expanded(query).encode())
            assert cursor.description
            if ' as "time"' in query:
                assert cursor.description[0].name == "time"


RUNS = """
  from telemetry.workflow_runs
  where coalesce(started_at, run_created_at) between %(start)s and %(end)s
    and coalesce(repository, '(none)') = any(%(repository)s)
    and coalesce(workflow_name, '(none)') = any(%(workflow)s)
"""
CALLS = """
  from telemetry.llm_calls
  where "timestamp" between %(start)s and %(end)s and coalesce(model, '(none)') = any(%(model)s)
"""
FAILED = "conclusion in ('failure', 'timed_out', 'startup_failure')"
PLAIN = {
    "Success, first attempt": "select avg((conclusion = 'success')::int)" + RUNS
    + f" and run_attempt = 1 and (conclusion = 'success' or {FAILED})",
    "Failed attempts": "select count(*)" + RUNS + f" and {FAILED}",
    "Run time, median": "select percentile_cont(0.5) within group (order by"
    " duration_seconds::float8)" + RUNS
    + f" and duration_seconds >= 0 and (conclusion = 'success' or {FAILED})",
    "Cost": "select sum(estimated_cost)" + CALLS,
    "Calls": "select count(*)" + CALLS,
    "Error rate": "select avg((not success)::int)" + CALLS,
    "Calls without a price": "select count(*)" + CALLS + " and estimated_cost is null",
    "Rejected rows, 7 days": "select coalesce(sum(rows_rejected), 0) from telemetry.ingest_runs",
}  # fmt: skip
SUMS = {
    "Outcome of runs": (2, "select count(*)" + RUNS
    + " and conclusion is distinct from 'skipped'"),
    "Cost by model": (2, "select sum(estimated_cost)" + CALLS),
    "Tokens": (3, "select sum(output_tokens)" + CALLS),
    "Models side by side": (1, "select count(*)" + CALLS),
    "Why calls fail": (1, "select count(*)" + CALLS + " and not success"),
    "Where the money goes": (2, "select sum(estimated_cost)" + CALLS),
}  # fmt: skip


def plain(connection: psycopg.Connection[Any], query: str) -> float:
    chosen = {name: list(values) for name, values in CHOSEN.items()}
    row = connection.execute(query.encode(), {**chosen, "start": START, "end": END}).fetchone()
    assert row is not None
    return float(row[0])


@pytest.mark.parametrize("title", PLAIN)
def test_a_figure_is_what_plain_sql_says(
    connection: psycopg.Connection[Any], boards: dict[str, Any], title: str
) -> None:
    ((shown,),) = answer(connection, boards, title)
    assert float(shown) == pytest.approx(plain(connection, PLAIN[title]), rel=1e-9)


@pytest.mark.parametrize("title", SUMS)
def test_the_points_and_rows_of_a_panel_add_up_to_what_plain_sql_says(
    connection: psycopg.Connection[Any], boards: dict[str, Any], title: str
) -> None:
    column, query = SUMS[title]
    shown = sum(float(row[column] or 0) for row in answer(connection, boards, title))
    assert shown == pytest.approx(plain(connection, query), rel=1e-9)

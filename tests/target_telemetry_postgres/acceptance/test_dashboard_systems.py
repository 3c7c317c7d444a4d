"""Token estimates, chat requests and traced pull requests: the page's figures against plain SQL."""

from __future__ import annotations

import random
import uuid
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

from support.browser import chromium, show
from support.dashboard_rows import copy
from support.postgres import url_of
from support.telemetry_command import telemetry

if TYPE_CHECKING:
    from pathlib import Path

    from target_telemetry_postgres.postgres.database import Database

NOW = datetime.now(timezone.utc)


def some_time(chance: random.Random) -> datetime:
    return NOW - timedelta(days=chance.uniform(0, 20))


def estimates(chance: random.Random) -> list[dict[str, Any]]:
    rows = []
    for number in range(300):
        predicted = chance.choice((None, 0, chance.randrange(1, 9000)))
        actual = chance.choice((None, 0, *[chance.randrange(1, 9000)] * 4))
        both = bool(predicted and actual)
        smape = abs(actual - predicted) / ((actual + predicted) / 2) * 100 if both else None
        rows.append(
            {
                "event_id": str(number),
                "timestamp": some_time(chance),
                "category": chance.choice(("tests", "docs", None)),
                "complexity": chance.choice(("low", "high", None)),
                "model": chance.choice(("gpt-5", None)),
                "predicted_output_tokens": predicted,
                "actual_output_tokens": actual,
                "selected_budget": chance.choice((None, 8000, 16000)),
                "truncated": chance.choice((True, False, False, None)),
                "smape_percent": None if smape is None else round(smape, 4),
            }
        )
    return rows


def chats(chance: random.Random) -> list[dict[str, Any]]:
    return [
        {
            "log_id": uuid.UUID(int=number + 1),
            "user_id": "ada",
            "created_at": some_time(chance),
            "user_question": "?",
            "is_off_topic": chance.random() < 0.2,
            "error_type": chance.choice((None, None, None, "timeout", "syntax")),
            "failed_step": chance.choice((None, "sql_execution")),
            "sql_model": chance.choice(("gpt-4o-mini", "of nobody", None)),
            "sql_input_tokens": chance.choice((None, 1000)),
            "sql_output_tokens": chance.choice((None, 100)),
            "nl_to_sql_duration_ms": chance.choice((None, chance.randrange(1, 9000))),
            "sql_execution_duration_ms": chance.choice((None, chance.randrange(1, 900))),
        }
        for number in range(300)
    ]


def traces(chance: random.Random) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    heads, events = [], []
    for number in range(30):
        opened = some_time(chance)
        heads.append(
            {
                "trace_id": f"t{number}",
                "repository": chance.choice(("octo/web", None)),
                "title": f"Pull request {number}",
                "status": chance.choice(("open", "merged", None)),
                "pr_created_at": opened,
            }
        )
        for seq in range(chance.randrange(12)):
            kind = chance.choice(("edit", "command", "test", "commit"))
            code = chance.choice((0, 1))
            events.append(
                {
                    "event_id": f"t{number}-{seq}",
                    "trace_id": f"t{number}",
                    "seq": seq,
                    "ts": opened + timedelta(minutes=7 * seq),
                    "type": kind,
                    "payload": f'{{"exit_code": {code}, "command": "ls", "failed": {code}}}',
                }
            )
    return heads, events


PLAIN = {
    "estimates": "select count(*) from token_estimation_v2_events",
    "smape-mean": "select avg(smape_percent) / 100 from judged",
    "smape-p50": "select percentile_cont(0.5) within group (order by smape_percent::float8) / 100"
    " from judged",
    "smape-p90": "select percentile_cont(0.9) within group (order by smape_percent::float8) / 100"
    " from judged",
    "underestimated": "select avg((actual_output_tokens > predicted_output_tokens)::int)"
    " from judged",
    "truncated": "select avg(coalesce(truncated, false)::int) from token_estimation_v2_events",
    "requests": "select count(*) from chat_telemetry_log",
    "chat-errors": "select avg((error_type is not null)::int) from chat_telemetry_log",
    "off-topic": "select avg(is_off_topic::int) from chat_telemetry_log",
    "chat-cost": "select sum(case when sql_model is null then 0 else model_cost(sql_model,"
    " created_at, sql_input_tokens, sql_cached_tokens, sql_output_tokens) end)"
    " from chat_telemetry_log",
    "chat-p50": "select percentile_cont(0.5) within group (order by (coalesce("
    "nl_to_sql_duration_ms, 0) + coalesce(sql_execution_duration_ms, 0))::float8) / 1000"
    " from chat_telemetry_log where error_type is null"
    " and coalesce(nl_to_sql_duration_ms, sql_execution_duration_ms) is not null",
    "traces": "select count(*) from pr_traces",
    "merged": "select count(*) from pr_traces where status = 'merged'",
    "edits": "select sum(edits) / sum(commits) from pr_trace_measures",
    "commands": "select sum(failed_commands) / sum(commands) from pr_trace_measures",
    "first-test": "select percentile_cont(0.5) within group (order by"
    " seconds_to_first_test::float8) from pr_trace_measures",
}
JUDGED = (
    "with judged as (select * from token_estimation_v2_events where truncated is not true"
    " and predicted_output_tokens > 0 and actual_output_tokens > 0) "
)


@pytest.mark.parametrize("seed", [1, 2])
def test_the_figures_of_the_further_systems_are_what_plain_sql_says(
    database: Database, tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311
    copy(database, "token_estimation_v2_events", estimates(chance))
    copy(database, "chat_telemetry_log", chats(chance))
    heads, events = traces(chance)
    copy(database, "pr_traces", heads)
    copy(database, "pr_trace_events", events)
    page = tmp_path / "page.html"
    ran = telemetry("--url", url_of(database.conninfo), "dashboard", "--output", str(page))
    assert ran.code == 0, ran.err
    with chromium() as browser, database.connect() as connection:
        connection.execute("set search_path = telemetry")
        looked = show(browser, page)
        tiles = looked.tiles()
        for name, query in PLAIN.items():
            (told,) = connection.execute((JUDGED + query).encode()).fetchone() or (None,)
            assert told is not None, name
            near = 0.05 if name in {"smape-p50", "smape-p90", "chat-p50"} else 1e-4
            assert tiles[name] == pytest.approx(float(told), rel=near, abs=1e-6), name
        assert len(looked.card("pull-requests")) == len(heads)
        looked.scroll_through()
        assert looked.complaints == []
        looked.close()

"""The reports about LLM calls, with figures computed by hand."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from support.sample_rows import NOON, call, insert
from support.telemetry_command import telemetry
from target_telemetry_postgres.pricing.model_prices import learn
from target_telemetry_postgres.pricing.prices import Prices

if TYPE_CHECKING:
    from target_telemetry_postgres.postgres.database import Database

NEXT_DAY = (NOON + timedelta(days=1)).isoformat()


@pytest.fixture
def report(database: Database, database_url: str) -> Any:
    def ask(name: str, *calls: dict[str, Any], since: str = "2026-01-01") -> list[dict[str, Any]]:
        insert(database, "llm_calls", *calls)
        period = ("--since", since, "--until", NEXT_DAY)
        ran = telemetry("--url", database_url, "report", name, *period, "--json")
        assert ran.code == 0, ran.err
        rows: list[dict[str, Any]] = ran.json
        return rows

    return ask


def some(first: int, number: int, **more: Any) -> list[dict[str, Any]]:
    return [call(first + n, **more) for n in range(number)]


def test_what_a_prompt_costs(report: Any) -> None:
    rows = report(
        "cost-per-prompt",
        call(1, prompt_name="plan", estimated_cost="0.5"),
        call(2, prompt_name="plan", estimated_cost="0.25", success=False),
        call(3, prompt_name="plan", estimated_cost=None, success=None),
        call(4, prompt_name=None, estimated_cost="0.1"),
        call(5, timestamp=NOON + timedelta(days=1)),
    )
    assert rows == [
        {"prompt": "plan", "calls": 3, "total_tokens": 3300, "cost": 0.75, "cost_per_call": 0.375,
         "success_rate": 0.5, "calls_without_cost": 1},
        {"prompt": "(none)", "calls": 1, "total_tokens": 1100, "cost": 0.1, "cost_per_call": 0.1,
         "success_rate": 1, "calls_without_cost": 0},
    ]  # fmt: skip


def test_what_a_session_costs(report: Any) -> None:
    rows = report(
        "cost-per-session",
        call(1, session_id="s", estimated_cost="0.5"),
        call(31, session_id="s", estimated_cost="0.25", success=False, model="other"),
        call(2, session_id="t", estimated_cost=None),
        call(3),
    )
    told = [(r["session"], r["calls"], r["models"], r["cost"], r["minutes"], r["failed"],
             r["calls_without_cost"]) for r in rows]  # fmt: skip
    assert told == [("s", 2, 2, 0.75, 30.0, 1, 0), ("t", 1, 1, None, 0.0, 0, 1)]


def test_what_a_user_costs(report: Any) -> None:
    rows = report(
        "cost-per-user",
        call(1, user_id="ann", session_id="a", estimated_cost="0.5"),
        call(2, user_id="ann", session_id="b", estimated_cost="0.5"),
        call(3, user_id="bob", estimated_cost="0.75", success=False),
    )
    told = [(r["user_id"], r["calls"], r["sessions"], r["cost"], r["success_rate"]) for r in rows]
    assert told == [("ann", 2, 2, 1.0, 1.0), ("bob", 1, 0, 0.75, 0.0)]


def test_what_a_successful_call_costs_with_the_failed_ones(report: Any) -> None:
    rows = report(
        "cost-per-success",
        call(1, estimated_cost="0.2"),
        call(2, estimated_cost="0.4"),
        call(3, estimated_cost="0.6", success=False),
        call(4, estimated_cost="9", success=None),
        call(5, estimated_cost=None),
        call(6, model="broken", estimated_cost="1", success=False),
    )
    by_model = {row["model"]: row for row in rows}
    good = by_model["gpt-4o-mini"]
    assert (good["succeeded"], good["failed"], good["calls_left_out"]) == (2, 1, 2)
    assert (good["cost"], good["cost_of_failures"], good["cost_per_success"]) == (1.2, 0.6, 0.6)
    assert by_model["broken"]["cost_per_success"] is None


def test_how_quickly_models_write(report: Any) -> None:
    (row,) = report(
        "tokens-per-second",
        call(1, output_tokens=100, duration_ms=1000),
        call(2, output_tokens=300, duration_ms=1000),
        call(3, output_tokens=100, duration_ms=2000),
        call(4, output_tokens=100, duration_ms=0),
        call(5, output_tokens=0, duration_ms=500),
        call(6, output_tokens=100, duration_ms=None),
        call(7, output_tokens=1, duration_ms=90_000, success=False),
    )
    # 100, 300 and 50 a second; 500 tokens in 4 seconds
    assert row == {
        "model": "gpt-4o-mini", "calls": 3, "tokens_per_second": 125.0, "slowest_5_percent": 55.0,
        "p50": 100.0, "p95": 280.0,
    }  # fmt: skip


def test_how_long_one_waits_for_the_first_token(report: Any) -> None:
    (row,) = report(
        "time-to-first-token",
        *[call(n, ttft_ms=n * 100) for n in range(1, 12)],
        call(20, ttft_ms=None),
    )
    assert row == {
        "model": "gpt-4o-mini", "calls": 11, "p50_ms": 600, "p95_ms": 1050, "p99_ms": 1090,
        "longest_ms": 1100,
    }  # fmt: skip


def test_why_calls_fail(report: Any) -> None:
    rows = report(
        "error-reasons",
        call(1, success=False, error_message="timeout after 30 s", estimated_cost="0.1"),
        call(
            2, success=False, error_message="timeout  after 45 s", model="b", estimated_cost="0.2"
        ),
        call(3, success=False, error_message="no tool 'grep' in list"),
        call(4, success=False, error_message=None, finish_reason="length"),
        call(5, success=True, error_message="not a failure"),
    )
    told = [(r["reason"], r["finish_reason"], r["failures"], r["share"], r["models"]) for r in rows]
    assert told == [
        ("timeout after # s", "(none)", 2, 0.5, 2),
        ("(no message)", "length", 1, 0.25, 1),
        ("no tool … in list", "(none)", 1, 0.25, 1),
    ]
    assert rows[0]["cost"] == 0.3


def test_prompts_that_got_worse(report: Any) -> None:
    last_month = NOON - timedelta(days=10)
    rows = report(
        "prompt-regressions",
        # 10 of 20 fail now, 10 of 100 failed before: z = 0.4 / sqrt(1/6 * 5/6 * (1/20 + 1/100))
        *some(100, 10, prompt_name="plan", success=False, duration_ms=400, estimated_cost="0.2"),
        *some(200, 10, prompt_name="plan", duration_ms=400, estimated_cost="0.4"),
        *some(300, 10, prompt_name="plan", timestamp=last_month, success=False, duration_ms=100),
        *some(400, 90, prompt_name="plan", timestamp=last_month, duration_ms=200),
        *some(500, 3, prompt_name="new", output_tokens=7),
        *some(600, 5, prompt_name="gone", timestamp=last_month),
        *some(700, 5, prompt_name="older", timestamp=NOON - timedelta(days=40)),
    )
    plan, new = rows
    assert (plan["prompt"], plan["calls"], plan["calls_earlier"]) == ("plan", 20, 100)
    assert (plan["failure_rate"], plan["failure_rate_earlier"], plan["z"]) == (0.5, 0.1, 4.4)
    assert (plan["p50_ms"], plan["p50_ms_earlier"]) == (400, 200)
    assert (plan["cost_per_call"], plan["cost_per_call_earlier"]) == (0.3, 0.00021)
    assert (new["prompt"], new["calls"], new["calls_earlier"], new["z"]) == ("new", 3, 0, None)
    assert new["output_tokens"] == 7


def test_what_caches_saved_at_the_price_of_the_day(report: Any, database: Database) -> None:
    price = {
        "model": "m", "input_usd_per_million": 2, "cached_input_usd_per_million": "0.5",
        "output_usd_per_million": 9,
    }  # fmt: skip
    insert(
        database,
        "model_prices",
        price | {"valid_from": "2026-01-01"},
        price | {"valid_from": "2026-02-01", "input_usd_per_million": 1},
    )
    cached = {"model": "m", "input_tokens": 1_000_000}
    rows = report(
        "cache-savings",
        # 400,000 at 0.5 less, 800,000 at 1.5 less, and nothing
        call(1, cache_read_tokens=400_000, cache_write_tokens=100, **cached),
        call(2, cache_read_tokens=800_000, timestamp=NOON - timedelta(days=1), **cached),
        call(3, cache_read_tokens=0, **cached),
        call(4, cache_read_tokens=None, **cached),
        call(5, cache_read_tokens=10, model="unknown"),
    )
    assert rows[0] == {
        "model": "m", "calls": 3, "calls_with_hits": 2, "input_tokens": 3_000_000,
        "read_tokens": 1_200_000, "written_tokens": 100, "read_share": 0.4, "saved": 1.4,
        "calls_without_price": 0,
    }  # fmt: skip
    assert (rows[1]["saved"], rows[1]["calls_without_price"]) == (None, 1)


def test_a_load_notes_what_the_models_of_its_calls_cost(
    database: Database, database_url: str
) -> None:
    insert(
        database,
        "llm_calls",
        call(1, model="gpt-4o"),
        call(2, model="gpt-4o-mini"),
        call(3, model="provided", cost_source="provided"),
        call(4, model="nobody-knows-it"),
        call(5, model=None),
    )
    insert(
        database,
        "model_prices",
        {
            "model": "gpt-4o-mini", "valid_from": "2026-01-01", "input_usd_per_million": 7,
            "cached_input_usd_per_million": 7, "output_usd_per_million": 7,
        },
    )  # fmt: skip
    with database.connect() as connection:
        assert learn(connection, database.schema, Prices({}, {})) == 1
        noted = connection.execute(
            "select model, input_usd_per_million, cached_input_usd_per_million"
            " from telemetry.model_prices order by 1"
        ).fetchall()
        assert noted == [("gpt-4o", Decimal("2.5"), Decimal("1.25")), ("gpt-4o-mini", 7, 7)]
        assert learn(connection, database.schema, Prices({}, {})) == 0
        assert learn(connection, database.schema, Prices({}, {}), again=True) == 0


def test_a_reader_is_told_of_a_column_that_is_closed(database: Database, database_url: str) -> None:
    insert(database, "llm_calls", call(1, user_id="ann"))
    with database.connect() as connection:
        name = f"r{abs(hash(database_url))}"
        connection.execute(f"create role {name}")
        connection.execute(f"grant usage on schema telemetry to {name}")
        connection.execute(f"grant select (model, estimated_cost) on telemetry.llm_calls to {name}")
    try:
        options = f"options=-c%20role%3D{name}"
        url = f"{database_url}{'&' if '?' in database_url else '?'}{options}"
        ran = telemetry("--url", url, "report", "cost-per-user", "--since", "2026-01-01", "--json")
        assert (ran.code, ran.out) == (1, "")
        assert 'may not read user_id of "llm_calls", which the report cost-per-user' in ran.err
    finally:
        with database.connect() as connection:
            connection.execute(f"drop owned by {name}")
            connection.execute(f"drop role {name}")

"""`telemetry reprice`: estimates follow the prices, everything else stays."""

from __future__ import annotations

import itertools
import json
import os
import random
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from genai_prices import Usage, calc_price
from genai_prices.data import providers

from support.sample_rows import call, insert
from support.telemetry_command import telemetry
from target_telemetry_postgres.pricing import reprice
from target_telemetry_postgres.pricing.prices import Prices

if TYPE_CHECKING:
    from target_telemetry_postgres.postgres.database import Database


FULL = os.environ.get("TELEMETRY_PROOF") == "full"


def costs(database: Database) -> list[Any]:
    with database.connect() as connection:
        return connection.execute(
            "select estimated_cost, cost_source, price_version is not null, xmin::text "
            "from telemetry.llm_calls order by call_id"
        ).fetchall()


def right_price(model: str, when: datetime, **usage: int) -> Decimal:
    return calc_price(Usage(**usage), model, genai_request_timestamp=when).total_price


def test_an_estimate_is_brought_to_the_price_of_its_own_day(
    database: Database, database_url: str
) -> None:
    june = datetime(2025, 6, 1, tzinfo=timezone.utc)
    july = datetime(2025, 7, 1, tzinfo=timezone.utc)
    insert(
        database,
        "llm_calls",
        call(1, model="o3", timestamp=june, estimated_cost="9"),
        call(2, model="o3", timestamp=july, estimated_cost=None, cost_source="unpriced"),
    )
    ran = telemetry("--url", database_url, "reprice", "--json")
    assert ran.code == 0, ran.err
    tokens = {"input_tokens": 1000, "output_tokens": 100}
    first, second = costs(database)
    assert first[:3] == (right_price("o3", june, **tokens), "estimated", True)
    assert second[:3] == (right_price("o3", july, **tokens), "estimated", True)
    assert first[0] > second[0]
    (model,) = ran.json["models"]
    assert (model["model"], model["calls"], model["changed"]) == ("o3", 2, 2)


def test_costs_that_were_given_are_never_touched(database: Database, database_url: str) -> None:
    insert(
        database,
        "llm_calls",
        call(1, cost_source="provided", estimated_cost="1"),
        call(2, cost_source="covered", estimated_cost="0"),
        call(3, cost_source=None, estimated_cost=None),
    )
    before = costs(database)
    assert telemetry("--url", database_url, "reprice").code == 0
    assert costs(database) == before


def test_a_second_repricing_writes_nothing(database: Database, database_url: str) -> None:
    insert(database, "llm_calls", *[call(n, estimated_cost="5") for n in range(1, 6)])
    telemetry("--url", database_url, "reprice")
    before = costs(database)
    ran = telemetry("--url", database_url, "reprice")
    assert "0 calls got another cost" in ran.out
    assert costs(database) == before


def test_a_dry_run_says_the_same_and_writes_nothing(database: Database, database_url: str) -> None:
    insert(database, "llm_calls", call(1, estimated_cost="5"))
    before = costs(database)
    dry = telemetry("--url", database_url, "reprice", "--dry-run", "--json")
    assert costs(database) == before
    real = telemetry("--url", database_url, "reprice", "--json")
    assert dry.json["models"] == real.json["models"]


def test_an_unknown_model_keeps_its_estimate_and_an_alias_prices_it(
    database: Database, database_url: str
) -> None:
    insert(
        database,
        "llm_calls",
        call(1, model="our-fast-model", estimated_cost="5"),
        call(2, model="our-fast-model", estimated_cost=None, cost_source="unpriced"),
    )
    ran = telemetry("--url", database_url, "reprice", "--json")
    assert [(m["changed"], m["unpriced"]) for m in ran.json["models"]] == [(0, 1)]
    assert [row[0] for row in costs(database)] == [Decimal(5), None]
    ran = telemetry("--url", database_url, "reprice", "--alias", "our-fast-model=gpt-4o-mini")
    assert "2 calls got another cost" in ran.out, ran.err


def test_only_the_chosen_model_and_time_are_repriced(database: Database, database_url: str) -> None:
    insert(
        database,
        "llm_calls",
        call(1, estimated_cost="5"),
        call(90, estimated_cost="5"),
        call(91, estimated_cost="5", model="gpt-4o"),
    )
    ran = telemetry(
        *("--url", database_url, "reprice", "--model", "gpt-4o-mini"),
        *("--since", "2026-02-01T13:00:00Z"),
    )
    assert "1 call got another cost" in ran.out, ran.err
    assert [row[0] == 5 for row in costs(database)] == [True, False, True]


def test_many_calls_go_in_batches_and_each_goes_once(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reprice, "BATCH", 7)
    monkeypatch.setattr(reprice, "SLICE", 5)
    # Several of one instant, and times at the ends of what Postgres counts, which have no day.
    times = ["2026-01-01T00:00:00Z"] * 9 + ["infinity", "-infinity"]
    rows = [call(n, estimated_cost="5") for n in range(1, 24)]
    rows += [call(30 + n, estimated_cost="5", timestamp=at) for n, at in enumerate(times)]
    insert(database, "llm_calls", *rows)
    ran = telemetry("--url", database_url, "reprice")
    assert "32 calls got another cost" in ran.out, ran.err
    assert sum(row[0] < 1 for row in costs(database)) == 32


def test_a_model_that_must_be_asked_for_each_call_costs_the_same(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    insert(database, "llm_calls", *[call(n, estimated_cost="5") for n in range(1, 24)])
    expected = telemetry("--url", database_url, "reprice", "--dry-run", "--json").json
    monkeypatch.setattr(reprice, "rates", lambda *_: None)
    monkeypatch.setattr(reprice, "BATCH", 7)

    assert telemetry("--url", database_url, "reprice", "--dry-run", "--json").json == expected
    assert "23 calls got another cost" in telemetry("--url", database_url, "reprice").out


@pytest.mark.proof
def test_sql_multiplies_to_what_the_prices_say_of_each_call(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose = random.Random(None if FULL else 7)  # noqa: S311 - the same calls each time
    overrides = {
        "our-model": [
            {"from": "2025-01-01", "input": 1, "output": "2.5", "cache_read": 0.1, "reasoning": 3},
            {"from": "2025-06-01", "input": 0.123456789, "output": "0.0000005"},
        ]
    }
    monkeypatch.setenv("TAP_LLM_CSV_PRICE_OVERRIDES", json.dumps(overrides))
    prices = Prices({}, overrides)
    known = [(model.id, provider.id) for provider in providers for model in provider.models]
    special = [pair for pair in known if pair[1] == "deepseek" or "gemini" in pair[0]]
    models = [*choose.sample(known, 60), *special, ("our-model", None), ("nobody-knows", None)]
    rows = []
    for number in range(20_000 if FULL else 800):
        model, provider = choose.choice([*models, ("our-model", None)])
        given = choose.choice([0, 1, 200_000, 200_001, choose.randrange(400_000), None])
        made = choose.choice([0, 1, choose.randrange(50_000), 10**12, None])
        cached = choose.randrange((given or 0) + 1)
        at = datetime(2024, 11, 1, tzinfo=timezone.utc)
        rows.append(
            call(
                number,
                model=model,
                provider=provider,
                timestamp=at + timedelta(minutes=choose.randrange(60 * 24 * 700)),
                input_tokens=given,
                output_tokens=made,
                cache_read_tokens=choose.choice([None, 0, cached, 10**6]),
                cache_write_tokens=choose.choice([None, 0, 0, (given or 0) - cached]),
                reasoning_tokens=choose.choice([None, 0, 7, made]),
                estimated_cost=choose.choice([None, "5"]),
                price_version=choose.choice([None, "price_overrides", "older"]),
            )
        )
    insert(database, "llm_calls", *rows)
    with database.connect() as connection:
        names = ", ".join(reprice.Call._fields).replace(" cost", " estimated_cost")
        calls = connection.execute(f"SELECT {names} FROM telemetry.llm_calls").fetchall()

    assert telemetry("--url", database_url, "reprice").code == 0

    with database.connect() as connection:
        stored = dict(
            connection.execute("SELECT call_id, estimated_cost FROM telemetry.llm_calls").fetchall()
        )
    priced = 0
    for one in itertools.starmap(reprice.Call, calls):
        expected = reprice.new_price(one, prices)
        assert stored[one.call_id] == (expected.cost if expected else one.cost), one
        priced += expected is not None
    assert priced > len(rows) / 4


def test_a_teams_own_price_gives_way_only_to_another(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    insert(database, "llm_calls", call(1, estimated_cost="5", price_version="price_overrides"))
    telemetry("--url", database_url, "reprice")
    assert costs(database)[0][0] == 5
    monkeypatch.setenv(
        "TAP_LLM_CSV_PRICE_OVERRIDES", '{"gpt-4o-mini": {"input": 1000, "output": 1000}}'
    )
    telemetry("--url", database_url, "reprice")
    assert costs(database)[0][0] == Decimal("1.1")
    monkeypatch.setenv("TAP_LLM_CSV_PRICE_OVERRIDES", "{")
    ran = telemetry("--url", database_url, "reprice")
    assert (ran.code, "TAP_LLM_CSV_PRICE_OVERRIDES is not JSON" in ran.err) == (1, True)

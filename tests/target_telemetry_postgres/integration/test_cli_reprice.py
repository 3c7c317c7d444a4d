"""`telemetry reprice`: estimates follow the prices, everything else stays."""

from __future__ import annotations

from datetime import datetime, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from genai_prices import Usage, calc_price

from support.sample_rows import call, insert
from support.telemetry_command import telemetry
from target_telemetry_postgres.pricing import reprice

if TYPE_CHECKING:
    import pytest

    from target_telemetry_postgres.postgres.database import Database


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
    insert(database, "llm_calls", *[call(n, estimated_cost="5") for n in range(1, 24)])
    ran = telemetry("--url", database_url, "reprice")
    assert "23 calls got another cost" in ran.out
    assert all(row[0] < 1 for row in costs(database))


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

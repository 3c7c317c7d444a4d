from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tap_llm_csv._shared.own_prices import PriceSettingError
from tap_llm_csv.dialects.model import PlanOptions
from tap_llm_csv.plans.choose import plan_for
from tap_llm_csv.pricing.pricer import Pricer, unpriced_hint

AT = "2026-10-05T00:00:00+00:00"
HEADER = ["timestamp", "model", "prompt_tokens", "completion_tokens", "cost"]


def row(
    options: PlanOptions, *, model: str = "gpt-4o", cost: str = "", pricer: Pricer | None = None
) -> dict[str, Any]:
    return plan_for(HEADER, options, pricer).convert(
        ["2026-10-05T10:00:00Z", model, "1000000", "0", cost]
    )


def test_an_unknown_model_has_no_cost_rather_than_none_at_all() -> None:
    pricer = Pricer()
    record = row(PlanOptions(), model="in-house-7b", pricer=pricer)
    assert record["estimated_cost"] is None
    assert record["cost_source"] == "unpriced"
    assert record["price_version"] is None
    row(PlanOptions(), model="in-house-7b", pricer=pricer)
    assert pricer.unpriced_models() == ["in-house-7b"]
    assert "model_aliases" in unpriced_hint(["in-house-7b"])


def test_a_model_whose_rows_bring_their_cost_is_not_listed() -> None:
    pricer = Pricer()
    row(PlanOptions(), model="in-house-7b", cost="0.5", pricer=pricer)
    assert pricer.unpriced_models() == []


def test_an_alias_names_the_model_whose_price_counts() -> None:
    pricer = Pricer({"My Model": "gpt-4o"})
    record = row(PlanOptions(), model="my model", pricer=pricer)
    assert record["estimated_cost"] == Decimal("2.5")
    assert record["model"] == "my model"
    assert record["price_version"].startswith("genai-prices ")


def test_a_users_price_wins_from_its_date_on() -> None:
    pricer = Pricer(
        {},
        {
            "gpt-4o": [
                {"input": "0.1", "output": 1},
                {"input": 0.3, "output": 1, "cache_read": 0.03, "from": "2026-10-01"},
            ]
        },
    )
    rate = pricer.table(None)["GPT-4o"]
    assert rate.plain("2026-09-30T23:59:59+00:00", 10**6, 0) == Decimal("0.1")
    assert rate.plain(AT, 10**6, 0) == Decimal("0.3")
    assert rate.price(AT, 10**6, 0, 10**6) == Decimal("0.03")
    assert rate.version == "price_overrides"


def test_a_price_from_a_date_says_nothing_of_the_time_before() -> None:
    rate = Pricer({}, {"m": {"input": 1, "output": 1, "from": "2026-10-01"}}).table(None)["m"]
    assert rate.plain("2026-09-30T00:00:00+00:00", 1, 1) is None


@pytest.mark.parametrize(
    "prices",
    [{"input": 1}, {"input": 1, "output": "x"}, {"input": -1, "output": 1}, [], 5,
     {"input": 1, "output": 1, "from": "soon"}, {"input": 1, "output": 1, "cached": 1},
     {"input": "NaN", "output": 1}],
)  # fmt: skip
def test_a_price_that_cannot_be_meant_is_refused_in_a_sentence(prices: object) -> None:
    with pytest.raises(PriceSettingError, match=r"price_overrides: .*m"):
        Pricer({}, {"m": prices})


@pytest.mark.parametrize(
    ("mode", "cost", "expected", "source"),
    [
        ("estimate", "", "2.5", "estimated"),
        ("estimate", "0.7", "0.7", "provided"),
        ("estimate", "0", "0", "provided"),
        ("provided", "", None, None),
        ("provided", "0.7", "0.7", "provided"),
        ("recalculate", "0.7", "2.5", "estimated"),
    ],
)
def test_who_is_asked_for_the_cost_is_a_setting(
    mode: str, cost: str, expected: str | None, source: str | None
) -> None:
    record = row(PlanOptions(pricing=mode), cost=cost)
    assert record["estimated_cost"] == (None if expected is None else Decimal(expected))
    assert record["cost_source"] == source


def test_without_pricing_no_money_is_mentioned() -> None:
    record = row(PlanOptions(pricing="off"), cost="0.7")
    assert not {"estimated_cost", "cost_source", "price_version"} & record.keys()

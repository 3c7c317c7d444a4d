"""What a call costs: the same here as where tap-llm-csv estimates it."""

from __future__ import annotations

import random
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from genai_prices.data import providers

from tap_llm_csv.pricing.pricer import pricer_for
from target_telemetry_postgres._shared.own_prices import PriceSettingError
from target_telemetry_postgres.pricing.prices import Prices, Tokens

NAMES = [
    "gpt-5-high",
    "Claude Haiku 4.5",
    "claude-4.5-opus-high-thinking",
    "anthropic/claude-sonnet-4.5",
    "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
    "deepseek/deepseek-r1:free",
    "openai/gpt-4o:nitro",
    "gemini-2.5-pro[1m]",
    "auto",
    "",
]
SOME_TIME = datetime(2025, 1, 1, tzinfo=timezone.utc)
OVERRIDES: dict[str, Any] = {
    "our-model": [
        {"input": 1, "output": "2.5", "cache_read": 0.1, "reasoning": 3},
        {"from": "2025-06-01", "input": 0.123456789, "output": 2},
    ]
}
ALIASES = {"Fast One": "gpt-4o-mini", "ours": "Our-Model"}


def test_a_thousand_calls_cost_here_what_they_cost_there() -> None:
    choose = random.Random(42)  # noqa: S311 - the same calls each time
    models = [(model.id, provider.id) for provider in providers for model in provider.models]
    chosen = [*choose.sample(models, 150), *((name, None) for name in (*NAMES, *ALIASES))]
    ours, theirs = Prices(ALIASES, OVERRIDES), pricer_for(ALIASES, OVERRIDES)
    priced = 0
    for _ in range(1000):
        model, provider = choose.choice([*chosen, ("our-model", None)])
        at = SOME_TIME + timedelta(hours=choose.randrange(24 * 600))
        given_tokens, made = choose.randrange(400_000), choose.randrange(50_000)
        read, write = choose.randrange(given_tokens + 1) // 2, choose.randrange(1000)
        reasoning = choose.choice([0, 0, made // 3, made + 1])
        ours_says = ours.price(
            model, provider, at, Tokens(given_tokens, made, read, write, reasoning)
        )
        theirs_says = theirs.table(provider)[model].price(
            at.isoformat(), given_tokens, made, read, write, 0, reasoning
        )
        expected = None if theirs_says is None else theirs_says.quantize(Decimal("1e-12"))
        assert (ours_says.cost if ours_says else None) == expected, (model, provider, at)
        priced += expected is not None
    assert priced > 500


def test_unknown_counts_and_unknown_models_have_no_cost() -> None:
    prices = Prices({}, {})
    assert prices.price("gpt-4o", None, SOME_TIME, Tokens(None, 1)) is None
    assert prices.price("nobody-knows-it", None, SOME_TIME, Tokens(1, 1)) is None
    assert prices.price("gpt-4o", None, SOME_TIME, Tokens(1, 1, read=2)) is None
    assert prices.price("gpt-4o", None, SOME_TIME, Tokens(10**13, 1)) is None


@pytest.mark.parametrize(
    "override",
    [
        {"input": 1},
        {"input": 1, "output": "x"},
        {"input": 1, "output": -1},
        5,
        {"input": True, "output": 1},
        {"input": 1, "output": 1, "from": "soon"},
        {"input": 1, "output": 1, "colour": 1},
    ],
)
def test_a_wrong_own_price_is_named(override: Any) -> None:
    with pytest.raises(PriceSettingError, match="my-model"):
        Prices({}, {"my-model": override})

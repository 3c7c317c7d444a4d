"""The compiled prices against the library that they come from."""

from __future__ import annotations

import os
import random
from datetime import datetime, timedelta, timezone
from decimal import Decimal

import pytest
from genai_prices import Usage, calc_price

from tap_llm_csv.pricing.pricer import Pricer
from tap_llm_csv.records.cells import RowReject

CASES = 100_000 if os.environ.get("TELEMETRY_PROOF") == "full" else 2_000
MODELS = (
    "claude-3-opus", "claude-3-sonnet", "claude-3-5-sonnet-20241022", "claude-sonnet-4-5-20250929",
    "claude-sonnet-4-0", "claude-opus-4-5", "claude-haiku-4-5", "gpt-4o", "gpt-4o-mini", "gpt-5",
    "gpt-5-mini", "o1-mini", "o3", "gemini-1.5-flash", "gemini-2.5-pro", "gemini-2.5-flash",
    "grok-code-fast-1", "deepseek-chat", "kimi-k2", "mistral-large-latest", "command-r-plus",
)  # fmt: skip
PLACES = Decimal("1e-12")


def library(model: str, at: datetime, **counts: int) -> Decimal:
    usage = Usage(**{name: count for name, count in counts.items() if count or "put_" in name})
    return calc_price(usage, model, genai_request_timestamp=at).total_price.quantize(PLACES)


@pytest.mark.proof
def test_random_calls_cost_what_the_library_says() -> None:
    rng = random.Random(20261101)  # noqa: S311
    table = Pricer().table(None)
    begin = datetime(2024, 1, 1, tzinfo=timezone.utc)
    for _ in range(CASES):
        model = rng.choice(MODELS)
        at = begin + timedelta(seconds=rng.randrange(3 * 365 * 86_400))
        given = rng.choice(
            (rng.randrange(2_000), rng.randrange(190_000, 210_000), 200_000, 128_000)
        )
        made = rng.randrange(20_000)
        read = rng.randrange(given + 1) if rng.random() < 0.5 else 0
        write = rng.randrange(given - read + 1) if rng.random() < 0.5 else 0
        hour = rng.randrange(write + 1) if rng.random() < 0.3 else 0
        thought = rng.randrange(made + 1) if rng.random() < 0.3 else 0
        found = table[model].price(at.isoformat(), given, made, read, write, hour, thought)
        expected = library(
            model,
            at,
            input_tokens=given,
            output_tokens=made,
            cache_read_tokens=read,
            cache_write_tokens=write,
            cache_write_1h_tokens=hour,
            output_reasoning_tokens=thought,
        )
        assert found == expected, (model, at, given, made, read, write, hour, thought)
        if not (read or write or thought):
            assert table[model].plain(at.isoformat(), given, made) == expected


def test_a_call_is_priced_at_its_own_date() -> None:
    rate = Pricer().table(None)["o3"]
    assert rate.plain("2025-06-01T00:00:00+00:00", 10**6, 0) == Decimal(10)
    assert rate.plain("2025-07-01T00:00:00+00:00", 10**6 // 10, 0) == Decimal("0.2")


def test_a_large_prompt_pays_its_tier() -> None:
    rate = Pricer().table(None)["gemini-2.5-pro"]
    small = rate.plain("2026-09-01T00:00:00+00:00", 200_000, 0)
    large = rate.plain("2026-09-01T00:00:00+00:00", 200_001, 0)
    assert large > small * Decimal("1.9")


def test_a_sum_of_calls_is_priced_only_where_its_size_does_not_matter() -> None:
    table = Pricer().table(None)
    at = "2026-09-01T00:00:00+00:00"
    assert table["gemini-2.5-pro"].price_bucket(at, 10**6, 10) is None
    assert table["gemini-2.5-pro"].price_bucket(at, 10**6, 0, size=1) == Decimal("1.25")
    assert table["gpt-4o"].price_bucket(at, 10**6, 0) == Decimal("2.5")


def test_prices_that_change_within_a_day_are_asked_for_call_by_call() -> None:
    rate = Pricer().table(None)["deepseek-chat"]
    at = datetime(2025, 6, 1, 17, tzinfo=timezone.utc)
    assert rate.plain(at.isoformat(), 1000, 1000) == library(
        "deepseek-chat", at, input_tokens=1000, output_tokens=1000
    )
    assert rate.price_bucket(at.isoformat(), 1000, 1000) is None


def test_counts_that_contradict_each_other_have_no_cost() -> None:
    rate = Pricer().table(None)["gpt-4o"]
    assert rate.price("2026-09-01T00:00:00+00:00", 10, 5, 11) is None
    assert rate.plain("2026-09-01T00:00:00+00:00", None, 5) is None


def test_a_cost_that_no_column_holds_is_refused() -> None:
    rate = Pricer().table(None)["gpt-4o"]
    with pytest.raises(RowReject) as reject:
        rate.plain("2026-09-01T00:00:00+00:00", 10**15, 0)
    assert reject.value.code == "out_of_range"


@pytest.mark.parametrize(
    ("name", "provider"),
    [
        ("Claude Haiku 4.5", "anthropic"),
        ("claude-4.5-opus-high-thinking", "anthropic"),
        ("GPT-5 mini", "openai"),
        ("gpt-5-high", "openai"),
        ("Gemini 2.5 Pro", "google"),
        ("anthropic/claude-4.5-sonnet-20250929", "openrouter"),
        ("openai/gpt-4o-mini", "openai"),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "aws"),
        ("gpt-4o", "openai"),
    ],
)
def test_a_model_is_found_under_the_names_that_tools_give_it(name: str, provider: str) -> None:
    assert Pricer().table(None)[name].provider == provider


def test_the_fast_variant_does_not_get_the_slow_ones_price() -> None:
    assert Pricer().table(None)["gpt-5-fast"].plain("2026-09-01T00:00:00+00:00", 1, 1) is None


def test_pricing_never_opens_a_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: object) -> None:
        raise AssertionError("pricing opened a connection")

    monkeypatch.setattr("socket.socket.connect", refuse)
    assert Pricer().table(None)["gpt-4o"].plain("2026-09-01T00:00:00+00:00", 4, 0) == Decimal(
        "1e-5"
    )

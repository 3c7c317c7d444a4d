"""Model + tokens + date → money: a team's own prices first, then those of genai-prices.

The same answers as tap-llm-csv gives when it estimates a call, from the same settings
(`model_aliases`, `price_overrides`); a test holds the two together.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import date, datetime, timezone
from decimal import Decimal, InvalidOperation
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from target_telemetry_postgres.errors import ConfigError
from target_telemetry_postgres.pricing.model_names import candidates

if TYPE_CHECKING:
    from collections.abc import Mapping

    from genai_prices.types import PriceCalculation

#: What stands in `price_version` of a row that has a team's own price.
OWN_VERSION: Final = "price_overrides"

_PER_MILLION: Final = Decimal("1e-6")
_STEP: Final = Decimal("1e-12")
_TOO_DEAR: Final = Decimal(10**6)


class Tokens(NamedTuple):
    """What a call used. Input includes what was cached, output includes reasoning."""

    given: int | None
    made: int | None
    read: int = 0
    write: int = 0
    reasoning: int = 0


class Priced(NamedTuple):
    """A cost, and which prices say so."""

    cost: Decimal
    version: str


@dataclass(frozen=True, slots=True)
class OwnPrice:
    """Prices of one model from a day on, in US dollars per million tokens."""

    start: date
    input: Decimal
    output: Decimal
    cache_read: Decimal
    cache_write: Decimal
    reasoning: Decimal

    def cost(self, tokens: Tokens) -> Decimal | None:
        """The cost of a call; None when its counts contradict each other."""
        given, made, read, write, reasoning = tokens
        if given is None or made is None or read + write > given:
            return None
        if reasoning and self.reasoning != self.output:
            if reasoning > made:
                return None
            made_cost = (made - reasoning) * self.output + reasoning * self.reasoning
        else:
            made_cost = made * self.output
        given_cost = (given - read - write) * self.input
        cached_cost = read * self.cache_read + write * self.cache_write
        return (given_cost + cached_cost + made_cost) * _PER_MILLION


@cache
def book_version() -> str:
    """What stands in `price_version` of a row that genai-prices priced."""
    return f"genai-prices {version('genai-prices')}"


class Prices:
    """Knows what a call costs."""

    def __init__(self, aliases: Mapping[str, str], overrides: Mapping[str, Any]) -> None:
        self._aliases = {model.lower(): name for model, name in aliases.items()}
        self._own = {model.lower(): _own_prices(model, given) for model, given in overrides.items()}
        self._entries: dict[tuple[str, str | None], PriceCalculation | None] = {}

    def price(
        self, model: str, provider: str | None, at: datetime, tokens: Tokens
    ) -> Priced | None:
        """The cost of a call at its own date; None where it is not known."""
        alias = self._aliases.get(model.lower())
        for name in (model, alias):
            if name is not None and name.lower() in self._own:
                return _priced(self._own_cost(name.lower(), at, tokens), OWN_VERSION)
        if alias is not None:
            model, provider = alias, None
        entry = self._entry(model, provider)
        cost = None if entry is None else _book_cost(entry, at, tokens)
        return _priced(cost, book_version())

    def _own_cost(self, model: str, at: datetime, tokens: Tokens) -> Decimal | None:
        day = at.astimezone(timezone.utc).date()
        valid = next((price for price in self._own[model] if price.start <= day), None)
        return None if valid is None else valid.cost(tokens)

    def _entry(self, model: str, provider: str | None) -> PriceCalculation | None:
        key = (model, provider)
        if key not in self._entries:
            self._entries[key] = _look_up(model, provider)
        return self._entries[key]


def _look_up(model: str, provider: str | None) -> PriceCalculation | None:
    from genai_prices import Usage, calc_price  # noqa: PLC0415 - its table is large

    for name, place in candidates(model, provider):
        try:
            return calc_price(Usage(input_tokens=0, output_tokens=0), name, provider_id=place)
        except LookupError:
            continue
    return None


def _book_cost(entry: PriceCalculation, at: datetime, tokens: Tokens) -> Decimal | None:
    from genai_prices import Usage  # noqa: PLC0415 - its table is large

    if tokens.given is None or tokens.made is None or tokens.read + tokens.write > tokens.given:
        return None
    parts = {
        "cache_read_tokens": tokens.read,
        "cache_write_tokens": tokens.write,
        "output_reasoning_tokens": tokens.reasoning,
    }
    try:
        usage = Usage(
            input_tokens=tokens.given,
            output_tokens=tokens.made,
            **{name: count for name, count in parts.items() if count},
        )
        priced = entry.model.calc_price(usage, entry.provider, genai_request_timestamp=at)
    except ValueError:
        # The book's way to say that the counts contradict each other.
        return None
    return priced.total_price


def _priced(cost: Decimal | None, prices: str) -> Priced | None:
    if cost is None or cost >= _TOO_DEAR:
        return None
    return Priced(cost.quantize(_STEP), prices)


def _own_prices(model: str, given: Any) -> list[OwnPrice]:
    """`{input, output, …}`, or a list of them with `from` dates; the newest first."""
    entries = given if isinstance(given, list) else [given]
    prices = [_own_price(model, entry) for entry in entries]
    return sorted(prices, key=lambda price: price.start, reverse=True)


def _own_price(model: str, entry: Any) -> OwnPrice:
    known = {field.name for field in fields(OwnPrice)} - {"start"} | {"from", "cache_write_1h"}
    if not isinstance(entry, dict) or not {"input", "output"} <= entry.keys() <= known:
        raise ConfigError(
            f"price_overrides: {model} needs input and output in USD per million tokens, and may "
            f"have {', '.join(sorted(known - {'input', 'output'}))}."
        )
    price = {name: _amount(model, name, value) for name, value in entry.items() if name != "from"}
    return OwnPrice(
        start=_day(model, entry.get("from")),
        input=price["input"],
        output=price["output"],
        cache_read=price.get("cache_read", price["input"]),
        cache_write=price.get("cache_write", price["input"]),
        reasoning=price.get("reasoning", price["output"]),
    )


def _amount(model: str, name: str, value: Any) -> Decimal:
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        amount = Decimal("NaN")
    if isinstance(value, bool) or not amount.is_finite() or amount < 0:
        raise ConfigError(
            f"price_overrides: {name} of {model} is {value!r}, not USD per million tokens."
        )
    return amount


def _day(model: str, value: Any) -> date:
    if value is None:
        return date.min
    try:
        return date.fromisoformat(str(value)[:10])
    except ValueError:
        raise ConfigError(
            f"price_overrides: from of {model} is {value!r}, not a date like 2026-09-01."
        ) from None

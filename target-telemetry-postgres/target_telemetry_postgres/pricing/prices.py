"""Model + tokens + date → money: a team's own prices first, then those of genai-prices.

The same answers as tap-llm-csv gives when it estimates a call, from the same settings
(`model_aliases`, `price_overrides`); a test holds the two together.
"""

from __future__ import annotations

from datetime import datetime, timezone
from decimal import Decimal
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from target_telemetry_postgres._shared.model_names import references
from target_telemetry_postgres._shared.own_prices import OwnPrice, own_prices

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


@cache
def book_version() -> str:
    """What stands in `price_version` of a row that genai-prices priced."""
    return f"genai-prices {version('genai-prices')}"


class Prices:
    """Knows what a call costs."""

    def __init__(self, aliases: Mapping[str, str], overrides: Mapping[str, Any]) -> None:
        self._aliases = {model.lower(): name for model, name in aliases.items()}
        self._own = {model.lower(): own_prices(model, given) for model, given in overrides.items()}
        self._entries: dict[tuple[str, str | None], PriceCalculation | None] = {}

    def price(
        self, model: str, provider: str | None, at: datetime, tokens: Tokens
    ) -> Priced | None:
        """The cost of a call at its own date; None where it is not known."""
        version = OWN_VERSION if self.own(model) else book_version()
        return _priced(self.exact(model, provider, at, tokens), version)

    def exact(
        self, model: str, provider: str | None, at: datetime, tokens: Tokens
    ) -> Decimal | None:
        """The same with all its digits, however much it is."""
        if own := self.own(model):
            day = at.astimezone(timezone.utc).date()
            valid = [price for price in own if price.start <= day]
            return _own_cost(valid[-1], tokens) if valid else None
        entry = self.entry(model, provider)
        return None if entry is None else _book_cost(entry, at, tokens)

    def own(self, model: str) -> list[OwnPrice]:
        """A team's own prices of a model, the newest last."""
        names = (model.lower(), self._aliases.get(model.lower(), "").lower())
        return next((self._own[name] for name in names if name in self._own), [])

    def entry(self, model: str, provider: str | None = None) -> PriceCalculation | None:
        """What genai-prices knows of a model."""
        if (alias := self._aliases.get(model.lower())) is not None:
            model, provider = alias, None
        key = (model, provider)
        if key not in self._entries:
            self._entries[key] = _look_up(model, provider)
        return self._entries[key]


def _own_cost(price: OwnPrice, tokens: Tokens) -> Decimal | None:
    """The cost of a call; None when its counts contradict each other."""
    given, made, read, write, reasoning = tokens
    if given is None or made is None or read + write > given:
        return None
    if reasoning and price.reasoning != price.output:
        if reasoning > made:
            return None
        made_cost = (made - reasoning) * price.output + reasoning * price.reasoning
    else:
        made_cost = made * price.output
    given_cost = (given - read - write) * price.input
    cached_cost = read * price.cache_read + write * price.cache_write
    return (given_cost + cached_cost + made_cost) * _PER_MILLION


def _look_up(model: str, provider: str | None) -> PriceCalculation | None:
    from genai_prices import Usage, calc_price  # noqa: PLC0415 - its table is large

    for name, place in references(model, provider):
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

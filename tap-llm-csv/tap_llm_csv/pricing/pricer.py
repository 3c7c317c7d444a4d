"""Model + tokens + date → money: the user's prices first, then the price book's."""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from tap_llm_csv._shared.model_names import references
from tap_llm_csv._shared.own_prices import OwnPrice, own_prices
from tap_llm_csv.pricing import genai_book
from tap_llm_csv.pricing.rates import CompiledRate, Factors, Period, Rate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from decimal import Decimal

_PER_MILLION = 10**6
_MODELS_KEPT = 4096


class UnknownRate:
    """A model that nobody has a price for. Asking for one puts it on the list."""

    provider: str | None = None
    version: str | None = None

    def __init__(self, model: str | None, listed: set[str]) -> None:
        self._model = model
        self._listed = listed

    def price(self, *_counts: Any, **_more: Any) -> Decimal | None:
        """No cost is known; zero would be a lie."""
        if self._model is not None and len(self._listed) < _MODELS_KEPT:
            self._listed.add(self._model)
        return None

    plain = price_bucket = price


UNPRICEABLE = UnknownRate(None, set())
"""For calls on terms that the book has no price for (batches, priority, audio)."""


class RateTable(dict[Any, Rate]):
    """Models → rates at one provider, each found once."""

    def __init__(self, pricer: Pricer, provider: str | None) -> None:
        super().__init__()
        self._pricer = pricer
        self._provider = provider

    def __missing__(self, model: str | None) -> Rate:
        rate = self._pricer.find(model, self._provider)
        if len(self) >= _MODELS_KEPT:
            self.clear()
        self[model] = rate
        return rate


class Pricer:
    """Knows what models cost. One for a whole run: what it found out is kept."""

    def __init__(
        self,
        model_aliases: Mapping[str, str] | None = None,
        price_overrides: Mapping[str, Any] | None = None,
    ) -> None:
        self._aliases = {
            str(name).lower(): str(target) for name, target in (model_aliases or {}).items()
        }
        self._overrides = {
            str(name).lower(): _override(str(name), prices)
            for name, prices in (price_overrides or {}).items()
        }
        self._tables: dict[str | None, RateTable] = {}
        self._unpriced: set[str] = set()

    def table(self, provider: str | None) -> RateTable:
        """The rates to use where a row names this provider, or none."""
        table = self._tables.get(provider)
        if table is None:
            if len(self._tables) >= _MODELS_KEPT:
                self._tables.clear()
            table = self._tables[provider] = RateTable(self, provider)
        return table

    def find(self, model: str | None, provider: str | None) -> Rate:
        """The rate of a model, by override, alias or price book."""
        if model is None:
            return UnknownRate(None, self._unpriced)
        name = model.lower()
        if name in self._overrides:
            return self._overrides[name]
        target = self._aliases.get(name)
        if target is not None:
            if target.lower() in self._overrides:
                return self._overrides[target.lower()]
            name, provider = target, None
        else:
            name = model
        for reference, place in references(name, provider):
            rate = genai_book.find(reference, place)
            if rate is not None:
                return rate
        return UnknownRate(model, self._unpriced)

    def unpriced_models(self) -> list[str]:
        """The models that rows were left without a cost for."""
        return sorted(self._unpriced)


def pricer_for(model_aliases: Mapping[str, str], price_overrides: Mapping[str, Any]) -> Pricer:
    """A pricer with these settings."""
    return Pricer(model_aliases, price_overrides)


def unpriced_hint(models: Sequence[str]) -> str:
    """What to tell a person whose models have no price."""
    named = ", ".join(models[:20]) + (f" and {len(models) - 20} more" if len(models) > 20 else "")  # noqa: PLR2004
    return (
        f"no price is known for {named}: their calls have no cost. Name a known model for each in "
        f'model_aliases, for example {{"{models[0]}": "gpt-5"}}, or give prices in USD per million '
        f'tokens in price_overrides: {{"{models[0]}": {{"input": 1.25, "output": 10}}}}'
    )


def _override(model: str, setting: Any) -> CompiledRate:
    """`{input, output, …}` or a list of them with `from` dates → a rate."""
    return CompiledRate(None, "price_overrides", list(map(_period, own_prices(model, setting))))


def _period(price: OwnPrice) -> Period:
    factors = Factors(
        call=Fraction(0),
        given=Fraction(price.input) / _PER_MILLION,
        made=Fraction(price.output) / _PER_MILLION,
        read=Fraction(price.cache_read) / _PER_MILLION,
        write=Fraction(price.cache_write) / _PER_MILLION,
        write_1h=Fraction(price.cache_write_1h) / _PER_MILLION,
        reasoning=Fraction(price.reasoning) / _PER_MILLION,
    )
    start = "" if price.start == date.min else price.start.isoformat()
    return Period(start=start, tiers=((-1, factors),))

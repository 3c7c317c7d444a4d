"""genai-prices as a price book: offline, dated, asked once per model."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timezone
from fractions import Fraction
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from tap_llm_csv.pricing.rates import CompiledRate, Factors, Period, Rate
from tap_llm_csv.records.cells import MONEY_PLACES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from decimal import Decimal

    from genai_prices.types import PriceCalculation

_LONG_AGO = date(2000, 1, 1)
_SAMPLES = ((1, 1, 0, 0, 0, 0), (997, 31, 300, 200, 50, 7), (250_007, 4_099, 9_001, 70_003, 11, 13))


def book_version() -> str:
    """What stands in `price_version` of a row that the book priced."""
    return f"genai-prices {version('genai-prices')}"


@dataclass
class BookRate:
    """A model whose prices depend on more than date and size: the book is asked for each call."""

    entry: PriceCalculation
    provider: str | None
    version: str | None

    def plain(self, at: str, given: int | None, made: int | None) -> Decimal | None:
        """See `Rate`."""
        return self.price(at, given, made)

    def price(  # noqa: PLR0917 - as in Rate
        self,
        at: str,
        given: int | None,
        made: int | None,
        read: int | None = None,
        write: int | None = None,
        write_1h: int | None = None,
        reasoning: int | None = None,
    ) -> Decimal | None:
        """See `Rate`."""
        if given is None or made is None:
            return None
        try:
            cost = ask(
                self.entry, datetime.fromisoformat(at), given, made,
                read or 0, write or 0, write_1h or 0, reasoning or 0,
            )  # fmt: skip
        except ValueError:  # the book's way to say that the counts contradict each other
            return None
        return cost.quantize(MONEY_PLACES)

    def price_bucket(self, *_counts: Any, **_size: Any) -> Decimal | None:
        """See `Rate`: a day of calls has no time of day."""
        return None


def find(model: str, provider: str | None) -> Rate | None:
    """The rate of a model under exactly this name, or None."""
    from genai_prices import Usage, calc_price  # noqa: PLC0415 - 0.2 s that `--help` need not wait for

    try:
        entry = calc_price(Usage(input_tokens=0, output_tokens=0), model, provider_id=provider)
    except LookupError:
        return None
    rate = _compile(entry)
    return rate if rate is not None else BookRate(entry, entry.provider.id, book_version())


def ask(  # noqa: PLR0917 - as in Rate
    entry: PriceCalculation,
    at: datetime,
    given: int,
    made: int,
    read: int = 0,
    write: int = 0,
    write_1h: int = 0,
    reasoning: int = 0,
) -> Decimal:
    """What the book itself says a call costs."""
    from genai_prices import Usage  # noqa: PLC0415

    counts = {
        "cache_read_tokens": read,
        "cache_write_tokens": write,
        "cache_write_1h_tokens": write_1h,
        "output_reasoning_tokens": reasoning,
    }
    usage = Usage(
        input_tokens=given,
        output_tokens=made,
        **{name: count for name, count in counts.items() if count},
    )
    return entry.model.calc_price(usage, entry.provider, genai_request_timestamp=at).total_price


def _compile(entry: PriceCalculation) -> CompiledRate | None:
    """The entry's prices as a compiled rate; None where that does not reproduce the book."""
    days = _days(entry)
    if days is None:
        return None
    periods = []
    for start in days:
        at = datetime(start.year, start.month, start.day, tzinfo=timezone.utc)
        tiers = tuple((over, _factors(entry, at, over)) for over in _tier_starts(entry, at))
        periods.append(Period("" if start == _LONG_AGO else start.isoformat(), tiers))
    try:
        rate = CompiledRate(entry.provider.id, book_version(), periods)
    except ValueError:
        return None
    return rate if _reproduces(rate, entry, days) else None


def _days(entry: PriceCalculation) -> list[date] | None:
    """The days on which prices change; None where they also change within a day."""
    from genai_prices.types import StartDateConstraint  # noqa: PLC0415

    days = {_LONG_AGO}
    prices = entry.model.prices
    for conditional in prices if isinstance(prices, list) else ():
        if isinstance(conditional.constraint, StartDateConstraint):
            days.add(conditional.constraint.start_date)
        elif conditional.constraint is not None:
            return None
    return sorted(days)


def _tier_starts(entry: PriceCalculation, at: datetime) -> list[int]:
    """The input sizes above which other prices hold; -1 is the start of the first."""
    from genai_prices.types import TieredPrices  # noqa: PLC0415

    starts = {-1}
    for price in vars(entry.model.get_prices(at)).values():
        if isinstance(price, TieredPrices):
            starts.update(tier.start for tier in price.tiers)
    return sorted(starts)


def _factors(entry: PriceCalculation, at: datetime, over: int) -> Factors:
    """Ask for calls that differ in one count, and divide."""
    size = max(over + 1, 1)

    def cost(**counts: int) -> Fraction:
        return Fraction(ask(entry, at, **{"given": size, "made": 0, **counts}))

    call = Fraction(ask(entry, at, 0, 0))
    given = (cost() - call) / size
    made = cost(made=10**6) - cost()
    return Factors(
        call=call,
        given=given,
        made=made / 10**6,
        read=(cost(read=size) - call) / size,
        write=(cost(write=size) - call) / size,
        write_1h=(cost(write=size, write_1h=size) - call) / size,
        reasoning=(cost(made=10**6, reasoning=10**6) - cost()) / 10**6,
    )


def _reproduces(rate: CompiledRate, entry: PriceCalculation, days: list[date]) -> bool:
    return all(
        rate.price(at.isoformat(), *sample) == ask(entry, at, *sample).quantize(MONEY_PLACES)
        for at in _moments(days)
        for sample in _SAMPLES
    )


def _moments(days: list[date]) -> Iterator[datetime]:
    for day in days:
        yield datetime(day.year, day.month, day.day, tzinfo=timezone.utc)
        yield datetime(day.year, day.month, day.day, 23, 59, 59, tzinfo=timezone.utc)

"""The prices of one model as factors that SQL can multiply with.

Once the date and the size of the input are known, a cost is a linear function of the tokens. Its
factors are found by asking for calls that differ in one count; before they are used they must give
the same cost as the prices themselves on sample calls around each date and tier.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

from target_telemetry_postgres.pricing.prices import (
    OWN_VERSION,
    Prices,
    Tokens,
    book_version,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from genai_prices.types import PriceCalculation

_T = TypeVar("_T")
_ALWAYS: Final = date(2000, 1, 1)
_DAY: Final = timedelta(days=1)
_SIZE: Final = 10**6
#: Given, made, read, write, reasoning.
_SAMPLES: Final = ((1, 1, 0, 0, 0), (997, 31, 300, 200, 7), (0, 5, 0, 0, 5), (8, 0, 8, 0, 0))


class Rate(NamedTuple):
    """What a token costs from a day on, at some time of the day, for inputs of more than so much.

    What is read from a cache or written to one costs so much beside the input that it is part of,
    and reasoning beside the output.
    """

    start: date
    end: date | None
    from_time: time
    to_time: time | None
    over: int
    upto: int | None
    version: str
    call: Decimal
    given: Decimal
    made: Decimal
    read: Decimal
    write: Decimal
    reasoning: Decimal


class _NotLinearError(Exception):
    """The prices depend on more than date and size, or on no finite decimal."""


def rates(prices: Prices, model: str, provider: str | None) -> list[Rate] | None:
    """Every rate of a model, none where nobody has a price; None where each call must be asked."""
    own, entry = prices.own(model), None
    if own:
        starts, clock, version = [price.start for price in own], [time.min], OWN_VERSION
    else:
        entry = prices.entry(model, provider)
        if entry is None:
            return []
        changes = _changes(entry)
        if changes is None:
            return None
        starts, clock, version = *changes, book_version()
    found = []
    spans = itertools.product(_pairs(starts), _pairs(clock))
    for (start, end), (from_time, to_time) in spans:
        at = _moment(start, end, from_time)
        sizes = [-1] if entry is None else _sizes(entry, at)
        ask = _Asked(prices, model, provider, at)
        for over, upto in _pairs(sizes):
            try:
                rate = Rate(
                    start, end, from_time, to_time, over, upto, version, *_factors(ask, over)
                )
            except _NotLinearError:
                return None
            if not _reproduces(rate, ask):
                return None
            found.append(rate)
    return found


@dataclass(frozen=True, slots=True)
class _Asked:
    """A model on a day."""

    prices: Prices
    model: str
    provider: str | None
    at: datetime

    def cost(self, *counts: int) -> Fraction:
        """What a call with these counts costs; in the order of `Tokens`."""
        asked = self.prices.exact(self.model, self.provider, self.at, Tokens(*counts))
        if asked is None:
            raise _NotLinearError
        return Fraction(asked)


def _factors(ask: _Asked, over: int) -> Iterator[Decimal]:
    """Ask for calls that differ in one count, and divide: from `call` on as in `Rate`."""
    size = max(over + 1, 1)
    base = ask.cost(size, 0)
    given = ask.cost(size + 1, 0) - base
    with_output = ask.cost(size, _SIZE)
    yield _decimal(base - given * size)
    yield _decimal(given)
    yield _decimal((with_output - base) / _SIZE)
    yield _decimal((ask.cost(size, 0, size) - base) / size)
    yield _decimal((ask.cost(size, 0, 0, size) - base) / size)
    yield _decimal((ask.cost(size, _SIZE, 0, 0, _SIZE) - with_output) / _SIZE)


def _reproduces(rate: Rate, ask: _Asked) -> bool:
    for given, *others in _SAMPLES:
        counts = (given + rate.over + 1, *others)
        fits = rate.upto is None or counts[0] <= rate.upto
        if fits and total(rate, Tokens(*counts)) != ask.cost(*counts):
            return False
    return True


def total(rate: Rate, tokens: Tokens) -> Fraction:
    """What a call costs by these factors; the SQL of `reprice` says the same."""
    given, made, read, write, reasoning = tokens
    parts = (
        (1, rate.call),
        (given or 0, rate.given),
        (made or 0, rate.made),
        (read, rate.read),
        (write, rate.write),
        (reasoning, rate.reasoning),
    )
    return sum((count * Fraction(price) for count, price in parts), Fraction(0))


def _decimal(value: Fraction) -> Decimal:
    """The same number as a finite decimal."""
    written = Decimal(value.numerator) / Decimal(value.denominator)
    if Fraction(written) != value:
        raise _NotLinearError
    return written


def _pairs(starts: list[_T]) -> list[tuple[_T, _T | None]]:
    """Each start with the next one, at which it ends."""
    return list(zip(starts, [*starts[1:], None], strict=True))


def _changes(entry: PriceCalculation) -> tuple[list[date], list[time]] | None:
    """The days on which prices change, and the times of each; None where something else decides."""
    from genai_prices.types import (  # noqa: PLC0415 - its table is large
        StartDateConstraint,
        TimeOfDateConstraint,
    )

    days, clock = {date.min}, {time.min}
    conditional = entry.model.prices
    for one in conditional if isinstance(conditional, list) else ():
        if isinstance(one.constraint, StartDateConstraint):
            days.add(one.constraint.start_date)
        elif isinstance(one.constraint, TimeOfDateConstraint):
            clock |= {_in_utc(one.constraint.start_time), _in_utc(one.constraint.end_time)}
        elif one.constraint is not None:
            return None
    return sorted(days), sorted(clock)


def _in_utc(value: time) -> time:
    """A time of the day in UTC, where one without a zone is."""
    if value.tzinfo is None:
        return value
    return datetime.combine(_ALWAYS, value).astimezone(timezone.utc).time()


def _moment(start: date, end: date | None, from_time: time) -> datetime:
    """An instant within a span of days, at this time."""
    day = start if start > date.min else _ALWAYS if end is None else min(_ALWAYS, end - _DAY)
    return datetime.combine(day, from_time, timezone.utc)


def _sizes(entry: PriceCalculation, at: datetime) -> list[int]:
    """The input sizes above which other prices hold; -1 is the start of the first."""
    from genai_prices.types import TieredPrices  # noqa: PLC0415 - its table is large

    sizes = {-1}
    for price in vars(entry.model.get_prices(at)).values():
        if isinstance(price, TieredPrices):
            sizes.update(tier.start for tier in price.tiers)
    return sorted(sizes)

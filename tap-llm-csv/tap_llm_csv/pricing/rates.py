"""The prices of one model, compiled: whole numbers to multiply tokens with.

Money is a linear function of the tokens once the date and the size of the input are known. Its
factors are found by asking the price book itself, so this knows nothing of how the book is built
except where its prices change (dates) and jump (tiers); before a rate is used, it is held against
the book on sample calls.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import TYPE_CHECKING, Protocol

from tap_llm_csv.records.cells import MONEY_LIMIT, MONEY_PLACES, RowReject

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from fractions import Fraction

_PLACES = 12
_MOST_PLACES = 40
_EXACT = Context(prec=80, rounding=ROUND_HALF_EVEN)


class Rate(Protocol):
    """What a row asks of a model's prices. Times are in the normal form of `times`.

    `input_tokens` includes `read` and `write`, `write` includes `write_1h`, `output_tokens`
    includes `reasoning`. None is: no price, or counts that contradict each other.
    """

    provider: str | None
    version: str | None

    def plain(self, at: str, given: int | None, made: int | None) -> Decimal | None:
        """The cost of a call of which only input and output are known."""
        ...

    def price(  # noqa: PLR0917 - generated code calls it by place
        self,
        at: str,
        given: int | None,
        made: int | None,
        read: int | None = None,
        write: int | None = None,
        write_1h: int | None = None,
        reasoning: int | None = None,
    ) -> Decimal | None:
        """The cost of one call."""
        ...

    def price_bucket(  # noqa: PLR0917 - generated code calls it by place
        self,
        at: str,
        given: int | None,
        made: int | None,
        read: int | None = None,
        write: int | None = None,
        write_1h: int | None = None,
        reasoning: int | None = None,
        size: int | None = None,
    ) -> Decimal | None:
        """The cost of many calls; `size` is the input of one of them, where prices depend on it."""
        ...


@dataclass(frozen=True)
class Factors:
    """USD per token, and per call."""

    call: Fraction
    given: Fraction
    made: Fraction
    read: Fraction
    write: Fraction
    write_1h: Fraction
    reasoning: Fraction

    def all(self) -> tuple[Fraction, ...]:
        """Every factor."""
        return (
            self.call, self.given, self.made, self.read, self.write, self.write_1h, self.reasoning,
        )  # fmt: skip


@dataclass(frozen=True)
class Period:
    """Prices from a day on: `tiers` are (input tokens to exceed, factors), smallest first."""

    start: str
    tiers: tuple[tuple[int, Factors], ...]


class CompiledRate:
    """A model's prices as integers at one scale."""

    def __init__(self, provider: str | None, version: str, periods: Sequence[Period]) -> None:
        self.provider = provider
        self.version: str | None = version
        places = _decimal_places(
            value for period in periods for _, factors in period.tiers for value in factors.all()
        )
        self._unit = Decimal(1).scaleb(-places)
        self._rounds = places > _PLACES
        self._limit = int(MONEY_LIMIT) * 10**places
        scale = 10**places
        self._periods = [
            (
                period.start,
                [
                    (over, tuple(int(value * scale) for value in factors.all()))
                    for over, factors in reversed(period.tiers)
                ],
            )
            for period in reversed(periods)
        ]
        self.tiered = any(len(period.tiers) > 1 for period in periods)
        always = len(periods) == 1 and not self.tiered and not periods[0].start
        self.only_factors = self._periods[0][1][0][1] if always else None
        """Call, input, output … in units, where they are the same for every call."""
        self.digits_after_point = None if self._rounds else places
        """The unit's decimal place; None where costs are rounded."""
        if not self._rounds:
            # The same call without the questions that do not arise, found before the method.
            vars(self)["plain"] = self._plain_cost()

    def _plain_cost(self) -> Callable[[str, int | None, int | None], Decimal | None]:
        unit, limit, fixed, find = self._unit, self._limit, self.only_factors, self.factors_at

        def plain(at: str, given: int | None, made: int | None) -> Decimal | None:
            if given is None or made is None:
                return None
            factors = fixed or find(at, given)
            if factors is None:
                return None
            units = factors[0] + given * factors[1] + made * factors[2]
            if units >= limit:
                raise _too_dear()
            return Decimal(units) * unit

        return plain

    def factors_at(self, at: str, size: int) -> tuple[int, ...] | None:
        """The prices on a day for an input of some size."""
        for start, tiers in self._periods:
            if at >= start:
                for over, factors in tiers:
                    if size > over:
                        return factors
        return None

    def plain(self, at: str, given: int | None, made: int | None) -> Decimal | None:
        """See `Rate`."""
        return self.price(at, given, made)

    def price(  # noqa: PLR0917 - generated code calls it by place
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
        return self._cost(
            at, given, made, read or 0, write or 0, write_1h or 0, reasoning or 0, given
        )

    def price_bucket(  # noqa: PLR0917 - generated code calls it by place
        self,
        at: str,
        given: int | None,
        made: int | None,
        read: int | None = None,
        write: int | None = None,
        write_1h: int | None = None,
        reasoning: int | None = None,
        size: int | None = None,
    ) -> Decimal | None:
        """See `Rate`: a sum of calls says nothing of the size of one."""
        if self.tiered and size is None:
            return None
        return self._cost(
            at, given, made, read or 0, write or 0, write_1h or 0, reasoning or 0, size or 0
        )

    def _cost(  # noqa: PLR0917 - as above; each return is a reason why not
        self,
        at: str,
        given: int | None,
        made: int | None,
        read: int,
        write: int,
        write_1h: int,
        reasoning: int,
        size: int | None,
    ) -> Decimal | None:
        if given is None or made is None or size is None:
            return None
        factors = self.factors_at(at, size)
        if factors is None:
            return None
        call, per_given, per_made, per_read, per_write, per_write_1h, per_reasoning = factors
        units = call + given * per_given + made * per_made
        if read or write:
            if read + write > given or write_1h > write:
                return None
            units += (
                read * (per_read - per_given)
                + write * (per_write - per_given)
                + write_1h * (per_write_1h - per_write)
            )
        if reasoning and per_reasoning != per_made:
            if reasoning > made:
                return None
            units += reasoning * (per_reasoning - per_made)
        if units >= self._limit:
            raise _too_dear()
        if self._rounds:
            return _EXACT.multiply(Decimal(units), self._unit).quantize(
                MONEY_PLACES, context=_EXACT
            )
        return Decimal(units) * self._unit


def _too_dear() -> RowReject:
    return RowReject(
        "out_of_range",
        "input_tokens",
        "the tokens would cost a million dollars or more in one call",
    )


def _decimal_places(values: Iterable[Fraction]) -> int:
    places = 0
    for value in values:
        while (value * 10**places).denominator != 1:
            places += 1
            if places > _MOST_PLACES:
                raise ValueError("a price with no end of decimals")
    return places

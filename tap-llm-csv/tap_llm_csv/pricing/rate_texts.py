"""What calls cost, as the JSON that their records hold: for the fast way, a row at a time.

The text is that of the exact `Decimal` which `Rate.plain` gives; for the usual sizes it is made of
the digits of one integer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import msgspec

from tap_llm_csv.pricing.rates import CompiledRate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tap_llm_csv.pricing.pricer import RateTable
    from tap_llm_csv.pricing.rates import Rate

Careful: TypeAlias = "Callable[[str, int | None, int | None], str]"

_KEPT = 4096
# `Decimal` writes what is smaller than a millionth with an exponent.
_PLAIN_PLACES = 6

_UNPRICED = '"estimated_cost":null,"cost_source":"unpriced","price_version":null'


class _Model(NamedTuple):
    """How the calls of one model are told.

    Attributes:
        factors: Call, input and output in units, where they are the same for every call.
        heads: The length of the units' digits → what comes before them.
        tail: What comes after the digits.
        careful: Tells any call.
    """

    factors: tuple[int, int, int] | None
    heads: dict[int, str]
    tail: str
    careful: Careful


class RateTexts(dict["str | None", _Model]):
    """Models → how their calls are told, worked out once each."""

    def __init__(self, rates: RateTable) -> None:
        super().__init__()
        self._rates = rates

    def __missing__(self, model: str | None) -> _Model:
        if len(self) >= _KEPT:
            self.clear()
        found = self[model] = _model(self._rates[model])
        return found

    def of_calls(
        self, models: Iterable[str | None], at: Iterable[str], given: Iterable[int | None],
        made: Iterable[int | None],
    ) -> list[str]:  # fmt: skip
        """Tell what calls cost of which some may lack a count."""
        return [
            self[model].careful(when, one, other)
            for model, when, one, other in zip(models, at, given, made, strict=True)
        ]

    def of_whole_calls(
        self, models: Iterable[str | None], at: Iterable[str], given: Iterable[int],
        made: Iterable[int],
    ) -> list[str]:  # fmt: skip
        """Tell what calls cost of which all counts are known."""
        texts: list[str] = []
        keep = texts.append
        for (factors, heads, tail, careful), when, one, other in zip(
            map(self.__getitem__, models), at, given, made, strict=True
        ):
            if factors is None:
                keep(careful(when, one, other))
                continue
            digits = str(factors[0] + one * factors[1] + other * factors[2])
            head = heads.get(len(digits))
            keep(careful(when, one, other) if head is None else head + digits + tail)
        return texts


def _model(rate: Rate) -> _Model:
    version = msgspec.json.encode(rate.version).decode()
    tail = f',"cost_source":"estimated","price_version":{version}'
    exact = rate.plain

    def careful(at: str, given: int | None, made: int | None) -> str:
        cost = exact(at, given, made)
        return _UNPRICED if cost is None else f'"estimated_cost":{cost}{tail}'

    if not isinstance(rate, CompiledRate) or rate.digits_after_point is None:
        return _Model(None, {}, tail, careful)
    places = rate.digits_after_point
    heads = {
        length: '"estimated_cost":0.' + "0" * (places - length)
        for length in range(max(1, places - _PLAIN_PLACES + 1), places + 1)
    }
    if rate.only_factors is not None:
        call, given, made, *_ = rate.only_factors
        return _Model((call, given, made), heads, tail, careful)
    factors_at = rate.factors_at

    def by_date_and_size(at: str, given: int | None, made: int | None) -> str:
        factors = None if given is None or made is None else factors_at(at, given)
        if factors is None or given is None or made is None:
            return _UNPRICED
        digits = str(factors[0] + given * factors[1] + made * factors[2])
        head = heads.get(len(digits))
        return careful(at, given, made) if head is None else head + digits + tail

    return _Model(None, heads, tail, by_date_and_size)

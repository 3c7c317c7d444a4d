"""What calls cost, as the JSON that their records hold: for the fast road, a row at a time.

The text is that of the exact `Decimal` which `Rate.plain` gives; for the usual sizes it is made of
the digits of one integer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import msgspec

from tap_llm_csv.rates import CompiledRate

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_llm_csv.pricing import RateTable
    from tap_llm_csv.rates import Rate

Teller: TypeAlias = "Callable[[str, int | None, int | None], str]"

_KEPT = 4096
# `Decimal` writes what is smaller than a millionth with an exponent.
_PLAIN_PLACES = 6

_UNPRICED = '"estimated_cost":null,"cost_source":"unpriced","price_version":null'


class RateTexts(dict["str | None", Teller]):
    """Models → functions that tell cost, source and version of a call, each made once."""

    def __init__(self, rates: RateTable) -> None:
        super().__init__()
        self._rates = rates

    def __missing__(self, model: str | None) -> Teller:
        if len(self) >= _KEPT:
            self.clear()
        tell = self[model] = _teller(self._rates[model])
        return tell


def _teller(rate: Rate) -> Teller:
    version = msgspec.json.encode(rate.version).decode()
    tail = f',"cost_source":"estimated","price_version":{version}'
    exact = rate.plain

    def tell(at: str, given: int | None, made: int | None) -> str:
        cost = exact(at, given, made)
        return _UNPRICED if cost is None else f'"estimated_cost":{cost}{tail}'

    if not isinstance(rate, CompiledRate) or rate.digits_after_point is None:
        return tell
    return _integer_teller(rate, rate.digits_after_point, tail, tell)


def _integer_teller(rate: CompiledRate, places: int, tail: str, careful: Teller) -> Teller:
    factors_at = rate.factors_at
    only = rate.only_factors
    # The length of the units' digits → what comes before them.
    heads = {
        length: '"estimated_cost":0.' + "0" * (places - length)
        for length in range(max(1, places - _PLAIN_PLACES + 1), places + 1)
    }

    def tell(at: str, given: int | None, made: int | None) -> str:
        if given is None or made is None:
            return _UNPRICED
        factors = only or factors_at(at, given)
        if factors is None:
            return _UNPRICED
        digits = str(factors[0] + given * factors[1] + made * factors[2])
        head = heads.get(len(digits))
        return careful(at, given, made) if head is None else head + digits + tail

    return tell

"""A team's own prices, as the setting `price_overrides` gives them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from .errors import PlainError

_OPTIONAL = ("cache_read", "cache_write", "cache_write_1h", "reasoning", "from")
_NAMES = {"input", "output", *_OPTIONAL}


class PriceSettingError(PlainError):
    """`price_overrides` cannot be understood."""


@dataclass(frozen=True, slots=True)
class OwnPrice:
    """Prices of one model from a day on, in US dollars per million tokens."""

    start: date
    input: Decimal
    output: Decimal
    cache_read: Decimal
    cache_write: Decimal
    cache_write_1h: Decimal
    reasoning: Decimal


def own_prices(model: str, given: Any) -> list[OwnPrice]:
    """Read `{input, output, …}`, or a list of them with `from` dates; the oldest comes first.

    Raises:
        PriceSettingError: Says which model and which value.
    """
    entries = given if isinstance(given, list) else [given]
    if not entries:
        raise PriceSettingError(f"price_overrides: {model} has no prices.")
    return sorted((_own_price(model, entry) for entry in entries), key=lambda price: price.start)


def _own_price(model: str, entry: Any) -> OwnPrice:
    if not isinstance(entry, Mapping) or not {"input", "output"} <= entry.keys() <= _NAMES:
        raise PriceSettingError(
            f"price_overrides: {model} needs input and output in USD per million tokens, and may "
            f"have {', '.join(_OPTIONAL)} (a date)."
        )
    price = {name: _amount(model, name, value) for name, value in entry.items() if name != "from"}
    write = price.get("cache_write", price["input"])
    return OwnPrice(
        start=_day(model, entry.get("from")),
        input=price["input"],
        output=price["output"],
        cache_read=price.get("cache_read", price["input"]),
        cache_write=write,
        cache_write_1h=price.get("cache_write_1h", write),
        reasoning=price.get("reasoning", price["output"]),
    )


def _amount(model: str, name: str, value: Any) -> Decimal:
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        amount = Decimal("NaN")
    if isinstance(value, bool) or not amount.is_finite() or amount < 0:
        raise PriceSettingError(
            f"price_overrides: {name} of {model} is {value!r}, not USD per million tokens."
        )
    return amount


def _day(model: str, value: Any) -> date:
    if value is None:
        return date.min
    try:
        return date.fromisoformat(str(value)[:10])
    except ValueError:
        raise PriceSettingError(
            f"price_overrides: from of {model} is {value!r}, not a date like 2026-09-01."
        ) from None

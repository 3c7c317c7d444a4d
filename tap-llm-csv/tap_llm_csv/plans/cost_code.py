"""The part of a row function that knows what a call cost, and who says so.

`pricing: estimate` takes the provider's figure where the row has one and estimates otherwise,
`recalculate` estimates wherever a price is known, `provided` never estimates, `off` leaves money
out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_llm_csv.pricing.pricer import UNPRICEABLE
from tap_llm_csv.records.schemas import COST_COLUMNS, TIME_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal

    from tap_llm_csv.plans.source import Source

_SPLIT = ("cache_read_tokens", "cache_write_tokens", "_cache_write_1h_tokens", "reasoning_tokens")


def write(code: Source, below_zero: Callable[[Decimal], None]) -> None:
    """Write the lines that fill the cost, its source and its price version.

    Args:
        code: The function so far.
        below_zero: What the function calls with a cost below 0.
    """
    target = COST_COLUMNS.get(code.dialect.stream)
    if target is None or code.dialect.keeps_cost:
        return
    mode = code.options.pricing
    if mode == "off":
        for name in (target, "cost_source", "price_version"):
            code.names.pop(name, None)
        return
    provided, stated = target in code.names, "cost_source" in code.names
    cost, source = code.local(target), code.local("cost_source")
    if not provided:
        code.say(f"{cost} = None")
        if not stated:
            code.say(f"{source} = None")
    elif stated:
        code.say(f"if {source} is None and {cost} is not None: {source} = 'provided'")
    else:
        code.say(f"{source} = None if {cost} is None else 'provided'")
    if provided:
        code.say(f"if {cost} is not None and {cost} < 0: {code.put('odd', below_zero)}({cost})")
    if mode != "provided" and {"model", "input_tokens", "output_tokens"} <= code.names.keys():
        _estimate(code, cost, source, always=not provided or mode == "recalculate")


def _estimate(code: Source, cost: str, source: str, *, always: bool) -> None:
    names = code.names
    model = names["model"]
    if "provider" in names:
        rates = f"{code.put('table', code.pricer.table)}({names['provider']})"
    else:
        rates = code.put("rates", code.pricer.table(code.dialect.provider))
    code.say(f"_rate = {rates}[{model}]")
    if code.dialect.provider is None and "provider" not in names:
        code.say(f"{code.local('provider')} = _rate.provider")
    if "_special" in names:
        code.say(f"if {names['_special']}: _rate = {code.put('no_rate', UNPRICEABLE)}")
    version = "_version"
    if code.dialect.stream == "llm_calls":
        version = code.local("price_version")
        code.say(f"{version} = None")
    lines = [
        f"_estimate = _rate.{_question(code)}",
        "if _estimate is not None:",
        f"    {cost} = _estimate; {source} = 'estimated'; {version} = _rate.version",
        f"elif {cost} is None: {source} = 'unpriced'",
    ]
    if always:
        code.say(*lines)
    else:
        code.say(f"if {cost} is None:", *(f"    {line}" for line in lines))


def _question(code: Source) -> str:
    """The call of the rate's method that fits what the row knows."""
    names = code.names
    at = names[TIME_COLUMNS[code.dialect.stream]]
    counts = f"{at}, {names['input_tokens']}, {names['output_tokens']}"
    split = ", ".join(names.get(name, "None") for name in _SPLIT)
    if code.dialect.stream == "llm_usage_buckets":
        return f"price_bucket({counts}, {split}, size={names.get('_size', 'None')})"
    if not any(name in names for name in _SPLIT):
        return f"plain({counts})"
    return f"price({counts}, {split})"

"""Two records of one key inside one file → the one that stands for both."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_llm_csv.records.schemas import Record

_SUMMED = (
    "requests", "input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens",
    "reasoning_tokens",
)  # fmt: skip


def greatest(first: Record, second: Record) -> Record:
    """The later of two snapshots of one call, unless it knows of less output."""
    return (
        first if (first.get("output_tokens") or 0) > (second.get("output_tokens") or 0) else second
    )


def sums(first: Record, second: Record) -> Record:
    """One bucket in two rows: their counts and costs belong together."""
    merged = dict(first)
    for name in _SUMMED:
        if first.get(name) is not None and second.get(name) is not None:
            merged[name] = first[name] + second[name]
        elif second.get(name) is not None:
            merged[name] = second[name]
    _add_cost(merged, first, second)
    dimensions = first.get("dimensions") or {}
    details = _details(dimensions.get("details"), (second.get("dimensions") or {}).get("details"))
    if details:
        merged["dimensions"] = {**dimensions, "details": details}
    return merged


def _details(first: Record | None, second: Record | None) -> Record:
    """Numbers add up; a text stays where both rows say the same."""
    merged: Record = {}
    for name in [*(first or {}), *(name for name in (second or {}) if name not in (first or {}))]:
        one, other = (first or {}).get(name), (second or {}).get(name)
        if isinstance(one, str) or isinstance(other, str):
            if one == other:
                merged[name] = one
        elif one is None or other is None:
            merged[name] = other if one is None else one
        else:
            merged[name] = one + other
    return merged


def _add_cost(merged: Record, first: Record, second: Record) -> None:
    """Add money of one kind only: a sum of which a part is unknown is unknown."""
    sources = {first.get("cost_source"), second.get("cost_source")}
    if None in (first.get("cost"), second.get("cost")):
        if "cost" in merged:
            merged["cost"] = None
            merged["cost_source"] = "unpriced" if "unpriced" in sources else None
        return
    merged["cost"] = first["cost"] + second["cost"]
    if len(sources) > 1:
        merged["cost_source"] = "mixed"


def grain_identity(family: str, columns: tuple[str, ...]) -> Callable[[Record], bytes]:
    """What tells buckets apart: their time, model and every dimension that is filled."""

    def identity(record: Record) -> bytes:
        dimensions = {
            name: value
            for name, value in (record.get("dimensions") or {}).items()
            if name != "details"
        }
        parts = [family, *(record.get(name) for name in columns), dimensions]
        return json.dumps(parts, sort_keys=True, ensure_ascii=True, default=str).encode()

    return identity

"""Langfuse's observations export.

Dates come with quotes inside the cell, usage and costs as JSON. Only generations and embeddings
are calls; spans, events and tools are steps around them. Inputs and outputs never leave the file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tap_llm_csv.dialects.model import Column, Derived, Dialect
from tap_llm_csv.records.cells import BIGINT_MAX, RowReject

if TYPE_CHECKING:
    from decimal import Decimal

_CALLS = frozenset({"GENERATION", "EMBEDDING"})


def only_calls(kind: str | None) -> str | None:
    """The type of a call; any other row is skipped."""
    if kind is not None and kind.upper() not in _CALLS:
        raise RowReject("not_a_call", "type", f"type is {kind}, which is no model call", skip=True)
    return kind


def _total(usage: Any, *words: str, but: tuple[str, ...] = ()) -> int | None:
    """The sum of the usage types that carry one of the words: Langfuse keeps them disjoint."""
    if not isinstance(usage, dict):
        return None
    counts = [
        value
        for name, value in usage.items()
        if any(word in name for word in words)
        and not any(word in name for word in but)
        and isinstance(value, int)
        and not isinstance(value, bool)
    ]
    if any(count < 0 for count in counts) or sum(counts) > BIGINT_MAX:
        raise RowReject("out_of_range", "usageDetails", "usageDetails holds an impossible count")
    return sum(counts) if counts else None


def given(usage: Any, fallback: int | None) -> int | None:
    """Input, cached or not."""
    total = _total(usage, "input", "cache")
    return fallback if total is None else total


def made(usage: Any, fallback: int | None) -> int | None:
    """Output, reasoning included."""
    total = _total(usage, "output")
    return fallback if total is None else total


def cache_read(usage: Any) -> int | None:
    """Input read from a cache."""
    return _total(usage, "cache_read", "cached")


def cache_written(usage: Any) -> int | None:
    """Input written to a cache."""
    return _total(usage, "cache_creation", "cache_write")


def reasoning(usage: Any) -> int | None:
    """Output spent on reasoning."""
    return _total(usage, "reasoning")


def cost_of(total: Decimal | None) -> Decimal | None:
    """Langfuse writes 0 where it knows no price."""
    return total or None


def succeeded(level: str | None) -> bool | None:
    """Everything but ERROR."""
    return None if level is None else level.upper() != "ERROR"


def error_of(level: str | None, message: str | None) -> str | None:
    """The status message of a failed call."""
    return message if succeeded(level) is False else None


DIALECT = Dialect(
    name="langfuse_observations",
    stream="llm_calls",
    anchors=(frozenset({"id", "traceid", "starttime", "usagedetails"}),),
    columns=(
        Column("extra.id", ("id",), required=True),
        Column("extra.trace_id", ("traceid",)),
        Column("_type", ("type",)),
        Column("timestamp", ("starttime",), "time_utc", required=True, filled=True),
        Column("model", ("model", "providedmodelname"), required=True),
        Column("_usage", ("usagedetails",), "json", required=True),
        Column("_input", ("inputusage", "prompttokens"), "integer"),
        Column("_output", ("outputusage", "completiontokens"), "integer"),
        Column("_cost", ("totalcost",), "money"),
        Column("_level", ("level",)),
        Column("_message", ("statusmessage",), "free_text"),
        Column("duration_ms", ("latency",), "seconds"),
        Column("ttft_ms", ("timetofirsttoken",), "seconds"),
        Column("prompt_name", ("promptname",)),
        Column("user_id", ("userid",)),
        Column("environment", ("environment",)),
        Column("session_id", ("sessionid",)),
    ),
    derived=(
        Derived("extra.type", only_calls, ("_type",)),
        Derived("input_tokens", given, ("_usage", "_input")),
        Derived("output_tokens", made, ("_usage", "_output")),
        Derived("cache_read_tokens", cache_read, ("_usage",)),
        Derived("cache_write_tokens", cache_written, ("_usage",)),
        Derived("reasoning_tokens", reasoning, ("_usage",)),
        Derived("estimated_cost", cost_of, ("_cost",)),
        Derived("success", succeeded, ("_level",)),
        Derived("error_message", error_of, ("_level", "_message")),
    ),
    key="id",
    row_id="extra.id",
    ignored=frozenset(
        {
            "input", "output", "metadata", "comments", "costdetails", "providedusagedetails",
            "providedcostdetails", "endtime", "tooldefinitions", "toolcalls", "totalusage",
            "totaltokens", "inputcost", "outputcost",
        }
    ),
)  # fmt: skip

"""Anthropic Console: tokens and cost, a row for each day (or hour) and combination of columns.

Its input column leaves out what was read from or written to the cache.
"""

from __future__ import annotations

import re

from tap_llm_csv.dialects.buckets import end_of_span
from tap_llm_csv.dialects.model import Column, Derived, Dialect

_SIZE = re.compile(r"([0-9]+)\s*k", re.IGNORECASE)
_USUAL_SPEED = frozenset({"standard", "not_available", "n/a"})
_USUAL_GEO = frozenset({"global", "not_available", "n/a"})

_SPAN = (
    Column("bucket_start", ("usage_date_utc",), "time_utc", required=True, filled=True),
    Column("_when", ("usage_date_utc",)),
)
_DIMENSIONS = (
    Column("dimensions.api_key", ("api_key",)),
    Column("dimensions.workspace", ("workspace",)),
    Column("dimensions.usage_type", ("usage_type",)),
    Column("dimensions.context_window", ("context_window",)),
    Column("dimensions.inference_geo", ("inference_geo",)),
    Column("dimensions.speed", ("speed",)),
)
_END = Derived("bucket_end", end_of_span, ("_when", "bucket_start"))


def written(five_minutes: int | None, one_hour: int | None) -> int | None:
    """All tokens written to the cache, however long they are kept."""
    if five_minutes is None and one_hour is None:
        return None
    return (five_minutes or 0) + (one_hour or 0)


def size_of_call(window: str | None) -> int | None:
    """An input size within the context window of the row: `> 200k` → 200,001."""
    if window is None:
        return None
    found = _SIZE.search(window)
    if found is None:
        return None
    return int(found[1]) * 1000 + 1 if window.lstrip().startswith(">") else 1


def on_special_terms(usage_type: str | None, speed: str | None, geo: str | None) -> bool:
    """Batches, fast mode and data residency have prices of their own."""
    return (
        (usage_type is not None and "batch" in usage_type.lower())
        or (speed is not None and speed.lower() not in _USUAL_SPEED)
        or (geo is not None and geo.lower() not in _USUAL_GEO)
    )


TOKENS = Dialect(
    name="anthropic_console_tokens",
    stream="llm_usage_buckets",
    anchors=(frozenset({"usage_date_utc", "usage_input_tokens_no_cache"}),),
    columns=(
        *_SPAN,
        *_DIMENSIONS,
        Column("model", ("model_version", "model"), required=True),
        Column("input_tokens", ("usage_input_tokens_no_cache",), "integer", required=True),
        Column("_write_5m", ("usage_input_tokens_cache_write_5m",), "integer", required=True),
        Column(
            "_cache_write_1h_tokens",
            ("usage_input_tokens_cache_write_1h",),
            "integer",
            required=True,
        ),
        Column("cache_read_tokens", ("usage_input_tokens_cache_read",), "integer", required=True),
        Column("output_tokens", ("usage_output_tokens",), "integer", required=True),
        Column("details.web_search_count", ("web_search_count",), "integer"),
    ),
    derived=(
        _END,
        Derived("cache_write_tokens", written, ("_write_5m", "_cache_write_1h_tokens")),
        Derived("_size", size_of_call, ("dimensions.context_window",)),
        Derived(
            "_special",
            on_special_terms,
            ("dimensions.usage_type", "dimensions.speed", "dimensions.inference_geo"),
        ),
    ),
    provider="anthropic",
    key="grain",
    thousands=",",
    input_excludes_cache=True,
)

COST = Dialect(
    name="anthropic_console_cost",
    stream="llm_usage_buckets",
    anchors=(frozenset({"usage_date_utc", "cost_usd", "list_price_usd"}),),
    columns=(
        *_SPAN,
        *_DIMENSIONS,
        Column("model", ("model", "model_version"), required=True),
        Column("dimensions.token_type", ("token_type",)),
        Column("dimensions.cost_type", ("cost_type",)),
        Column("dimensions.api_key_id", ("api_key_id",)),
        Column("cost", ("cost_usd",), "money", required=True),
        Column("details.list_price_usd", ("list_price_usd",), "number"),
    ),
    derived=(_END,),
    spare=frozenset({"api_key_status"}),
    provider="anthropic",
    key="grain",
)

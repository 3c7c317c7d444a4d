"""OpenRouter: one row a generation, and the daily activity."""

from __future__ import annotations

from tap_llm_csv.dialects.buckets import end_of_day
from tap_llm_csv.dialects.model import Column, Derived, Dialect


def succeeded(cancelled: bool | None, finish: str | None) -> bool | None:
    """Neither cancelled nor ended in an error; None where neither is said."""
    if cancelled is None and finish is None:
        return None
    return not cancelled and finish != "error"


GENERATIONS = Dialect(
    name="openrouter_generations",
    stream="llm_calls",
    anchors=(frozenset({"generation_id", "created_at", "cost_total"}),),
    columns=(
        Column("extra.generation_id", ("generation_id",), required=True),
        Column("timestamp", ("created_at",), "time_utc", required=True, filled=True),
        Column("estimated_cost", ("cost_total",), "money", required=True),
        Column("input_tokens", ("tokens_prompt",), "integer", required=True),
        Column("output_tokens", ("tokens_completion",), "integer", required=True),
        Column("reasoning_tokens", ("tokens_reasoning",), "integer"),
        Column("cache_read_tokens", ("tokens_cached",), "integer"),
        Column("model", ("model_permaslug",), required=True),
        Column("_cancelled", ("cancelled",), "boolean"),
        Column("user_id", ("user",)),
        Column("finish_reason", ("finish_reason_normalized", "finish_reason_raw")),
        Column("duration_ms", ("generation_time_ms",), "milliseconds"),
        Column("ttft_ms", ("time_to_first_token_ms",), "milliseconds"),
    ),
    derived=(Derived("success", succeeded, ("_cancelled", "finish_reason")),),
    provider="openrouter",
    key="id",
    row_id="extra.generation_id",
    spare=frozenset({"cost_web_search", "cost_cache", "cost_file_processing"}),
)

ACTIVITY = Dialect(
    name="openrouter_activity",
    stream="llm_usage_buckets",
    anchors=(frozenset({"date", "slug", "usage", "prompt tokens"}),),
    columns=(
        Column("bucket_start", ("date",), "time_utc", required=True, filled=True),
        Column("model", ("slug",), required=True),
        Column("cost", ("usage",), "money", required=True),
        Column("details.byok_usage", ("byok usage",), "number"),
        Column("requests", ("requests",), "integer", required=True),
        Column("input_tokens", ("prompt tokens",), "integer", required=True),
        Column("output_tokens", ("completion tokens",), "integer", required=True),
        Column("reasoning_tokens", ("reasoning tokens",), "integer"),
    ),
    derived=(Derived("bucket_end", end_of_day, ("bucket_start",)),),
    provider="openrouter",
    key="grain",
)

"""OpenAI's organization exports: completions usage and cost, in day buckets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_llm_csv.dialects.model import Column, Derived, Dialect
from tap_llm_csv.records.cells import RowReject

if TYPE_CHECKING:
    from decimal import Decimal

_USUAL_TIERS = frozenset({"default", "standard", "auto"})

_SPAN = (
    Column(
        "bucket_start", ("start_time", "start_time_iso"), "time_utc", required=True, filled=True
    ),
    Column("bucket_end", ("end_time", "end_time_iso"), "time_utc"),
)
_DETAILS = tuple(
    Column(f"details.{name}", (name,), "integer")
    for name in (
        "input_uncached_tokens", "input_text_tokens", "output_text_tokens",
        "input_cached_text_tokens", "input_audio_tokens", "input_cached_audio_tokens",
        "output_audio_tokens", "input_image_tokens", "input_cached_image_tokens",
        "output_image_tokens",
    )
)  # fmt: skip


def used(requests: int | None, model: str | None) -> int | None:
    """The number of requests; a day on which nothing was used is no bucket."""
    if requests is None and model is None:
        raise RowReject("empty_bucket", None, "nothing was used in this bucket", skip=True)
    return requests


def on_special_terms(
    batch: bool | None,
    tier: str | None,
    *media: int | None,
) -> bool:
    """Batches, other service tiers, sound and pictures have prices of their own."""
    return bool(batch) or (tier is not None and tier.lower() not in _USUAL_TIERS) or any(media)


def model_of_line(line: str | None) -> str | None:
    """`gpt-5-nano, input_tokens` → `gpt-5-nano`."""
    return None if line is None else line.partition(",")[0].strip() or None


def dollars(amount: Decimal | None, currency: str | None) -> Decimal | None:
    """The amount, if it is in US dollars."""
    if amount is None or currency is None or currency.lower() == "usd":
        return amount
    raise RowReject(
        "bad_currency", "amount_currency", f"amount_currency is {currency}; only usd can be summed"
    )


USAGE = Dialect(
    name="openai_completions_usage",
    stream="llm_usage_buckets",
    anchors=(
        frozenset({"start_time", "num_model_requests"}),
        frozenset({"start_time_iso", "num_model_requests"}),
    ),
    columns=(
        *_SPAN,
        Column("_requests", ("num_model_requests",), "integer", required=True),
        Column("model", ("model",), required=True),
        Column("input_tokens", ("input_tokens",), "integer", required=True),
        Column("output_tokens", ("output_tokens",), "integer", required=True),
        Column("cache_read_tokens", ("input_cached_tokens",), "integer"),
        Column("dimensions.project_id", ("project_id",)),
        Column("dimensions.user_id", ("user_id",)),
        Column("dimensions.api_key_id", ("api_key_id",)),
        Column("dimensions.batch", ("batch",), "boolean"),
        Column("dimensions.service_tier", ("service_tier",)),
        *_DETAILS,
    ),
    derived=(
        Derived("requests", used, ("_requests", "model")),
        Derived(
            "_special",
            on_special_terms,
            (
                "dimensions.batch", "dimensions.service_tier", "details.input_audio_tokens",
                "details.output_audio_tokens", "details.input_image_tokens",
                "details.output_image_tokens",
            ),
        ),
    ),
    ignored=frozenset({"start_time_iso", "end_time_iso"}),
    provider="openai",
    key="grain",
)  # fmt: skip

COST = Dialect(
    name="openai_cost",
    stream="llm_usage_buckets",
    anchors=(frozenset({"start_time", "amount_value", "amount_currency"}),),
    columns=(
        *_SPAN,
        Column("_amount", ("amount_value",), "money", required=True),
        Column("_currency", ("amount_currency",), required=True),
        Column("dimensions.line_item", ("line_item",)),
        Column("dimensions.project_id", ("project_id",)),
        Column("dimensions.organization_id", ("organization_id",)),
        Column("dimensions.user_id", ("user_id",)),
        Column("dimensions.user_email", ("user_email",)),
        Column("dimensions.api_key_id", ("api_key_id",)),
        Column("dimensions.api_source", ("api_source",)),
        Column("details.quantity", ("quantity",), "number"),
    ),
    derived=(
        Derived("model", model_of_line, ("dimensions.line_item",)),
        Derived("cost", dollars, ("_amount", "_currency")),
    ),
    ignored=frozenset({"start_time_iso", "end_time_iso"}),
    provider="openai",
    key="grain",
)

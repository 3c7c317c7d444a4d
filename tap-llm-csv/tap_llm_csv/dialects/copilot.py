"""GitHub Copilot: premium requests one by one (v1), and days of use and AI credits (v2)."""

from __future__ import annotations

from decimal import Decimal

from tap_llm_csv.dialects.buckets import end_of_day
from tap_llm_csv.dialects.model import Column, Derived, Dialect


def cost_of(beyond_quota: bool | None) -> Decimal | None:
    """Within the quota the plan pays; beyond it the report does not say what it cost."""
    return Decimal(0) if beyond_quota is False else None


def cost_source_of(beyond_quota: bool | None) -> str | None:
    """`covered` within the quota."""
    return {False: "covered", True: "unpriced", None: None}[beyond_quota]


REQUESTS = Dialect(
    name="copilot_requests",
    stream="llm_calls",
    anchors=(frozenset({"timestamp", "user", "model", "requests used"}),),
    columns=(
        Column("timestamp", ("timestamp",), "time_utc", required=True, filled=True),
        Column("user_id", ("user",), required=True),
        Column("model", ("model",), required=True),
        Column("extra.requests_used", ("requests used",), "number", required=True),
        Column("_beyond_quota", ("exceeds monthly quota", "exceeds quota"), "boolean"),
        Column("extra.exceeds_quota", ("exceeds monthly quota", "exceeds quota"), "boolean"),
    ),
    derived=(
        Derived("estimated_cost", cost_of, ("_beyond_quota",)),
        Derived("cost_source", cost_source_of, ("_beyond_quota",)),
    ),
    identity=("user_id",),
)

DAYS = Dialect(
    name="copilot_usage",
    stream="llm_usage_buckets",
    anchors=(frozenset({"date", "username", "model", "quantity", "net_amount"}),),
    columns=(
        Column("bucket_start", ("date",), "time_utc", required=True, filled=True),
        Column("dimensions.user", ("username",), required=True),
        Column("dimensions.product", ("product",)),
        Column("dimensions.sku", ("sku",)),
        Column("model", ("model",), required=True),
        Column("dimensions.unit_type", ("unit_type",)),
        Column("dimensions.exceeds_quota", ("exceeds_quota",), "boolean"),
        Column("dimensions.organization", ("organization",)),
        Column("dimensions.repository", ("repository",)),
        Column("dimensions.cost_center", ("cost_center_name",)),
        Column("details.quantity", ("quantity",), "number", required=True),
        Column("details.gross_amount", ("gross_amount",), "number"),
        Column("details.discount_amount", ("discount_amount",), "number"),
        Column("cost", ("net_amount",), "money", required=True),
        Column("details.aic_quantity", ("aic_quantity",), "number"),
        Column("details.aic_gross_amount", ("aic_gross_amount",), "number"),
        Column("input_tokens", ("input", "input_tokens"), "integer"),
        Column("output_tokens", ("output", "output_tokens"), "integer"),
        Column("cache_read_tokens", ("cache_read", "cache_read_tokens"), "integer"),
        Column("cache_write_tokens", ("cache_write", "cache_write_tokens"), "integer"),
    ),
    derived=(Derived("bucket_end", end_of_day, ("bucket_start",)),),
    key="grain",
    thousands=",",
    input_excludes_cache=True,
)

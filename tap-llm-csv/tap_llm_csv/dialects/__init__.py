"""The formats that the tap reads, and the way from a header to a plan for its rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_llm_csv.dialects import (
    anthropic,
    base,
    copilot,
    coverage,
    cursor,
    custom,
    langfuse,
    litellm,
    openai,
    openrouter,
    telemetry_export,
)
from tap_llm_csv.dialects.model import Dialect, HeaderError, PlanOptions, RowReject, plain_name
from tap_llm_csv.plans import header_match
from tap_llm_csv.plans.plan import RowPlan, compile_plan
from tap_llm_csv.pricing.pricer import Pricer, pricer_for
from tap_llm_csv.records.schemas import SCHEMAS

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "DIALECTS", "SCHEMAS", "Dialect", "HeaderError", "PlanOptions", "RowPlan", "RowReject",
    "plain_name",
    "plan_for", "plan_for_object",
]  # fmt: skip

DIALECTS: dict[str, Dialect] = {
    dialect.name: dialect
    for dialect in (
        base.DIALECT,
        cursor.EVENTS,
        cursor.SUMMARY,
        openrouter.GENERATIONS,
        openrouter.ACTIVITY,
        anthropic.TOKENS,
        anthropic.COST,
        openai.USAGE,
        openai.COST,
        litellm.DIALECT,
        langfuse.DIALECT,
        copilot.REQUESTS,
        copilot.DAYS,
        coverage.DIALECT,
        telemetry_export.DIALECT,
    )
}


def plan_for(header: Sequence[str], options: PlanOptions, pricer: Pricer | None = None) -> RowPlan:
    """The plan for the rows under a header.

    Raises:
        HeaderError: The header fits no dialect, or lacks a column that its dialect needs.
    """
    dialect = _dialect_of(header, options)
    pricer = pricer or pricer_for(options.model_aliases, options.price_overrides)
    return compile_plan(dialect, header, options, pricer)


def plan_for_object(
    keys: Sequence[str], options: PlanOptions, pricer: Pricer | None = None
) -> RowPlan:
    """The plan for JSON objects with these keys; use its `convert_object`."""
    return plan_for(keys, options, pricer)


def _dialect_of(header: Sequence[str], options: PlanOptions) -> Dialect:
    name = options.dialect
    if name == "auto" and not options.column_map:
        names = [plain_name(title) for title in header]
        candidates = [
            dialect
            for dialect in DIALECTS.values()
            if options.stream is None or dialect.stream == options.stream
        ]
        return header_match.choose(names, candidates)
    if name in {"auto", "custom"}:
        return custom.dialect_for(options)
    if name not in DIALECTS:
        raise HeaderError(
            "unknown_header",
            f"there is no dialect {name}; the dialects are {', '.join(DIALECTS)} and custom",
        )
    return custom.with_map(DIALECTS[name], options.column_map)

"""The formats that the tap reads, each a table with the little code that its cells need."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_llm_csv.dialects import (
    anthropic,
    base,
    chat,
    copilot,
    coverage,
    cursor,
    estimation,
    langfuse,
    litellm,
    openai,
    openrouter,
    pr_traces,
    record,
    telemetry_export,
)

if TYPE_CHECKING:
    from tap_llm_csv.dialects.model import Dialect

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
        record.LLM_CALLS,
        chat.DIALECT,
        pr_traces.TRACES,
        pr_traces.EVENTS,
        estimation.LOG,
        estimation.EXPORT,
        estimation.OWN_EXPORT,
    )
}

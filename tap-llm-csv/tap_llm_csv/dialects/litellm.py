"""LiteLLM's spend logs (`LiteLLM_SpendLogs`), a row a request.

Messages, responses, headers and addresses in it never leave the file.
"""

from __future__ import annotations

from typing import Any

from tap_llm_csv.dialects.buckets import milliseconds_between
from tap_llm_csv.dialects.model import Column, Derived, Dialect
from tap_llm_csv.records.cells import BIGINT_MAX


def _inside(value: Any, *path: str) -> Any:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _count(metadata: Any, *paths: tuple[str, ...]) -> int | None:
    for path in paths:
        value = _inside(metadata, "usage_object", *path)
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= BIGINT_MAX:
            return value
    return None


def cache_read(metadata: Any) -> int | None:
    """Cached input, as either family of providers reports it."""
    return _count(
        metadata, ("cache_read_input_tokens",), ("prompt_tokens_details", "cached_tokens")
    )


def cache_written(metadata: Any) -> int | None:
    """Input written to the cache."""
    return _count(metadata, ("cache_creation_input_tokens",))


def reasoning(metadata: Any) -> int | None:
    """Output spent on reasoning."""
    return _count(metadata, ("completion_tokens_details", "reasoning_tokens"))


def error_of(metadata: Any) -> str | None:
    """The provider's error, without its traceback."""
    message = _inside(metadata, "error_information", "error_message")
    return message.replace("\0", "") if isinstance(message, str) and message else None


def succeeded(status: str | None) -> bool | None:
    """`success` or `failure`; older rows do not say."""
    return None if status is None else status.lower() == "success"


def duration(given: int | None, start: str | None, end: str | None) -> int | None:
    """The column where there is one, else from start to end."""
    return milliseconds_between(start, end) if given is None else given


DIALECT = Dialect(
    name="litellm_spendlogs",
    stream="llm_calls",
    anchors=(frozenset({"request_id", "starttime", "spend"}),),
    columns=(
        Column("extra.request_id", ("request_id",), required=True),
        Column("extra.call_type", ("call_type",)),
        Column("estimated_cost", ("spend",), "money", required=True),
        Column("input_tokens", ("prompt_tokens",), "integer", required=True),
        Column("output_tokens", ("completion_tokens",), "integer", required=True),
        Column("timestamp", ("starttime",), "time_utc", required=True, filled=True),
        Column("_end", ("endtime",), "time_utc"),
        Column("_first_token", ("completionstarttime",), "time_utc"),
        Column("_duration", ("request_duration_ms",), "milliseconds"),
        Column("model", ("model",), required=True),
        Column("provider", ("custom_llm_provider",)),
        Column("user_id", ("user",)),
        Column("_metadata", ("metadata",), "json"),
        Column("extra.cache_hit", ("cache_hit",)),
        Column("session_id", ("session_id",)),
        Column("_status", ("status",)),
    ),
    derived=(
        Derived("duration_ms", duration, ("_duration", "timestamp", "_end")),
        Derived("ttft_ms", milliseconds_between, ("timestamp", "_first_token")),
        Derived("cache_read_tokens", cache_read, ("_metadata",)),
        Derived("cache_write_tokens", cache_written, ("_metadata",)),
        Derived("reasoning_tokens", reasoning, ("_metadata",)),
        Derived("error_message", error_of, ("_metadata",)),
        Derived("success", succeeded, ("_status",)),
    ),
    key="id",
    row_id="extra.request_id",
    ignored=frozenset(
        {"total_tokens", "messages", "response", "proxy_server_request", "requester_ip_address"}
    ),
)

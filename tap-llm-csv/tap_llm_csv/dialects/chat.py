"""Requests to a chat over data, a row a request: a log of them, or our own export of the table.

A request that fails half way leaves most of its columns empty. The fingerprint of its SQL is left
to the table, which makes it, so that a row that is read again is the same row.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from tap_llm_csv.dialects.model import Column, Derived, Dialect
from tap_llm_csv.records.cells import RowReject, shown


def as_uuid(cell: str) -> str:
    """The key, in the one way in which Postgres writes it."""
    try:
        return str(UUID(cell))
    except ValueError:
        raise RowReject(
            "bad_uuid", "log_id", f"log_id is {shown(cell)}, which is no UUID"
        ) from None


def as_list(value: Any) -> Any:
    """Suggestions are a list, also where a writer had only one."""
    return [value] if isinstance(value, str | int | float | bool) else value


_STEPS = ("nl_to_sql_duration_ms", "sql_execution_duration_ms", "response_generation_duration_ms")
_TOKENS = tuple(
    f"{part}_{kind}_tokens"
    for part in ("sql", "response")
    for kind in ("input", "output", "cached")
)

DIALECT = Dialect(
    name="chat",
    stream="chat_telemetry_log",
    anchors=(
        frozenset({"log_id", "user_question"}),
        frozenset({"log_id", "user_id", "created_at", "is_off_topic"}),
    ),
    columns=(
        Column("log_id", ("log_id",), required=True, filled=True),
        Column("user_id", ("user_id",), required=True, filled=True),
        Column("conversation_id", ("conversation_id",)),
        Column("response_id", ("response_id",)),
        Column("created_at", ("created_at",), "time", required=True, filled=True),
        Column("user_question", ("user_question",), "free_text", required=True, filled=True),
        Column("ai_response", ("ai_response",), "free_text"),
        Column("generated_sql", ("generated_sql",), "free_text"),
        Column("result_row_count", ("result_row_count",), "integer"),
        Column("follow_up_suggestions", ("follow_up_suggestions",), "json"),
        Column("error_type", ("error_type",)),
        Column("error_message", ("error_message",), "free_text"),
        Column("failed_step", ("failed_step",)),
        Column("is_off_topic", ("is_off_topic",), "boolean", required=True, filled=True),
        Column("sql_model", ("sql_model",)),
        Column("response_model", ("response_model",)),
        *(Column(name, (name,), "milliseconds") for name in (*_STEPS, "ttfb_ms")),
        *(Column(name, (name,), "integer") for name in _TOKENS),
    ),
    derived=(
        Derived("log_id", as_uuid, ("log_id",)),
        Derived("follow_up_suggestions", as_list, ("follow_up_suggestions",)),
    ),
    key="given",
    identity=("log_id",),
    ignored=frozenset({"sql_fingerprint"}),
    appended=True,
    repeats=False,
)

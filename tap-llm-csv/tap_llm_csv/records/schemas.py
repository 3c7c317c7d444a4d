"""The streams that rows go to: their JSON Schemas and keys."""

from __future__ import annotations

from typing import Any

Record = dict[str, Any]

_TYPES: dict[str, dict[str, Any]] = {
    "uuid": {"type": ["string"], "format": "uuid"},
    "text": {"type": ["string", "null"]},
    "integer": {"type": ["integer", "null"]},
    "number": {"type": ["number", "null"]},
    "boolean": {"type": ["boolean", "null"]},
    "time": {"type": ["string", "null"], "format": "date-time"},
    "object": {"type": ["object", "null"], "additionalProperties": True},
    "texts": {"type": ["array", "null"], "items": {"type": ["string"]}},
    "anything": {
        "type": ["object", "array", "string", "number", "boolean", "null"],
        "additionalProperties": True,
    },
    "name": {"type": ["string"]},
}

_COLUMNS: dict[str, dict[str, str]] = {
    "llm_calls": {
        "call_id": "uuid", "timestamp": "time", "phase": "text", "prompt_name": "text",
        "model": "text", "provider": "text", "input_tokens": "integer", "output_tokens": "integer",
        "total_tokens": "integer", "cache_read_tokens": "integer", "cache_write_tokens": "integer",
        "reasoning_tokens": "integer", "estimated_cost": "number", "cost_source": "text",
        "price_version": "text", "success": "boolean", "error_message": "text",
        "duration_ms": "integer", "ttft_ms": "integer", "session_id": "text", "user_id": "text",
        "finish_reason": "text", "notes": "text", "repository": "text", "branch": "text",
        "commit_sha": "text", "environment": "text", "source": "text", "source_file": "text",
        "source_line": "integer", "extra": "object",
    },
    "llm_usage_buckets": {
        "bucket_id": "uuid", "bucket_start": "time", "bucket_end": "time", "source": "text",
        "provider": "text", "model": "text", "dimensions": "object", "requests": "integer",
        "input_tokens": "integer", "output_tokens": "integer", "cache_read_tokens": "integer",
        "cache_write_tokens": "integer", "reasoning_tokens": "integer", "cost": "number",
        "cost_source": "text", "source_file": "text",
    },
    "coverage_snapshots": {
        "snapshot_id": "uuid", "repository": "text", "branch": "text", "commit_sha": "text",
        "github_run_id": "integer", "run_attempt": "integer", "report_name": "text",
        "format": "text", "lines_covered": "integer", "lines_total": "integer",
        "branches_covered": "integer", "branches_total": "integer", "percent": "number",
        "measured_at": "time",
    },
    "chat_telemetry_log": {
        "log_id": "uuid", "user_id": "text", "conversation_id": "text", "response_id": "text",
        "created_at": "time", "user_question": "text", "ai_response": "text",
        "generated_sql": "text", "result_row_count": "integer",
        "follow_up_suggestions": "anything", "error_type": "text", "error_message": "text",
        "failed_step": "text", "is_off_topic": "boolean", "sql_model": "text",
        "response_model": "text", "nl_to_sql_duration_ms": "integer",
        "sql_execution_duration_ms": "integer", "response_generation_duration_ms": "integer",
        "ttfb_ms": "integer", "sql_input_tokens": "integer", "sql_output_tokens": "integer",
        "sql_cached_tokens": "integer", "response_input_tokens": "integer",
        "response_output_tokens": "integer", "response_cached_tokens": "integer",
    },
    "pr_traces": {
        "trace_id": "name", "repository": "text", "branch": "text", "language": "texts",
        "pr_id": "text", "title": "text", "status": "text", "pr_created_at": "time",
        "merged_at": "time", "user_id": "text", "ide_version": "text", "os": "text",
        "start_time": "time", "end_time": "time", "duration_seconds": "number",
    },
    "pr_trace_events": {
        "event_id": "name", "trace_id": "text", "seq": "integer", "ts": "time",
        "received_at": "time", "type": "text", "payload": "anything", "session_id": "text",
    },
    "token_estimation_v2_events": {
        "event_id": "name", "run_id": "text", "phase_id": "text", "timestamp": "time",
        "category": "text", "complexity": "text", "deliverable_count": "integer",
        "deliverables_json": "anything", "predicted_output_tokens": "integer",
        "actual_output_tokens": "integer", "selected_budget": "integer", "success": "boolean",
        "truncated": "boolean", "stop_reason": "text", "model": "text",
        "smape_percent": "number", "waste_ratio": "number", "underestimated": "boolean",
        "actual_source": "text", "computed": "object",
    },
}  # fmt: skip

TIME_COLUMNS = {
    "llm_calls": "timestamp",
    "llm_usage_buckets": "bucket_start",
    "coverage_snapshots": "measured_at",
    "chat_telemetry_log": "created_at",
    "pr_traces": "pr_created_at",
    "pr_trace_events": "ts",
    "token_estimation_v2_events": "timestamp",
}
#: Streams whose rows may have no time.
UNTIMED = frozenset({"pr_traces"})
COST_COLUMNS = {"llm_calls": "estimated_cost", "llm_usage_buckets": "cost"}

SCHEMAS: dict[str, dict[str, Any]] = {
    stream: {
        "schema": {
            "type": "object",
            "properties": {name: dict(_TYPES[kind]) for name, kind in columns.items()},
        },
        "key_properties": [next(iter(columns))],
    }
    for stream, columns in _COLUMNS.items()
}

LEDGER: dict[str, dict[str, Any]] = {
    "llm_csv_files": {
        "file_id": {"type": ["string"]},
        "path": _TYPES["text"],
        "stream": _TYPES["text"],
        "dialect": _TYPES["text"],
        "status": _TYPES["text"],
        "size_bytes": _TYPES["integer"],
        "offset_bytes": _TYPES["integer"],
        "generation": _TYPES["integer"],
        "rows_read": _TYPES["integer"],
        "rows_emitted": _TYPES["integer"],
        "rows_rejected": _TYPES["integer"],
        "rows_skipped": _TYPES["integer"],
        "rows_recovered": _TYPES["integer"],
        "first_timestamp": _TYPES["time"],
        "last_timestamp": _TYPES["time"],
        "message": _TYPES["text"],
    },
    "llm_csv_rejects": {
        "reject_id": {"type": ["string"], "format": "uuid"},
        "file_id": _TYPES["text"],
        "path": _TYPES["text"],
        "line_number": _TYPES["integer"],
        "byte_offset": _TYPES["integer"],
        "code": _TYPES["text"],
        "column_name": _TYPES["text"],
        "message": _TYPES["text"],
        "raw": _TYPES["text"],
        "severity": _TYPES["text"],
        "seen_at": _TYPES["time"],
    },
}


def column_kind(stream: str, column: str) -> str | None:
    """`text`, `integer` … of a stream's column, None where it has no such column."""
    return _COLUMNS[stream].get(column)


def column_names(stream: str) -> list[str]:
    """The columns of a stream in their order."""
    return list(_COLUMNS[stream])

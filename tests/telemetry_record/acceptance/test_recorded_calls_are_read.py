"""What a program records, tap-llm-csv reads without being told where it is."""

from __future__ import annotations

import json
import uuid
from decimal import Decimal
from typing import TYPE_CHECKING, Any, get_type_hints

import telemetry_record
from support.project import Project, clean_environment

if TYPE_CHECKING:
    from pathlib import Path


def records(project: Project, stream: str) -> list[dict[str, Any]]:
    lines = project.run("tap-llm-csv", "--config", "ENV").out.splitlines()
    messages = [json.loads(line, parse_float=Decimal) for line in lines]
    return [m["record"] for m in messages if m["type"] == "RECORD" and m["stream"] == stream]


def test_a_recorded_call_keeps_its_id_and_gets_a_price(tmp_path: Path) -> None:
    project = Project(tmp_path, clean_environment(TELEMETRY_DB_ENABLED="1"))
    told = ["model=gpt-4o", "input_tokens=1000", "output_tokens=100", "prompt_name=review"]
    project.run("telemetry-record", "llm-call", *told, "ttft_ms=420", 'extra={"retry": 2}')
    project.run("telemetry-record", "llm-call", *told, "call_id=mine", "estimated_cost=0.5")
    first, second = records(project, "llm_calls")
    line = (tmp_path / ".telemetry/records/llm_calls.ndjson").read_text().splitlines()[0]
    assert first["call_id"] == json.loads(line)["call_id"]
    assert first["estimated_cost"] == Decimal("0.0035")
    assert (first["cost_source"], second["cost_source"]) == ("estimated", "provided")
    assert (first["total_tokens"], first["ttft_ms"]) == (1100, 420)
    assert first["extra"] == {"retry": 2}
    assert uuid.UUID(second["call_id"]).version != 4
    assert second["source_line"] == 2


def test_an_unknown_column_joins_the_others_in_extra(tmp_path: Path) -> None:
    project = Project(tmp_path, clean_environment(TELEMETRY_DB_ENABLED="1"))
    code = (
        "from telemetry_record import record_llm_call as r;"
        "r(model='m', extra={'a': 1}, shard='b'); r(model='m', extra=[1]); r(model='m', shard='c')"
    )
    project.run("python", "-c", code)
    assert [row["extra"] for row in records(project, "llm_calls")] == [
        {"a": 1, "shard": "b"},
        {"shard": "c"},
    ]
    [reject] = records(project, "llm_csv_rejects")
    assert (reject["line_number"], reject["column_name"]) == (2, "extra")


def test_every_kind_of_record_finds_its_stream(tmp_path: Path) -> None:
    project = Project(tmp_path, clean_environment(TELEMETRY_DB_ENABLED="1"))
    record = "telemetry-record"
    project.run(record, "token-estimation", "category=tests", "predicted_output_tokens=10")
    project.run(record, "token-estimation", "stop_reason=failed before it asked")
    project.run(record, "chat-request", "user_id=u", "user_question=how many?", "sql_model=m")
    project.run(record, "chat-request", "user_id=u", "user_question=why?", "error_type=timeout")
    project.run(record, "trace-event", "trace_id=t", "type=edit", 'payload={"file": "a.py"}')
    project.run(record, "trace-event", "trace_id=t", "type=test", "seq=2", "session_id=s")
    for stream, number in (
        ("token_estimation_v2_events", 2),
        ("chat_telemetry_log", 2),
        ("pr_trace_events", 2),
        ("llm_csv_rejects", 0),
    ):
        assert len(records(project, stream)) == number, stream


def test_the_arguments_are_the_columns_of_the_streams(tmp_path: Path) -> None:
    catalog = json.loads(Project(tmp_path).run("tap-llm-csv", "--discover").out)
    columns = {s["tap_stream_id"]: set(s["schema"]["properties"]) for s in catalog["streams"]}
    for shape, stream, more in (
        (telemetry_record.LlmCall, "llm_calls", set()),
        (telemetry_record.TokenEstimation, "token_estimation_v2_events", {"total_tokens"}),
        (telemetry_record.ChatRequest, "chat_telemetry_log", set()),
        (telemetry_record.TraceEvent, "pr_trace_events", set()),
    ):
        assert set(get_type_hints(shape)) - columns[stream] == more, stream

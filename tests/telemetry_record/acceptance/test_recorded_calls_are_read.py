"""What a program records, tap-llm-csv reads without being told where it is."""

from __future__ import annotations

import json
import uuid
from decimal import Decimal
from typing import TYPE_CHECKING, Any

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

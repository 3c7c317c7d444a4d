"""The records that every contender loads: calls of language models, the same on every machine.

One call is one Singer record and one CSV row with the columns of `telemetry.llm_calls`.
"""

from __future__ import annotations

import csv
import json
import random
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STREAM: Final = "llm_calls"
KEY: Final = "call_id"
SEED: Final = 20260101

_FIRST_CALL: Final = datetime(2026, 1, 1, tzinfo=timezone.utc)
_FAILS: Final = 0.02
_MODELS: Final = (
    ("claude-sonnet-4-5", "anthropic", 3.0, 15.0),
    ("claude-haiku-4-5", "anthropic", 1.0, 5.0),
    ("gpt-5", "openai", 1.25, 10.0),
    ("gpt-5-mini", "openai", 0.25, 2.0),
    ("gemini-2.5-pro", "google", 1.25, 10.0),
)
_PROMPTS: Final = ("plan", "edit", "review", "test", "summarise", "triage", "commit-message")
_KINDS: Final[dict[str, dict[str, Any]]] = {
    "integer": {"type": ["integer", "null"]},
    "number": {"type": ["number", "null"]},
    "string": {"type": ["string", "null"]},
    "boolean": {"type": ["boolean", "null"]},
    "date-time": {"type": ["string", "null"], "format": "date-time"},
}
_COLUMNS: Final = {
    "timestamp": "date-time",
    "phase": "string",
    "prompt_name": "string",
    "model": "string",
    "provider": "string",
    "input_tokens": "integer",
    "output_tokens": "integer",
    "total_tokens": "integer",
    "cache_read_tokens": "integer",
    "cache_write_tokens": "integer",
    "reasoning_tokens": "integer",
    "estimated_cost": "number",
    "cost_source": "string",
    "price_version": "string",
    "success": "boolean",
    "error_message": "string",
    "duration_ms": "integer",
    "ttft_ms": "integer",
    "session_id": "string",
    "user_id": "string",
    "finish_reason": "string",
    "notes": "string",
    "source": "string",
    "source_file": "string",
    "source_line": "integer",
}
SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        KEY: {"type": "string", "format": "uuid"},
        **{name: _KINDS[kind] for name, kind in _COLUMNS.items()},
        "extra": {"type": ["object", "null"]},
    },
}
COLUMNS: Final = tuple(SCHEMA["properties"])


@dataclass(frozen=True)
class Inputs:
    """The files of one measurement."""

    rows: int
    one: Path
    one_csv: Path
    first: Path
    first_csv: Path
    changed: Path
    changed_csv: Path


def write_inputs(folder: Path, rows: int) -> Inputs:
    """Write the files: one record, the records, and the same keys with other figures."""
    folder.mkdir(parents=True, exist_ok=True)
    written: dict[str, Path] = {}
    for name, amount, changed in (
        ("one", 1, False),
        ("first", rows, False),
        ("changed", rows, True),
    ):
        singer, table = folder / f"{name}.singer", folder / f"{name}.csv"
        _write(singer, table, calls(amount, changed=changed))
        written |= {name: singer, f"{name}_csv": table}
    return Inputs(rows=rows, **written)


def calls(rows: int, *, changed: bool = False) -> Iterator[dict[str, Any]]:
    """The records in the order in which they were made.

    Args:
        rows: How many.
        changed: With the figures that a later, corrected export of the same calls would have.
    """
    source = random.Random(SEED)
    session = ""
    for line in range(rows):
        if line % 40 == 0:
            session = f"session-{source.getrandbits(40):010x}"
        yield _call(source, line, session, changed=changed)


def _call(source: random.Random, line: int, session: str, *, changed: bool) -> dict[str, Any]:
    name, provider, input_price, output_price = source.choice(_MODELS)
    asked, answered = source.randint(200, 30_000), source.randint(20, 4_000)
    cached = source.choice((0, 0, asked // 2))
    failed = source.random() < _FAILS
    took = answered * 9 + source.randint(200, 2_000)
    if changed:
        answered += 7
    return {
        KEY: str(uuid.UUID(int=source.getrandbits(128), version=4)),
        "timestamp": (_FIRST_CALL + timedelta(milliseconds=line * 11_003)).isoformat(),
        "phase": str(1 + line * 8 // 1_000_000),
        "prompt_name": source.choice(_PROMPTS),
        "model": name,
        "provider": provider,
        "input_tokens": asked,
        "output_tokens": answered,
        "total_tokens": asked + answered,
        "cache_read_tokens": cached,
        "cache_write_tokens": 0,
        "reasoning_tokens": None,
        "estimated_cost": round((asked * input_price + answered * output_price) / 1e6, 9),
        "cost_source": "estimated",
        "price_version": "2026-01-01",
        "success": not failed,
        "error_message": "the model is overloaded, try again later" if failed else None,
        "duration_ms": took,
        "ttft_ms": took // 10,
        "session_id": session,
        "user_id": f"user-{source.randint(1, 60)}",
        "finish_reason": "error" if failed else "stop",
        "notes": f"Phase 5, step {line % 977}: measured",
        "source": "bench",
        "source_file": ".telemetry/usage.csv",
        "source_line": line + 2,
        "extra": None,
    }


def _cell(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value


def _write(singer: Path, table: Path, records: Iterator[dict[str, Any]]) -> None:
    schema = {"type": "SCHEMA", "stream": STREAM, "schema": SCHEMA, "key_properties": [KEY]}
    with (
        singer.open("w", encoding="utf-8") as lines,
        table.open("w", encoding="utf-8", newline="") as cells,
    ):
        rows = csv.DictWriter(cells, COLUMNS)
        rows.writeheader()
        lines.write(json.dumps(schema) + "\n")
        for record in records:
            message = {"type": "RECORD", "stream": STREAM, "record": record}
            lines.write(json.dumps(message, separators=(",", ":")) + "\n")
            rows.writerow({name: _cell(value) for name, value in record.items()})
        state = {"type": "STATE", "value": {"bookmarks": {STREAM: {"loaded": True}}}}
        lines.write(json.dumps(state) + "\n")

"""Our own `telemetry export llm_calls`: read back as it was, keys and costs included."""

from __future__ import annotations

from tap_llm_csv.dialects.model import Column, Dialect, Kind
from tap_llm_csv.records.schemas import SCHEMAS, column_kind

_KINDS: dict[str, Kind] = {
    "text": "text", "integer": "integer", "number": "money", "boolean": "boolean",
    "time": "time_utc", "object": "json", "uuid": "text",
}  # fmt: skip
_FREE_TEXT = frozenset({"notes", "error_message"})
_REQUIRED = frozenset(
    {"call_id", "timestamp", "model", "input_tokens", "output_tokens", "cost_source"}
)


def _column(name: str) -> Column:
    kind: Kind = "free_text" if name in _FREE_TEXT else _KINDS[str(column_kind("llm_calls", name))]
    return Column(
        name, (name,), kind, required=name in _REQUIRED, filled=name in {"call_id", "timestamp"}
    )


DIALECT = Dialect(
    name="telemetry_export",
    stream="llm_calls",
    anchors=(_REQUIRED,),
    columns=tuple(_column(name) for name in SCHEMAS["llm_calls"]["schema"]["properties"]),
    key="given",
    ignored=frozenset({"id", "created_at"}),
    keeps_cost=True,
)

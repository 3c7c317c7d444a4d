"""What `telemetry_record` writes: a JSON object a line, named as the tables are."""

from __future__ import annotations

import uuid

from tap_llm_csv.dialects.model import Column, Derived, Dialect, Kind
from tap_llm_csv.records.identity import uuid_of
from tap_llm_csv.records.schemas import SCHEMAS, column_kind

_KINDS: dict[str, Kind] = {
    "text": "text", "integer": "integer", "number": "money", "boolean": "boolean",
    "time": "time_utc", "object": "json",
}  # fmt: skip
_SPECIAL: dict[str, Kind] = {
    "notes": "free_text", "error_message": "free_text", "duration_ms": "milliseconds",
    "ttft_ms": "milliseconds",
}  # fmt: skip
# What only the tap can say of a call.
_MADE_HERE = frozenset(
    {"call_id", "total_tokens", "cost_source", "price_version", "source", "source_file",
     "source_line"}
)  # fmt: skip
_NEEDED = frozenset({"call_id", "timestamp", "model", "input_tokens", "output_tokens"})


def call_id(given: str) -> str:
    """The program's own id; one that is no UUID always becomes the same UUID."""
    try:
        return str(uuid.UUID(given))
    except ValueError:
        return uuid_of(f"record|{given}".encode())


LLM_CALLS = Dialect(
    name="record",
    stream="llm_calls",
    anchors=(_NEEDED,),
    columns=(
        Column("_id", ("call_id",), required=True, filled=True),
        *(
            Column(
                name,
                (name,),
                _SPECIAL.get(name) or _KINDS[str(column_kind("llm_calls", name))],
                required=name in _NEEDED,
                filled=name == "timestamp",
            )
            for name in SCHEMAS["llm_calls"]["schema"]["properties"]
            if name not in _MADE_HERE
        ),
    ),
    derived=(Derived("call_id", call_id, ("_id",)),),
    key="given",
    ignored=frozenset({"total_tokens"}),
    appended=True,
)

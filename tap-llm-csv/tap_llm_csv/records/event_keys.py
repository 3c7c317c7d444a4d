"""What tells the events of a pull request's trace apart."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tap_llm_csv.records.identity import uuid_of

if TYPE_CHECKING:
    from tap_llm_csv.records.identity import Ordinals
    from tap_llm_csv.records.schemas import Record


def event_key(record: Record, ordinals: Ordinals, line: int) -> str:
    """The id that the event has, or one made of what it is.

    A numbered event is its trace, number, type and payload: the same again is the same event, and a
    payload that says anything else is another one. Without a number its time stands for it, and its
    place among its equals.
    """
    if given := record.get("event_id"):
        return str(given)
    payload = json.dumps(record.get("payload"), sort_keys=True, separators=(",", ":"))
    seq = record.get("seq")
    place = f"at {record['ts']}" if seq is None else f"number {seq}"
    same = "\x1f".join(("event", record["trace_id"], place, record["type"], payload)).encode()
    return uuid_of(same, ordinals.take(same, line) if seq is None else 0)

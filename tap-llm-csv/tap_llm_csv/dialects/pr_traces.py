"""Traces of pull requests: what a trace is about, and its events, one row each.

`plans/parts.py` takes the JSON of a batch or of an Agent Trace record apart into rows like these.
An exported table has them as they are.
"""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any

from tap_llm_csv.dialects.model import Column, Derived, Dialect
from tap_llm_csv.records.cells import RowReject, json_value

if TYPE_CHECKING:
    from collections.abc import Mapping


def as_texts(cell: str | None) -> list[str] | None:
    """A list, as JSON or as Postgres exports it; one language is a list of one."""
    if cell is None:
        return None
    if cell.startswith("{") and cell.endswith("}"):
        written = [cell[1:-1]]
        return next(csv.reader(written, escapechar="\\", doublequote=False), [])
    if not cell.startswith("["):
        return [cell]
    value = json_value(cell, "language")
    if not all(isinstance(item, str) for item in value):
        raise RowReject("bad_json", "language", "language is no list of names")
    return list(value)


def moment_of(ts: str | None, received_at: str | None) -> str:
    """When an event happened; when it came in, where nobody noted more."""
    moment = ts or received_at
    if moment is None:
        raise RowReject("missing_required", "ts", "an event has neither ts nor received_at")
    return moment


def session_of(session_id: str | None, payload: Any) -> str | None:
    """The session that an event says it belongs to."""
    if session_id is None and isinstance(payload, dict):
        said = payload.get("session_id")
        return said if isinstance(said, str) and said else None
    return session_id


TRACES = Dialect(
    name="pr_traces",
    stream="pr_traces",
    anchors=(frozenset({"trace_id", "pr_id", "repository"}),),
    columns=(
        Column("trace_id", ("trace_id",), required=True, filled=True),
        Column("repository", ("repository",)),
        Column("branch", ("branch",)),
        Column("language", ("language",)),
        Column("pr_id", ("pr_id",)),
        Column("title", ("title",), "free_text"),
        Column("status", ("status",)),
        Column("pr_created_at", ("pr_created_at",), "time"),
        Column("merged_at", ("merged_at",), "time"),
        Column("user_id", ("user_id",)),
        Column("ide_version", ("ide_version",)),
        Column("os", ("os",)),
        Column("start_time", ("start_time",), "time"),
        Column("end_time", ("end_time",), "time"),
        Column("duration_seconds", ("duration_seconds",), "number"),
    ),
    derived=(Derived("language", as_texts, ("language",)),),
    key="given",
    identity=("trace_id",),
    ignored=frozenset({"id", "created_at"}),
    appended=True,
    repeats=False,
)

EVENTS = Dialect(
    name="pr_trace_events",
    stream="pr_trace_events",
    anchors=(
        frozenset({"trace_id", "type", "ts"}),
        frozenset({"trace_id", "type", "received_at"}),
        frozenset({"trace_id", "type", "payload"}),
    ),
    columns=(
        Column("event_id", ("event_id",)),
        Column("trace_id", ("trace_id",), required=True, filled=True),
        Column("seq", ("seq",), "integer"),
        Column("ts", ("ts",), "time"),
        Column("received_at", ("received_at",), "time"),
        Column("type", ("type",), required=True, filled=True),
        Column("payload", ("payload",), "json"),
        Column("session_id", ("session_id",)),
    ),
    derived=(
        Derived("ts", moment_of, ("ts", "received_at")),
        Derived("session_id", session_of, ("session_id", "payload")),
    ),
    key="event",
    identity=("trace_id", "seq", "ts", "type", "payload"),
    beside=("pr_traces",),
    ignored=frozenset({"id", "created_at"}),
    appended=True,
    hint="trace_id, seq, ts, type, payload",
)

_OF_AN_EVENT = frozenset(column.target for column in EVENTS.columns)
_OF_A_TRACE = tuple(column.target for column in TRACES.columns)


def told_of_trace(event: Mapping[str, Any]) -> dict[str, Any]:
    """What the line of an event says about its trace; its id at least."""
    named = [name for name in _OF_A_TRACE if name not in _OF_AN_EVENT or name == "trace_id"]
    return {name: event[name] for name in named if event.get(name) is not None}

"""A JSON value → the rows that it stands for: most are one, a batch of a trace is many.

A batch is a trace and its events in one object, flat (`pr_id, repo_name, branch, status, events`)
or by subject (`repo`, `pr`, `developer`, `timeline`, `events`), as `telemetry trace --json` prints
it. An Agent Trace record is one event. The line of an event tells of its trace, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from tap_llm_csv.dialects import pr_traces
from tap_llm_csv.records.cells import RowReject
from tap_llm_csv.records.identity import uuid_of

if TYPE_CHECKING:
    from collections.abc import Mapping

_TRACES_KEPT = 10_000
_SUBJECTS = ("repo", "pr", "developer", "timeline")
# Where a batch says it → what the row of a trace calls it; of several names the first counts.
_NAMES: dict[str, tuple[str, ...]] = {
    "repository": ("repo.name", "repository", "repo_name"),
    "branch": ("repo.branch", "branch"),
    "language": ("repo.language", "language"),
    "title": ("pr.title", "title"),
    "status": ("pr.status", "status"),
    "pr_created_at": ("pr.created_at", "pr_created_at"),
    "merged_at": ("pr.merged_at", "merged_at"),
    "user_id": ("developer.user_id", "user_id"),
    "ide_version": ("developer.ide_version", "ide_version"),
    "os": ("developer.os", "os"),
    "start_time": ("timeline.start_time", "start_time"),
    "end_time": ("timeline.end_time", "end_time"),
    "duration_seconds": ("timeline.duration_seconds", "duration_seconds"),
}


class Part(NamedTuple):
    """One row.

    Attributes:
        row: Its cells by name.
        dialect: Which dialect reads it; None: the one that its names say.
        name: What a message calls it.
    """

    row: Mapping[str, Any]
    dialect: str | None = None
    name: str = ""


class Parts:
    """Takes the lines of one file apart, and tells of each trace once."""

    def __init__(self) -> None:
        self._told: dict[str, Mapping[str, Any]] = {}

    def of(self, value: Any) -> list[Part]:
        """The rows of a line; the last one says what kind of line it is.

        Raises:
            RowReject: It is a batch that cannot be taken apart.
        """
        if isinstance(value, list):
            return [part for item in value for part in self.of(item)]
        if not isinstance(value, dict):
            raise RowReject("bad_json", None, "the line is JSON, but no object")
        if not ("trace_id" in value or "events" in value or "files" in value):
            return [Part(value)]
        if isinstance(value.get("events"), list) and (value.keys() & {"trace_id", "pr_id", "pr"}):
            return _batch(value)
        if _is_agent_trace(value):
            value, dialect = _agent_trace(value), pr_traces.EVENTS.name
        elif any(anchors <= value.keys() for anchors in pr_traces.EVENTS.anchors):
            dialect = None
        else:
            return [Part(value)]
        return [*self._new(pr_traces.told_of_trace(value)), Part(value, dialect)]

    def _new(self, trace: dict[str, Any]) -> list[Part]:
        trace_id = str(trace.get("trace_id"))
        if self._told.get(trace_id) == trace:
            return []
        if len(self._told) >= _TRACES_KEPT:
            self._told.clear()
        self._told[trace_id] = trace
        return [Part(trace, pr_traces.TRACES.name)]


def _batch(batch: dict[str, Any]) -> list[Part]:
    said = {
        f"{subject}.{name}": value
        for subject in _SUBJECTS
        if isinstance(inner := batch.get(subject), dict)
        for name, value in inner.items()
    }
    said.update((name, value) for name, value in batch.items() if name not in _SUBJECTS)
    if isinstance(batch.get("repo"), str):
        said["repo.name"] = batch["repo"]
    trace = {
        target: next(said[name] for name in names if name in said)
        for target, names in _NAMES.items()
        if any(name in said for name in names)
    }
    pr_id = said.get("pr.pr_id") or said.get("pr.id") or said.get("pr_id")
    trace_id = batch.get("trace_id") or (pr_id and trace_of(f"pr|{pr_id}"))
    if not trace_id:
        raise RowReject(
            "missing_required", "trace_id", "the batch has neither a trace_id nor a pr_id"
        )
    if pr_id:
        trace["pr_id"] = pr_id
    parts = [Part({"trace_id": trace_id, **trace}, pr_traces.TRACES.name)]
    common = {"session_id": batch["session_id"]} if batch.get("session_id") else {}
    for number, event in enumerate(batch["events"], start=1):
        name = f"event {number} of {len(batch['events'])}"
        if not isinstance(event, dict):
            raise RowReject("bad_json", None, f"{name} is no object")
        if event.get("trace_id", trace_id) != trace_id:
            raise RowReject("bad_json", "trace_id", f"{name} belongs to another trace")
        row = {**common, **event, "trace_id": trace_id}
        parts.append(Part(row, pr_traces.EVENTS.name, name))
    return parts


def trace_of(what: str) -> str:
    """The trace of something that names none: the same each time."""
    return uuid_of(f"pr_trace|{what}".encode("utf-8", "surrogatepass"))


def _is_agent_trace(value: Mapping[str, Any]) -> bool:
    return value.keys() >= {"version", "id", "timestamp", "files"} and isinstance(
        value["files"], list
    )


def _agent_trace(record: Mapping[str, Any]) -> dict[str, Any]:
    """An Agent Trace record as an event: of the trace it names, else its session's or commit's."""
    more = record.get("metadata")
    metadata: Mapping[str, Any] = more if isinstance(more, dict) else {}
    vcs = record.get("vcs")
    revision = vcs.get("revision") if isinstance(vcs, dict) else None
    session = metadata.get("session_id") or metadata.get("conversation_id")
    pr_id = metadata.get("pr_id")
    found = (("pr", pr_id), ("session", session), ("commit", revision), ("record", record["id"]))
    kind, what = next((kind, what) for kind, what in found if what or kind == "record")
    payload = {name: value for name, value in record.items() if name not in {"id", "timestamp"}}
    event = {
        "event_id": record["id"],
        "trace_id": metadata.get("trace_id") or trace_of(f"{kind}|{what}"),
        "ts": record["timestamp"],
        "type": "agent_trace",
        "payload": payload,
        "session_id": session,
        "pr_id": pr_id,
    }
    return {name: value for name, value in event.items() if value is not None}


def named(part: Part, reject: RowReject) -> RowReject:
    """A refusal that says which part of the line is meant."""
    if not part.name:
        return reject
    return RowReject(reject.code, reject.column, f"{part.name}: {reject.message}")

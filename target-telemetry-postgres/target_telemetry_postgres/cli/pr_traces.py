"""The traces of a pull request, with what ran for it and what was asked of models meanwhile."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from target_telemetry_postgres.cli.session import read_sql

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from target_telemetry_postgres.cli.session import Reader, Row

_REFERENCE = re.compile(r"(?:(?P<repository>[\w.-]+/[\w.-]+))?#?(?P<number>\d+)", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{7,40}", re.ASCII | re.IGNORECASE)
_LARGEST = 2**63 - 1

#: What must be readable for a trace to be told whole.
_NEEDED = {
    "pr_traces": {"trace_id", "user_id", "title"},
    "pr_trace_order": {"trace_id"},
    "pr_trace_events": {"event_id", "payload"},
    "pr_trace_commits": {"commit_sha"},
}
_OF_CALLS = {"session_id", "commit_sha", "repository", "branch"}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the argument may mean."""

    number: int | None
    branch: str | None
    commit: str | None
    repository: str | None


def parse_reference(text: str, repository: str | None = None) -> Wanted:
    """Read `42`, `#42`, `owner/name#42`, a branch, or at least seven digits of a commit."""
    match = _REFERENCE.fullmatch(text)
    if match and (match["repository"] is None or "#" in text):
        number = int(match["number"])
        return Wanted(
            number=number if number <= _LARGEST else None,
            branch=text,
            commit=_prefix(text),
            repository=match["repository"] or repository,
        )
    return Wanted(number=None, branch=text, commit=_prefix(text), repository=repository)


def _prefix(text: str) -> str | None:
    return text.lower() + "%" if _COMMIT.fullmatch(text) else None


def may_read(columns: Mapping[str, Mapping[str, str]]) -> bool:
    """Whether this role may read what was done for pull requests, and it is kept here."""
    return all(names <= columns.get(table, {}).keys() for table, names in _NEEDED.items())


def collect_traces(
    reader: Reader, reference: str, wanted: Wanted, columns: Mapping[str, Mapping[str, str]]
) -> list[Row]:
    """Every trace that the reference may mean, with all that belongs to it."""
    if not may_read(columns):
        return []
    number, repository = wanted.number, wanted.repository
    traces = reader.rows(
        read_sql("trace_traces.sql"),
        {
            "reference": reference,
            "pr_id": f"{repository}#{number}" if repository and number is not None else None,
            "any_pr": None if number is None else f"%#{number}",
            "branch": wanted.branch,
            "commit": wanted.commit,
            "repository": repository,
        },
    )
    events: dict[str, list[Row]] = {trace["trace_id"]: [] for trace in traces}
    for event in reader.rows(read_sql("trace_events.sql"), {"traces": list(events)}):
        events[event.pop("trace_id")].append(event)
    return [_whole(reader, trace, events[trace["trace_id"]], columns) for trace in traces]


def _whole(
    reader: Reader, trace: Row, events: list[Row], columns: Mapping[str, Mapping[str, str]]
) -> Row:
    """The schema in which traces are told, and beside it what was joined to it."""
    number = re.search(r"#(\d+)$", trace["pr_id"] or "")
    asked = Wanted(
        number=int(number[1]) if number else None,
        branch=None,
        commit=None,
        repository=trace["repository"],
    )
    commits = _commits(events)
    return {
        "trace_id": trace["trace_id"],
        "repo": {
            "name": trace["repository"],
            "branch": trace["branch"],
            "language": trace["language"],
        },
        "pr": {
            "pr_id": trace["pr_id"],
            "title": trace["title"],
            "status": trace["status"],
            "created_at": trace["pr_created_at"],
            "merged_at": trace["merged_at"],
        },
        "developer": {name: trace[name] for name in ("user_id", "ide_version", "os")},
        "timeline": {name: trace[name] for name in ("start_time", "end_time", "duration_seconds")},
        "events": events,
        "runs": collect_runs(reader, asked, columns, commits) if commits or number else [],
        "llm_calls": _calls(reader, trace, events, commits, columns),
    }


def _commits(events: Sequence[Row]) -> list[str]:
    """The commits that events tell of, as patterns: a writer may have cut them short."""
    found = []
    for event in events:
        payload = event["payload"] if isinstance(event["payload"], dict) else {}
        sha = str(payload.get("sha") or "").lower() if event["type"] == "commit" else ""
        if re.fullmatch(r"[0-9a-f]{6,40}", sha):
            found.append(f"{sha}%")
    return list(dict.fromkeys(found))


def collect_runs(
    reader: Reader,
    wanted: Wanted,
    columns: Mapping[str, Mapping[str, str]],
    commits: Sequence[str] = (),
) -> list[Row]:
    """The workflow runs with their jobs."""
    if "workflow_runs" not in columns:
        return []
    runs = reader.rows(
        read_sql("trace_runs.sql"),
        {
            "number": wanted.number,
            "branch": wanted.branch,
            "commits": [*commits, *([wanted.commit] if wanted.commit else [])],
            "repository": wanted.repository,
        },
    )
    jobs: dict[tuple[int, int], list[Row]] = {}
    if "workflow_jobs" in columns:
        ids = list({run["github_run_id"] for run in runs})
        for job in reader.rows(read_sql("trace_jobs.sql"), {"runs": ids}):
            jobs.setdefault((job["github_run_id"], job["run_attempt"]), []).append(job)
    return [
        {**run, "jobs": jobs.get((run["github_run_id"], run["run_attempt"]), [])} for run in runs
    ]


def _calls(
    reader: Reader,
    trace: Row,
    events: Sequence[Row],
    commits: Sequence[str],
    columns: Mapping[str, Mapping[str, str]],
) -> list[Row]:
    if not columns.get("llm_calls", {}).keys() >= _OF_CALLS:
        return []
    sessions = {event["session_id"] for event in events if event["session_id"]}
    return reader.rows(
        read_sql("trace_calls.sql"),
        {
            "sessions": sorted(sessions),
            "commits": list(commits),
            "repository": trace["repository"],
            "branch": trace["branch"],
            "until": trace["merged_at"],
        },
    )


def what_happened(event: Row) -> tuple[str, str | None]:
    """An event in a few words, and how it ended."""
    payload: Mapping[str, Any] = event["payload"] if isinstance(event["payload"], dict) else {}
    kind = str(event["type"])
    if kind == "edit":
        words = (payload.get("file"), payload.get("change_summary"))
    elif kind == "command":
        words = (payload.get("command"), None)
    elif kind == "test":
        words = (payload.get("framework"), None)
    elif kind == "commit":
        words = (str(payload.get("sha") or "")[:7], payload.get("message"))
    else:
        words = (payload.get("text"), None)
    said = " ".join(str(word) for word in words if word)
    return f"{kind} {said}".strip(), _ending(kind, payload)


def _ending(kind: str, payload: Mapping[str, Any]) -> str | None:
    if kind == "command" and payload.get("exit_code") is not None:
        return f"exit {payload['exit_code']}"
    if kind == "test" and (payload.get("passed"), payload.get("failed")) != (None, None):
        return f"{payload.get('passed') or 0} passed, {payload.get('failed') or 0} failed"
    return None


_BEFORE_ALL = datetime.min.replace(tzinfo=timezone.utc)


def in_order(trace: Row) -> list[tuple[datetime, str, Row]]:
    """Events, runs, jobs and calls of a trace, by time; events keep the order that they have."""
    placed: list[tuple[datetime, int, str, Row]] = []
    latest = _BEFORE_ALL
    for event in trace["events"]:
        latest = max(latest, event["ts"] or latest)
        placed.append((latest, len(placed), "event", event))
    for run in trace["runs"]:
        placed.append(
            (run["started_at"] or run["run_created_at"] or latest, len(placed), "run", run)
        )
        placed.extend(
            (job["started_at"] or run["started_at"] or latest, len(placed) + place, "job", job)
            for place, job in enumerate(run["jobs"])
        )
    for call in trace["llm_calls"]:
        placed.append((call["timestamp"] or latest, len(placed), "call", call))
    return [(at, kind, row) for at, _, kind, row in sorted(placed, key=lambda entry: entry[:2])]

"""What of a listed run is kept, and what makes it one that cannot be read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tap_github_actions.errors import UnavailableError
from tap_github_actions.times import parse_time

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tap_github_actions.runs.records import Run

KEPT = (
    "id",
    "name",
    "path",
    "display_title",
    "run_number",
    "run_attempt",
    "event",
    "status",
    "conclusion",
    "workflow_id",
    "check_suite_id",
    "head_branch",
    "head_sha",
    "html_url",
    "created_at",
    "updated_at",
    "run_started_at",
)
NESTED = {
    "repository": ("id", "full_name", "private"),
    "head_repository": ("full_name",),
    "actor": ("login",),
    "triggering_actor": ("login",),
}
PROBLEM = "unreadable"
"""Where a run that cannot be read says why."""


def readable(runs: Sequence[Mapping[str, Any]]) -> list[Run]:
    """Return the runs of a page, with what matters of each: a page of them takes little memory.

    One that lacks what places it in time gets the creation of its neighbour, so that the walk goes
    on around it, and says why it cannot be read.

    Raises:
        UnavailableError: Not one of them can be placed: this is no page of runs.
    """
    known = [run.get("created_at") for run in runs if parse_time(run.get("created_at"))]
    if runs and not known:
        raise UnavailableError("GitHub lists runs without a time of creation.")
    kept: list[Run] = []
    last = known[0] if known else None
    for run in runs:
        made = slim(run)
        if problem := why_unreadable(made):
            made[PROBLEM] = problem
            made["run_attempt"] = 1
        if parse_time(made.get("created_at")) is None:
            made["created_at"] = last
        last = made["created_at"]
        kept.append(made)
    return kept


def slim(run: Mapping[str, Any]) -> Run:
    """Return what matters of a run."""
    made: Run = {key: run[key] for key in KEPT if key in run}
    for key, names in NESTED.items():
        value = run.get(key)
        if isinstance(value, dict):
            made[key] = {name: value[name] for name in names if name in value}
    commit = run.get("head_commit")
    if isinstance(commit, dict):
        author = commit.get("author")
        name = author.get("name") if isinstance(author, dict) else None
        made["head_commit"] = {"timestamp": commit.get("timestamp"), "author": {"name": name}}
    for key, name in (("pull_requests", "number"), ("referenced_workflows", "path")):
        value = run.get(key)
        if isinstance(value, list):
            made[key] = [{name: each.get(name)} for each in value if isinstance(each, dict)]
    return made


def why_unreadable(run: Mapping[str, Any]) -> str:
    """Return what a run lacks; an empty text when it lacks nothing."""
    if parse_time(run.get("created_at")) is None:
        return "GitHub shows it without created_at"
    if not isinstance(run.get("run_attempt") or 1, int):
        return "GitHub shows it with a run_attempt that is no number"
    return ""

"""The base format: one line a call, appended by a shell script that never quotes.

`timestamp,model,prompt_tokens,completion_tokens,task_success,task_type,duration_ms,notes`, and the
same with further columns, or with the names that the table itself uses.
"""

from __future__ import annotations

import re

from tap_llm_csv.dialects.model import Column, Derived, Dialect

_PHASE = re.compile(r"\bphase[\s:#_-]*([0-9]+(?:\.[0-9]+)*[a-z]?)\b", re.IGNORECASE)


def phase_in(notes: str | None, given: str | None) -> str | None:
    """`Phase 5 CI setup` → `5`; a phase column, where there is one, wins."""
    if given is not None or notes is None:
        return given
    # Most notes name no phase, and most that do say it once: a search is for the rest.
    place = notes.find("hase")
    if place < 0:
        place = notes.find("HASE")
    if place < 1:
        return None
    found = _PHASE.match(notes, place - 1) or _PHASE.search(notes, place)
    return found[1] if found else None


def why_it_failed(success: bool | None, notes: str | None, given: str | None) -> str | None:
    """The notes of a failed task say why it failed."""
    return given if given is not None or success is not False else notes


DIALECT = Dialect(
    name="base",
    stream="llm_calls",
    anchors=(
        frozenset({"timestamp", "model", "prompt_tokens", "completion_tokens"}),
        frozenset({"timestamp", "model", "input_tokens", "output_tokens"}),
    ),
    columns=(
        Column("timestamp", ("timestamp",), "time", required=True, filled=True),
        Column("model", ("model",), required=True),
        Column("input_tokens", ("prompt_tokens", "input_tokens"), "integer", required=True),
        Column("output_tokens", ("completion_tokens", "output_tokens"), "integer", required=True),
        Column("success", ("task_success", "success"), "boolean"),
        Column("prompt_name", ("task_type", "prompt_name")),
        Column("duration_ms", ("duration_ms",), "milliseconds"),
        Column("notes", ("notes",), "free_text"),
        Column("_phase", ("phase",)),
        Column("_error", ("error_message", "error"), "free_text"),
        Column("provider", ("provider",)),
        Column("cache_read_tokens", ("cache_read_tokens",), "integer"),
        Column("cache_write_tokens", ("cache_write_tokens",), "integer"),
        Column("reasoning_tokens", ("reasoning_tokens",), "integer"),
        Column("estimated_cost", ("cost", "cost_usd", "estimated_cost"), "money"),
        Column("ttft_ms", ("ttft_ms",), "milliseconds"),
        Column("session_id", ("session_id",)),
        Column("user_id", ("user_id",)),
        Column("finish_reason", ("finish_reason",)),
        Column("repository", ("repository", "repo")),
        Column("branch", ("branch", "git_branch")),
        Column("commit_sha", ("commit_sha", "commit", "git_sha")),
        Column("environment", ("environment", "env")),
    ),
    derived=(
        Derived("phase", phase_in, ("notes", "_phase")),
        Derived("error_message", why_it_failed, ("success", "notes", "_error")),
    ),
    ignored=frozenset({"total_tokens"}),
    appended=True,
    never_quotes=True,
    hint="timestamp,model,prompt_tokens,completion_tokens,task_success,task_type,duration_ms,notes",
)

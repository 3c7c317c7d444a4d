"""Which attempts of a listed run have not been emitted yet, decided from the bookmark alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tap_github_actions.runs.records import attempt_number, created
from tap_github_actions.times import parse_time

if TYPE_CHECKING:
    from datetime import datetime

    from tap_github_actions.runs.bookmark import Bookmark
    from tap_github_actions.runs.records import Run


@dataclass(frozen=True, slots=True)
class Due:
    """A run with attempts that have to be read."""

    run: Run
    first: int
    """The first attempt that may be new."""
    since: datetime | None = None
    """Attempts that began earlier have been emitted; None: from `first` on, all are new."""
    was_touched: bool = False
    """The latest attempt began earlier, but something changed: new only if a job ended later."""
    only: int | None = None
    """The one attempt that is asked for again."""
    is_last_try: bool = False
    """Whether what GitHub does not show of it now is not waited for any longer."""


def due(run: Run, before: Bookmark) -> Due | None:
    """Decide what of a run has to be read, from the bookmark alone.

    Args:
        run: The run as listed, which shows its latest attempt.
        before: The bookmark as the sync began with it.
    """
    moment, latest = created(run), attempt_number(run)
    numbered = (run.get("workflow_id") or 0, run.get("run_number") or 0)
    if run["id"] in before.open:
        return Due(run, before.open[run["id"]][0])
    if run["id"] in before.recent:
        # Its attempts up to this one are emitted, however recently they began.
        first = before.recent[run["id"]] + 1
        return Due(run, first) if first <= latest else None
    since = before.new_since(moment)
    if since is None or moment >= since or before.was_missing(*numbered):
        return Due(run, 1)
    if began(run) >= since:
        return Due(run, 1, since)
    # What began before the last look was emitted, unless GitHub took a conclusion back since: a run
    # that needed an approval shows as completed until it is approved, and then goes on.
    if run.get("status") == "completed":
        return Due(run, latest, since, was_touched=True) if touched(run) >= since else None
    return Due(run, latest)


def touched(run: Run) -> datetime:
    """Return when anything about the run last changed."""
    return parse_time(run.get("updated_at")) or began(run)


def began(attempt: Run) -> datetime:
    """Return when an attempt began."""
    return parse_time(attempt.get("run_started_at")) or created(attempt)

"""The plan of a run seen from one instant: what has begun, what has ended."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

DAY = 86_400
FOREVER = 2**40
"""Later than anything that happens."""

if TYPE_CHECKING:
    from github_simulator.model import Attempt, Job, Run


def exists(run: Run, now: int) -> bool:
    """Whether the run has been created and not yet deleted."""
    return run.created <= now < gone_at(run)


def gone_at(run: Run) -> int:
    """Return when the run is deleted, by a person or because of its age."""
    days = run.repository.retention_days
    expires = FOREVER if days is None else run.created + days * DAY
    return expires if run.deleted is None else min(run.deleted, expires)


def current_attempt(run: Run, now: int) -> Attempt:
    """Return the attempt that `/runs/{id}` shows."""
    shown = run.attempts[0]
    for attempt in run.attempts:
        if attempt.started <= now:
            shown = attempt
    return shown


def attempt_status(attempt: Attempt, now: int) -> str:
    """Return the status of an attempt that has begun."""
    if now >= attempt.ended:
        return "completed"
    if now < attempt.waits_until:
        return "waiting"
    begun = any(job.executed and job.started <= now for job in attempt.jobs)
    return "in_progress" if begun else "queued"


def updated_at(attempt: Attempt, now: int) -> int:
    """Return the last instant at which GitHub touched the attempt."""
    return attempt.moments[max(bisect_right(attempt.moments, now) - 1, 0)]


def job_status(job: Job, now: int) -> str:
    """Return the status of a job that has been created."""
    if job.carried_over or job.conclusion == "skipped" or now >= job.reported:
        return "completed"
    return "queued" if now < job.started else "in_progress"

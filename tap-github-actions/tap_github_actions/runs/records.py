"""GitHub's payloads → records of the streams: durations, queue times, carried-over jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tap_github_actions.errors import RepositoryError
from tap_github_actions.times import format_time, normal_time, parse_time, seconds_between

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

Json = dict[str, Any]
Run = dict[str, Any]
"""A run as GitHub lists it."""


def created(run: Run) -> datetime:
    """Return the run's creation."""
    moment = parse_time(run.get("created_at"))
    if moment is None:
        raise RepositoryError(f"GitHub lists run {run.get('id')} without a time of creation.")
    return moment


def name_of(user: object) -> str | None:
    """Return the login of a user, who may be a ghost."""
    return user.get("login") if isinstance(user, dict) else None


def is_carried_over(job: Mapping[str, Any]) -> bool:
    """Whether a partial re-run only copied the job from an earlier attempt."""
    created, started = parse_time(job.get("created_at")), parse_time(job.get("started_at"))
    later = (job.get("run_attempt") or 1) > 1
    return later and created is not None and started is not None and started < created


def is_executed(job: Mapping[str, Any]) -> bool:
    """Whether the job ran in its own attempt: neither copied nor skipped."""
    return job.get("conclusion") != "skipped" and not is_carried_over(job)


def last_end(jobs: Iterable[Mapping[str, Any]]) -> datetime | None:
    """Return when the last executed job ended."""
    ends = [parse_time(job.get("completed_at")) for job in jobs if is_executed(job)]
    return max((end for end in ends if end is not None), default=None)


def is_whole(jobs: Iterable[Mapping[str, Any]]) -> bool:
    """Whether every job has ended: GitHub may call a run completed some seconds too early."""
    return all(parse_time(job.get("completed_at")) is not None for job in jobs)


def run_record(
    attempt: Mapping[str, Any],
    *,
    repository: str,
    repository_id: int,
    run_created_at: object,
    jobs: Sequence[Mapping[str, Any]],
) -> Json:
    """Return the record of one completed attempt.

    Args:
        attempt: The payload of the attempt, or of the run while it is its latest attempt.
        repository: The repository's full name.
        repository_id: Its id.
        run_created_at: The run's creation; an attempt's own payload has the attempt's there.
        jobs: The attempt's jobs; none where they were not asked for, or where there are none.
    """
    started = parse_time(attempt.get("run_started_at")) or parse_time(run_created_at)
    completed = last_end(jobs) or parse_time(attempt.get("updated_at"))
    head = attempt.get("head_repository")
    numbers = [each.get("number") for each in attempt.get("pull_requests") or ()]
    return {
        "github_run_id": attempt["id"],
        "run_attempt": attempt_number(attempt),
        "repository": repository,
        "repository_id": repository_id,
        "workflow_id": attempt.get("workflow_id"),
        "workflow_name": attempt.get("name"),
        "workflow_path": attempt.get("path"),
        "run_number": attempt.get("run_number"),
        "display_title": attempt.get("display_title"),
        "branch": attempt.get("head_branch"),
        "commit_sha": attempt.get("head_sha"),
        "event_type": attempt.get("event"),
        "status": attempt.get("status"),
        "conclusion": attempt.get("conclusion"),
        "actor": name_of(attempt.get("actor")),
        "triggering_actor": name_of(attempt.get("triggering_actor")),
        "run_created_at": normal_time(run_created_at),
        "started_at": format_time(started),
        "completed_at": format_time(completed),
        "duration_seconds": seconds_between(started, completed),
        "github_updated_at": normal_time(attempt.get("updated_at")),
        "html_url": attempt.get("html_url"),
        "pull_request_numbers": [number for number in numbers if number is not None],
        "head_repository": head.get("full_name") if isinstance(head, dict) else None,
    }


def attempt_number(run: Mapping[str, Any]) -> int:
    """Return a payload's attempt; payloads from before re-runs were numbered have none."""
    return int(run.get("run_attempt") or 1)


def job_record(job: Mapping[str, Any], *, repository: str, attempt: int) -> Json:
    """Return the record of one job."""
    created, started, completed = (
        parse_time(job.get(key)) for key in ("created_at", "started_at", "completed_at")
    )
    waited = is_executed(job)
    return {
        "github_job_id": job["id"],
        "github_run_id": job.get("run_id"),
        "run_attempt": job.get("run_attempt") or attempt,
        "repository": repository,
        "workflow_name": job.get("workflow_name"),
        "job_name": job.get("name"),
        "status": job.get("status"),
        "conclusion": job.get("conclusion"),
        "queued_at": format_time(created),
        "started_at": format_time(started),
        "completed_at": format_time(completed),
        "queued_seconds": seconds_between(created, started) if waited else None,
        "duration_seconds": seconds_between(started, completed),
        "is_carried_over": is_carried_over(job),
        "runner_name": job.get("runner_name") or None,
        "runner_group": job.get("runner_group_name") or None,
        "runner_labels": job.get("labels") or [],
        "branch": job.get("head_branch"),
        "commit_sha": job.get("head_sha"),
        "html_url": job.get("html_url"),
    }


def step_records(job: Mapping[str, Any], *, repository: str, attempt: int) -> list[Json]:
    """Return the records of a job's steps."""
    records = []
    for step in job.get("steps") or ():
        started, completed = (parse_time(step.get(k)) for k in ("started_at", "completed_at"))
        records.append(
            {
                "github_job_id": job["id"],
                "step_number": step["number"],
                "repository": repository,
                "github_run_id": job.get("run_id"),
                "run_attempt": job.get("run_attempt") or attempt,
                "step_name": step.get("name"),
                "status": step.get("status"),
                "conclusion": step.get("conclusion"),
                "started_at": format_time(started),
                "completed_at": format_time(completed),
                "duration_seconds": seconds_between(started, completed),
            }
        )
    return records


def workflow_record(workflow: Mapping[str, Any], *, repository: str, repository_id: int) -> Json:
    """Return the record of one workflow."""
    return {
        "workflow_id": workflow["id"],
        "repository": repository,
        "repository_id": repository_id,
        "workflow_name": workflow.get("name"),
        "workflow_path": workflow.get("path"),
        "state": workflow.get("state"),
        "workflow_created_at": normal_time(workflow.get("created_at")),
        "workflow_updated_at": normal_time(workflow.get("updated_at")),
        "html_url": workflow.get("html_url"),
    }

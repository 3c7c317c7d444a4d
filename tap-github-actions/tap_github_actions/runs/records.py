"""GitHub's payloads → records of the streams: durations, queue times, carried-over jobs."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from tap_github_actions.errors import RepositoryError
from tap_github_actions.runs.runners import architecture, operating_system
from tap_github_actions.times import format_time, normal_time, parse_time, seconds_between

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

HELD_BACK = timedelta(minutes=1)
"""Jobs are made within seconds, unless something holds their run back."""
LONGEST_RUN = timedelta(days=36)
"""GitHub ends a run after 35 days, waiting included."""
STUCK_AFTER = timedelta(days=1)
_DEPENDABOT = re.compile(r" - Update #[0-9]+$")
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


def has_ended(job: Mapping[str, Any]) -> bool:
    """Whether GitHub says when the job ended."""
    return parse_time(job.get("completed_at")) is not None


def is_whole(jobs: Iterable[Mapping[str, Any]]) -> bool:
    """Whether every job has ended: GitHub may call a run completed some seconds too early."""
    return all(has_ended(job) for job in jobs)


def work_began(
    attempt: Mapping[str, Any], jobs: Sequence[Mapping[str, Any]], otherwise: object
) -> datetime | None:
    """Return when an attempt began to work.

    That is when GitHub says it began, unless it was held back: a run that waits for an approval or
    for its turn has no jobs yet, and then its work begins with the first of them.
    """
    began = parse_time(attempt.get("run_started_at")) or parse_time(otherwise)
    executed = [job for job in jobs if is_executed(job)]
    own = [job for job in jobs if not is_carried_over(job)]
    made = [moment for job in own if (moment := parse_time(job.get("created_at")))]
    starts = [moment for job in executed if (moment := parse_time(job.get("started_at")))]
    if began and made and starts and min(made) - began > HELD_BACK:
        return max(min(starts), began)
    return began


def work_ended(
    attempt: Mapping[str, Any], jobs: Sequence[Mapping[str, Any]] | None, now: datetime | None
) -> datetime | None:
    """Return when an attempt ended; None where that cannot be told.

    `updated_at` moves with every later change, by more than a year at times, so it only counts for
    an attempt of which no job ran, and not when it is later than any run may live: then nothing is
    known but that no job ever worked.
    """
    if jobs is None:
        return None
    if not is_whole(jobs) and not is_stuck(attempt, now):
        return None
    if any(is_executed(job) for job in jobs):
        return last_end(jobs)
    updated, began = (parse_time(attempt.get(key)) for key in ("updated_at", "run_started_at"))
    if updated is not None and began is not None and updated - began > LONGEST_RUN:
        return began
    return updated


def is_stuck(attempt: Mapping[str, Any], now: datetime | None) -> bool:
    """Whether a job that has not ended by now has outlived its completed run for too long."""
    updated = parse_time(attempt.get("updated_at"))
    return now is not None and (updated is None or now - updated > STUCK_AFTER)


def run_record(
    attempt: Mapping[str, Any],
    *,
    repository: str,
    repository_id: int,
    run_created_at: object,
    jobs: Sequence[Mapping[str, Any]] | None,
    now: datetime | None = None,
    default_branch: str | None = None,
) -> Json:
    """Return the record of one completed attempt.

    Args:
        attempt: The payload of the attempt, or of the run while it is its latest attempt.
        repository: The repository's full name.
        repository_id: Its id.
        run_created_at: The run's creation; an attempt's own payload has the attempt's there.
        jobs: The attempt's jobs; None where they are not known.
        now: The present, by GitHub's clock.
        default_branch: Of the repository.
    """
    started = work_began(attempt, jobs or (), run_created_at)
    completed = work_ended(attempt, jobs, now)
    commit = attempt.get("head_commit") or {}
    about = attempt.get("repository") or {}
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
        "workflow_group": workflow_group(attempt),
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
        "head_commit_at": normal_time(commit.get("timestamp")),
        "head_commit_author": (commit.get("author") or {}).get("name"),
        "check_suite_id": attempt.get("check_suite_id"),
        "referenced_workflows": [
            each["path"] for each in attempt.get("referenced_workflows") or () if "path" in each
        ],
        "repository_private": about.get("private"),
        "default_branch": default_branch,
    }


def workflow_group(run: Mapping[str, Any]) -> str | None:
    """Return what reports group a run by: GitHub names each update of Dependabot anew."""
    path, name = run.get("path"), run.get("name")
    if path and str(path).startswith("dynamic/"):
        return str(path).removeprefix("dynamic/")
    if name and _DEPENDABOT.search(str(name)):
        return "dependabot/dependabot-updates"
    return name or path


def attempt_number(run: Mapping[str, Any]) -> int:
    """Return a payload's attempt; payloads from before re-runs were numbered have none."""
    return int(run.get("run_attempt") or 1)


def job_record(
    job: Mapping[str, Any], *, repository: str, attempt: int, group: str | None = None
) -> Json:
    """Return the record of one job, whose run's workflow belongs to a group."""
    created, started, completed = (
        parse_time(job.get(key)) for key in ("created_at", "started_at", "completed_at")
    )
    waited = is_executed(job)
    labels = job.get("labels") or []
    return {
        "github_job_id": job["id"],
        "github_run_id": job.get("run_id"),
        "run_attempt": job.get("run_attempt") or attempt,
        "repository": repository,
        "workflow_name": job.get("workflow_name"),
        "workflow_group": group,
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
        "runner_labels": labels,
        "runner_id": job.get("runner_id") or None,
        "runner_os": operating_system(labels),
        "runner_arch": architecture(labels),
        "check_run_url": job.get("check_run_url"),
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


def repository_record(repository: Mapping[str, Any]) -> Json:
    """Return the record of one repository."""
    return {
        "repository_id": repository["id"],
        "repository": repository.get("full_name"),
        "private": repository.get("private"),
        "visibility": repository.get("visibility"),
        "archived": repository.get("archived"),
        "fork": repository.get("fork"),
        "default_branch": repository.get("default_branch"),
        "size": repository.get("size"),
        "repository_created_at": normal_time(repository.get("created_at")),
        "pushed_at": normal_time(repository.get("pushed_at")),
        "html_url": repository.get("html_url"),
    }

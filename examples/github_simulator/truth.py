"""The records that an extractor which loses nothing has emitted in the end.

Written from the rules alone, without a look at any extractor: final attempts only, the run's own
creation, the end of the last job that really ran, carried-over jobs marked and without queue time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from github_simulator.clock import iso
from github_simulator.states import exists, gone_at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from github_simulator.model import Attempt, Job, Repository, Run, Step
    from github_simulator.world import World

HTML = "https://github.com"
API = "https://api.github.com"

DAY, MINUTE = 86_400, 60

Record = dict[str, Any]
Records = dict[str, dict[tuple[Any, ...], Record]]


def final_records(
    world: World, *, at: int | None = None, since: int = 0, deleted: bool = False
) -> Records:
    """Return every record that must have been emitted, by stream and key.

    Args:
        world: The truth.
        at: As seen at this instant; by default now.
        since: Only runs created since.
        deleted: Whether runs that have been deleted count too; an extractor may or may not have
            seen those.
    """
    now = world.clock.now() if at is None else at
    records: Records = {
        name: {}
        for name in (
            "repositories",
            "workflows",
            "workflow_runs",
            "workflow_jobs",
            "workflow_steps",
        )
    }
    with world.lock:
        for repository in world.repositories.values():
            add_repository(records, repository)
            for workflow in repository.workflows:
                records["workflows"][(workflow.id,)] = {
                    "workflow_id": workflow.id,
                    "repository": repository.full_name,
                    "repository_id": repository.id,
                    "workflow_name": workflow.name,
                    "workflow_path": workflow.path,
                    "state": workflow.state,
                    "workflow_created_at": iso(workflow.created),
                    "workflow_updated_at": iso(workflow.updated),
                    "html_url": f"{HTML}/{repository.full_name}/blob/main/{workflow.path}",
                }
        for run in world.runs.values():
            if since <= run.created <= now and (deleted or exists(run, now)):
                for attempt in final_attempts(run, now):
                    add_attempt(records, run, attempt, min(now, gone_at(run)))
    return records


def final_attempts(run: Run, now: int) -> Iterator[Attempt]:
    """Yield the attempts that have ended; a deleted run keeps those that had ended before."""
    horizon = min(now, gone_at(run))
    for attempt in run.attempts:
        if attempt.ended <= horizon:
            yield attempt


def is_reported(job: Job, horizon: int) -> bool:
    """Whether GitHub has shown the job as ended."""
    return not job.executed or job.reported <= horizon


def is_shown(attempt: Attempt, job: Job, horizon: int) -> bool:
    """Whether a job counts: it has ended, or it has outlived its run for more than a day."""
    return is_reported(job, horizon) or horizon - attempt.moments[-1] > DAY


def work_began(attempt: Attempt) -> int:
    """Return when an attempt began to work: an approval that it waited for is no work."""
    made = [job.created for job in attempt.jobs if not job.carried_over]
    starts = [job.started for job in attempt.jobs if job.executed]
    held_back = bool(made) and min(made) - attempt.started > MINUTE
    return max(min(starts), attempt.started) if held_back and starts else attempt.started


def work_ended(attempt: Attempt, horizon: int) -> int | None:
    """Return when its last job ended; None while one of them may still end."""
    if not all(is_shown(attempt, job, horizon) for job in attempt.jobs):
        return None
    executed = [job for job in attempt.jobs if job.executed]
    if not executed:
        return attempt.ended
    return max((job.completed for job in executed if is_reported(job, horizon)), default=None)


def add_repository(records: Records, repository: Repository) -> None:
    """Add what the repository is."""
    made = iso(repository.created)
    records["repositories"][(repository.id,)] = {
        "repository_id": repository.id,
        "repository": repository.full_name,
        "private": repository.private,
        "visibility": "private" if repository.private else "public",
        "archived": repository.archived,
        "fork": repository.fork,
        "default_branch": repository.default_branch,
        "size": repository.size,
        "repository_created_at": made,
        "pushed_at": made,
        "html_url": f"{HTML}/{repository.full_name}",
    }


def possible_updates(attempt: Attempt, now: int) -> set[str]:
    """Return every `updated_at` that the finished attempt has ever shown."""
    return {iso(moment) for moment in attempt.moments if attempt.ended <= moment <= now}


def add_attempt(records: Records, run: Run, attempt: Attempt, horizon: int) -> None:
    """Add an attempt with its jobs and their steps."""
    repository = run.repository
    began, ended = work_began(attempt), work_ended(attempt, horizon)
    records["workflow_runs"][(run.id, attempt.number)] = {
        "github_run_id": run.id,
        "run_attempt": attempt.number,
        "repository": repository.full_name,
        "repository_id": repository.id,
        "workflow_id": run.workflow.id,
        "workflow_name": run.name,
        "workflow_path": run.workflow.path,
        "workflow_group": run.name,
        "run_number": run.number,
        "display_title": run.title,
        "branch": run.branch,
        "commit_sha": run.sha,
        "event_type": run.event,
        "status": "completed",
        "conclusion": attempt.conclusion,
        "actor": run.actor,
        "triggering_actor": attempt.triggering_actor,
        "run_created_at": iso(run.created),
        "started_at": iso(began),
        "completed_at": None if ended is None else iso(ended),
        "duration_seconds": None if ended is None else max(ended - began, 0),
        "github_updated_at": iso(attempt.ended),
        "html_url": f"{HTML}/{repository.full_name}/actions/runs/{run.id}",
        "pull_request_numbers": list(run.pull_requests),
        "head_repository": run.head_full_name,
        "head_commit_at": iso(run.created - 5),
        "head_commit_author": "Octocat",
        "check_suite_id": run.check_suite_id,
        "referenced_workflows": [],
        "repository_private": repository.private,
        "default_branch": repository.default_branch,
    }
    for job in attempt.jobs:
        if is_shown(attempt, job, horizon):
            add_job(records, run, attempt, job, is_over=is_reported(job, horizon))


def add_job(records: Records, run: Run, attempt: Attempt, job: Job, *, is_over: bool) -> None:
    """Add a job with its steps."""
    queued = max(job.started - job.created, 0) if job.executed else None
    records["workflow_jobs"][(job.id,)] = {
        "github_job_id": job.id,
        "github_run_id": run.id,
        "run_attempt": attempt.number,
        "repository": run.repository.full_name,
        "workflow_name": run.name,
        "workflow_group": run.name,
        "job_name": job.name,
        "status": "completed" if is_over else "in_progress",
        "conclusion": job.conclusion if is_over else None,
        "queued_at": iso(job.created),
        "started_at": iso(job.started),
        "completed_at": iso(job.completed) if is_over else None,
        "queued_seconds": queued,
        "duration_seconds": max(job.completed - job.started, 0) if is_over else None,
        "is_carried_over": job.carried_over,
        "runner_name": job.runner_name,
        "runner_group": job.runner_group,
        "runner_labels": list(job.labels),
        "runner_id": int(job.runner_name.rsplit(" ", 1)[-1]) if job.runner_name else None,
        "runner_os": "Linux" if "ubuntu-latest" in job.labels else None,
        "runner_arch": "X64" if "ubuntu-latest" in job.labels else None,
        "check_run_url": f"{API}/repos/{run.repository.full_name}/check-runs/{job.id}",
        "branch": run.branch,
        "commit_sha": run.sha,
        "html_url": f"{HTML}/{run.repository.full_name}/actions/runs/{run.id}/job/{job.id}",
    }
    for step in job.steps:
        add_step(records, run, attempt, job, step)


def add_step(records: Records, run: Run, attempt: Attempt, job: Job, step: Step) -> None:
    """Add a step."""
    records["workflow_steps"][(job.id, step.number)] = {
        "github_job_id": job.id,
        "step_number": step.number,
        "repository": run.repository.full_name,
        "github_run_id": run.id,
        "run_attempt": attempt.number,
        "step_name": step.name,
        "status": "completed",
        "conclusion": step.conclusion,
        "started_at": iso(step.started),
        "completed_at": iso(step.completed),
        "duration_seconds": max(step.completed - step.started, 0),
    }

"""The records that an extractor which loses nothing has emitted in the end.

Written from the rules alone, without a look at any extractor: final attempts only, the run's own
creation, the end of the last job that really ran, carried-over jobs marked and without queue time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from github_simulator.clock import iso
from github_simulator.states import exists

if TYPE_CHECKING:
    from collections.abc import Iterator

    from github_simulator.model import Attempt, Job, Run, Step
    from github_simulator.world import World

HTML = "https://github.com"

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
        name: {} for name in ("workflows", "workflow_runs", "workflow_jobs", "workflow_steps")
    }
    with world.lock:
        for repository in world.repositories.values():
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
                    add_attempt(records, run, attempt)
    return records


def final_attempts(run: Run, now: int) -> Iterator[Attempt]:
    """Yield the attempts that have ended, with every job reported as ended.

    A deleted run keeps those that had ended before.
    """
    horizon = now if run.deleted is None else min(now, run.deleted)
    for attempt in run.attempts:
        reported = [attempt.ended, *(job.reported for job in attempt.jobs if job.executed)]
        if max(reported) <= horizon:
            yield attempt


def possible_updates(attempt: Attempt, now: int) -> set[str]:
    """Return every `updated_at` that the finished attempt has ever shown."""
    return {iso(moment) for moment in attempt.moments if attempt.ended <= moment <= now}


def add_attempt(records: Records, run: Run, attempt: Attempt) -> None:
    """Add an attempt with its jobs and their steps."""
    repository = run.repository
    ends = [job.completed for job in attempt.jobs if job.executed]
    completed = max(ends) if ends else attempt.ended
    records["workflow_runs"][(run.id, attempt.number)] = {
        "github_run_id": run.id,
        "run_attempt": attempt.number,
        "repository": repository.full_name,
        "repository_id": repository.id,
        "workflow_id": run.workflow.id,
        "workflow_name": run.name,
        "workflow_path": run.workflow.path,
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
        "started_at": iso(attempt.started),
        "completed_at": iso(completed),
        "duration_seconds": max(completed - attempt.started, 0),
        "github_updated_at": iso(attempt.ended),
        "html_url": f"{HTML}/{repository.full_name}/actions/runs/{run.id}",
        "pull_request_numbers": list(run.pull_requests),
        "head_repository": run.head_full_name,
    }
    for job in attempt.jobs:
        add_job(records, run, attempt, job)


def add_job(records: Records, run: Run, attempt: Attempt, job: Job) -> None:
    """Add a job with its steps."""
    queued = max(job.started - job.created, 0) if job.executed else None
    records["workflow_jobs"][(job.id,)] = {
        "github_job_id": job.id,
        "github_run_id": run.id,
        "run_attempt": attempt.number,
        "repository": run.repository.full_name,
        "workflow_name": run.name,
        "job_name": job.name,
        "status": "completed",
        "conclusion": job.conclusion,
        "queued_at": iso(job.created),
        "started_at": iso(job.started),
        "completed_at": iso(job.completed),
        "queued_seconds": queued,
        "duration_seconds": max(job.completed - job.started, 0),
        "is_carried_over": job.carried_over,
        "runner_name": job.runner_name,
        "runner_group": job.runner_group,
        "runner_labels": list(job.labels),
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

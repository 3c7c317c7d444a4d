"""The truth: repositories, workflows, and every run with what it did and will do."""

from __future__ import annotations

import random
import threading
from bisect import insort
from typing import TYPE_CHECKING, Any

from github_simulator.clock import Clock, Instant, instant
from github_simulator.model import (
    Artifact,
    Attempt,
    Job,
    JobPlan,
    Repository,
    Run,
    Step,
    Workflow,
)
from github_simulator.states import DAY, FOREVER, current_attempt

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

FIRST_RUN_ID = 26_365_060_973
FIRST_JOB_ID = 68_400_064_061
RERUN_DAYS = 30
MAX_ATTEMPTS = 51


class World:
    """Everything the simulated GitHub knows.

    Change it under `lock` when a `Simulator` is serving it from another thread; each method here
    takes the lock itself.
    """

    def __init__(self, *, seed: int = 0, clock: Clock | None = None) -> None:
        self.clock = clock or Clock()
        self.random = random.Random(seed)
        self.lock = threading.RLock()
        self.repositories: dict[int, Repository] = {}
        self.runs: dict[int, Run] = {}
        self.jobs: dict[int, tuple[Run, Attempt, Job]] = {}
        self.artifacts: dict[int, tuple[Run, Artifact]] = {}
        self.usage: dict[str, list[dict[str, Any]]] = {}
        """By owner the lines of the billing report, as GitHub writes them."""
        self._names: dict[str, Repository] = {}
        self._run_id = FIRST_RUN_ID
        self._job_id = FIRST_JOB_ID
        self._small_id = 700_000_000

    # -- repositories ------------------------------------------------------------------------

    def add_repository(
        self,
        full_name: str,
        *,
        private: bool = False,
        archived: bool = False,
        fork: bool = False,
        blocked: int | None = None,
        retention_days: int | None = None,
    ) -> Repository:
        """Add a repository."""
        with self.lock:
            repository = Repository(
                id=self._next_small_id(),
                full_name=full_name,
                created=self.clock.now() - 400 * DAY,
                private=private,
                archived=archived,
                fork=fork,
                blocked=blocked,
                retention_days=retention_days,
            )
            self.repositories[repository.id] = repository
            self._names[full_name.lower()] = repository
            return repository

    def rename(self, repository: Repository, full_name: str) -> None:
        """Rename or transfer a repository; its old name redirects from now on."""
        with self.lock:
            repository.former_names.append(repository.full_name)
            repository.full_name = full_name
            self._names[full_name.lower()] = repository

    def repository_named(self, full_name: str) -> Repository | None:
        """Return the repository that has, or once had, this name."""
        return self._names.get(full_name.lower())

    def add_workflow(
        self,
        repository: Repository,
        name: str,
        *,
        path: str | None = None,
        state: str = "active",
    ) -> Workflow:
        """Add a workflow file."""
        with self.lock:
            slug = name.lower().replace(" ", "-")
            workflow = Workflow(
                id=self._next_small_id(),
                repository=repository,
                name=name,
                path=path or f".github/workflows/{slug}.yml",
                created=repository.created,
                updated=repository.created,
                state=state,
            )
            repository.workflows.append(workflow)
            return workflow

    # -- runs --------------------------------------------------------------------------------

    def add_run(
        self,
        workflow: Workflow,
        *,
        created: Instant | None = None,
        jobs: Sequence[JobPlan] | None = None,
        event: str = "push",
        branch: str | None = "main",
        sha: str | None = None,
        actor: str | None = "octocat",
        title: str = "Improve the work",
        pull_requests: Iterable[int] = (),
        head_repository: str | None = "",
        waiting: int = 0,
        invalid_file: bool = False,
    ) -> Run:
        """Plan a run, in the past or in the future; by default it is created now.

        Args:
            workflow: Its workflow. Runs of one workflow are added in order of creation, because
                their `run_number` counts up in that order.
            created: When it is created.
            jobs: How its jobs go; one short successful job by default, none when empty.
            event: What started it.
            branch: Its branch.
            sha: Its commit; made up by default.
            actor: Who caused it; None for a deleted account.
            title: Its display title.
            pull_requests: Numbers of pull requests open for its branch.
            head_repository: Where its commit lives; empty for the repository itself, None for a
                fork that has been deleted.
            waiting: How many seconds it waits for an approval before it starts.
            invalid_file: Whether the workflow file cannot be read: no jobs, the path for a name.

        Returns:
            The run with its first attempt.
        """
        with self.lock:
            start = self.clock.now() if created is None else instant(created)
            if start < workflow.last_created:
                raise ValueError(
                    f"a run of '{workflow.name}' may not be created before the one added last: "
                    "run numbers count up in order of creation",
                )
            repository = workflow.repository
            workflow.last_number += 1
            workflow.last_created = start
            self._run_id += self.random.randrange(1, 4_000)
            run = Run(
                id=self._run_id,
                repository=repository,
                workflow=workflow,
                number=workflow.last_number,
                name=workflow.path if invalid_file else workflow.name,
                title=title,
                event=event,
                branch=branch,
                sha=sha or f"{self.random.getrandbits(160):040x}",
                actor=actor,
                created=start,
                check_suite_id=self._run_id + 27_000_000_000,
                pull_requests=tuple(pull_requests),
                head_repository=repository.full_name if head_repository == "" else head_repository,
            )
            plans = () if invalid_file else (JobPlan("build"),) if jobs is None else tuple(jobs)
            made = [self._make_job(plan, start + waiting) for plan in plans]
            attempt = self._make_attempt(
                1, start, start, made, actor=actor or "ghost", waiting=waiting
            )
            if invalid_file:
                attempt.ended, attempt.conclusion = start, "failure"
                attempt.moments = [start]
            self._add_attempt(run, attempt)
            self.runs[run.id] = run
            insort(repository.runs, run, key=lambda known: known.created)
            repository.changes += 1
            return run

    def rerun(
        self,
        run: Run,
        *,
        at: Instant | None = None,
        jobs: Mapping[str, JobPlan] | None = None,
        only_failed: bool = False,
        actor: str | None = None,
    ) -> Attempt:
        """Plan another attempt.

        Args:
            run: The run; its last attempt must have ended, and it must not be too old.
            at: When it is re-run; by default now.
            jobs: How jobs go this time, by name; the others go as they did.
            only_failed: Whether only failed and cancelled jobs run again. The others are carried
                over: copied under new ids, with the times of the attempt they really ran in.
            actor: Who re-runs it; by default who caused the run.

        Returns:
            The new attempt.
        """
        with self.lock:
            start = self.clock.now() if at is None else instant(at)
            last = run.attempts[-1]
            if start < last.ended:
                raise ValueError(f"run {run.id} is still busy with attempt {last.number}")
            if start > run.created + RERUN_DAYS * DAY:
                raise ValueError(f"run {run.id} was created over a month before {start}")
            if last.number >= MAX_ATTEMPTS:
                raise ValueError(f"run {run.id} has been re-run as often as GitHub allows")
            made = []
            for old in last.jobs:
                if only_failed and old.conclusion in ("success", "skipped", "neutral"):
                    made.append(self._carry_over(old, start + 2))
                else:
                    plan = (jobs or {}).get(old.name) or JobPlan(old.name, labels=old.labels)
                    made.append(self._make_job(plan, start + 2))
            attempt = self._make_attempt(
                last.number + 1, start + 2, start, made, actor=actor or run.actor or "ghost"
            )
            self._add_attempt(run, attempt)
            return attempt

    def delete_run(self, run: Run, *, at: Instant | None = None) -> None:
        """Plan the run's deletion; by default it is gone now."""
        with self.lock:
            if run.deleted is not None:
                raise ValueError(f"run {run.id} is deleted already")
            run.deleted = self.clock.now() if at is None else instant(at)
            run.repository.doomed.append(run)
            run.repository.changes += 1

    def touch(self, run: Run, *, at: Instant | None = None) -> None:
        """Plan a change of `updated_at` without any other, as late annotations and archival do."""
        with self.lock:
            moment = self.clock.now() if at is None else instant(at)
            insort(current_attempt(run, moment).moments, moment)

    def add_artifact(
        self, run: Run, name: str, content: bytes, *, expired: bool = False
    ) -> Artifact:
        """Attach an artifact (the bytes of its zip file) to a run."""
        with self.lock:
            artifact = Artifact(
                id=self._next_small_id(),
                name=name,
                content=content,
                created=run.attempts[-1].ended,
                expired=expired,
            )
            run.artifacts.append(artifact)
            self.artifacts[artifact.id] = (run, artifact)
            return artifact

    # -- how attempts and jobs are made ------------------------------------------------------

    def _make_attempt(
        self,
        number: int,
        created: int,
        started: int,
        jobs: list[Job],
        *,
        actor: str,
        waiting: int = 0,
    ) -> Attempt:
        ends = [job.completed + self.random.randrange(4) for job in jobs if job.executed]
        # A run is not over before each of its jobs is there, be it only skipped or carried over.
        ended = max([started + 1, *ends, *(job.created for job in jobs)])
        moments = {started, ended}
        moments.update(m for job in jobs if job.executed for m in (job.started, job.completed))
        return Attempt(
            number=number,
            created=created,
            started=started,
            ended=ended,
            conclusion=overall_conclusion(jobs),
            triggering_actor=actor,
            jobs=jobs,
            waits_until=started + waiting,
            moments=sorted(moments),
        )

    def _add_attempt(self, run: Run, attempt: Attempt) -> None:
        run.attempts.append(attempt)
        for job in attempt.jobs:
            self.jobs[job.id] = (run, attempt, job)

    def _make_job(self, plan: JobPlan, base: int) -> Job:
        created = base + plan.delay
        if plan.conclusion == "skipped":
            # GitHub sometimes shows a skipped job as completed a second before it started.
            started, completed = created, created - self.random.randrange(2)
        else:
            started = created + plan.queued
            completed = started + plan.seconds
        executed = plan.conclusion != "skipped"
        runner = f"GitHub Actions {1_000_000_000 + self.random.randrange(10_000)}"
        return Job(
            id=self._next_job_id(),
            name=plan.name,
            created=created,
            started=started,
            completed=completed,
            reported=FOREVER if plan.is_stuck else completed + plan.report_lag,
            conclusion=plan.conclusion,
            steps=make_steps(plan, started, completed) if executed else (),
            labels=plan.labels,
            annotations=plan.annotations if executed else (),
            runner_name=runner if executed else None,
            runner_group=plan.runner_group if executed else None,
        )

    def _carry_over(self, old: Job, created: int) -> Job:
        return Job(
            id=self._next_job_id(),
            name=old.name,
            created=created,
            started=old.started,
            completed=old.completed,
            reported=old.reported,
            conclusion=old.conclusion,
            steps=old.steps,
            labels=old.labels,
            runner_name=old.runner_name,
            runner_group=old.runner_group,
            carried_over=True,
        )

    def _next_job_id(self) -> int:
        self._job_id += self.random.randrange(1, 400)
        return self._job_id

    def _next_small_id(self) -> int:
        self._small_id += self.random.randrange(1, 1_000)
        return self._small_id


def overall_conclusion(jobs: Sequence[Job]) -> str:
    """Return what GitHub concludes from an attempt's jobs."""
    seen = {job.conclusion for job in jobs}
    for worst in ("failure", "timed_out", "cancelled"):
        if worst in seen:
            return "failure" if worst == "timed_out" else worst
    return "skipped" if seen == {"skipped"} else "success"


def make_steps(plan: JobPlan, started: int, completed: int) -> tuple[Step, ...]:
    """Spread a job's time over its steps; the last but one fails when the job does.

    Steps that clean up get higher numbers with a gap before them, as on GitHub.
    """
    count = len(plan.steps)
    edges = [started + (completed - started) * index // max(count, 1) for index in range(count + 1)]
    culprit = max(count - 2, 0)
    steps = []
    for index, name in enumerate(plan.steps):
        failed = plan.conclusion not in ("success", "neutral") and index == culprit
        steps.append(
            Step(
                number=index + 1 + (5 if index == count - 1 and count > 1 else 0),
                name=name,
                conclusion=plan.conclusion if failed else "success",
                started=edges[index],
                completed=edges[index + 1],
            )
        )
    return tuple(steps)

"""Reading a run attempt by attempt, with its jobs, and what of it GitHub does not show."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from tap_github_actions.api.paging import read_all
from tap_github_actions.errors import (
    DeniedError,
    IncompleteError,
    NotFoundError,
    TapError,
    UnavailableError,
)
from tap_github_actions.runs import gaps
from tap_github_actions.runs.due import began
from tap_github_actions.runs.readable import PROBLEM, readable, slim
from tap_github_actions.runs.records import (
    LONGEST_RUN,
    attempt_number,
    has_ended,
    is_stuck,
    job_record,
    last_end,
    run_record,
    step_records,
    workflow_group,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tap_github_actions.api.client import Client
    from tap_github_actions.runs.annotations import AnnotationReader
    from tap_github_actions.runs.coverage_artifacts import CoverageReader
    from tap_github_actions.runs.due import Due
    from tap_github_actions.runs.records import Run

DETAILS_KEPT = timedelta(days=410)
"""Nothing is shown for longer: 400 days are the longest retention that GitHub lets anyone set."""
MAX_FAILURES = 10
"""So many runs in a row that cannot be read are no bad runs, but a GitHub that is out of order."""
PAYLOAD_ERRORS = (AttributeError, LookupError, TypeError, ValueError)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which streams were selected: what nobody wants is not asked for."""

    runs: bool = True
    jobs: bool = True
    steps: bool = True
    workflows: bool = True
    coverage: bool = False
    pull_requests: bool = True
    repositories: bool = False
    changes: tuple[str, ...] = ()
    """Of pull requests and deployments those that are wanted."""
    annotations: bool = False
    billing: bool = False

    @property
    def any_run(self) -> bool:
        """Whether runs have to be listed at all."""
        return self.runs or self.any_job or self.coverage

    @property
    def any_job(self) -> bool:
        """Whether jobs have to be listed at all."""
        return self.jobs or self.steps or self.annotations


class UnreadError(TapError):
    """Something of an attempt was not shown."""

    def __init__(self, what: str, reason: str) -> None:
        super().__init__(reason)
        self.what = what


@dataclass(slots=True)
class Outcome:
    """What reading a run gave."""

    run_id: int
    records: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    read: list[int] = field(default_factory=list)
    """The attempts that were read whole."""
    unread: dict[int, tuple[str, str]] = field(default_factory=dict)
    """Attempts of which something was not shown: what, and why."""
    conceded: set[int] = field(default_factory=set)
    """Those of them that are not asked for again."""
    emitted: int = 0
    open_from: int | None = None
    """The attempt that is still unfinished."""
    final: int | None = None
    """The latest attempt, when nothing more is expected of it but what is in `unread`."""


@dataclass(slots=True)
class Health:
    """How many runs in a row could not be read."""

    failures: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, *, ok: bool) -> None:
        """Count a run."""
        with self._lock:
            self.failures = 0 if ok else self.failures + 1

    @property
    def is_down(self) -> bool:
        """Whether it is not the single run."""
        return self.failures >= MAX_FAILURES


@dataclass(frozen=True, slots=True)
class AttemptReader:
    """Reads runs attempt by attempt; its methods run in several threads."""

    client: Client
    path: str
    repository: str
    repository_id: int
    wanted: Wanted
    coverage: CoverageReader | None = None
    annotations: AnnotationReader | None = None
    default_branch: str | None = None
    health: Health = field(default_factory=Health)

    def read(self, task: Due, now: datetime) -> Outcome:
        """Read the attempts that are due, the oldest first; what fails is told, not raised.

        Raises:
            UnavailableError: So many runs failed that it is not the runs.
        """
        run = task.run
        outcome = Outcome(run["id"])
        if PROBLEM in run:
            outcome.unread[task.first] = (gaps.RUN, run[PROBLEM])
            outcome.final = attempt_number(run)
            return outcome
        attempts = self._attempts(task, outcome, now)
        for attempt, following in zip(attempts, [*attempts[1:], None], strict=True):
            number = attempt_number(attempt)
            if task.only not in (None, number):
                continue
            if number == attempt_number(run):
                if run.get("status") != "completed":
                    outcome.open_from = number
                    continue
                outcome.final = number
            with self._telling(task, outcome, number, gaps.JOBS):
                self._add(task, attempt, following, outcome, now)
        return outcome

    def refetch(self, run_id: int) -> Run | None:
        """Return a run by its id; None when GitHub does not show it.

        Raises:
            UnreadError: GitHub shows it, but it cannot be read.
        """
        try:
            run = self.client.get_object(f"{self.path}/actions/runs/{run_id}")
            (kept,) = readable([run])
        except NotFoundError:
            return None
        except (UnavailableError, DeniedError, *PAYLOAD_ERRORS) as error:
            raise UnreadError(gaps.RUN, str(error)) from error
        if problem := kept.get(PROBLEM):
            raise UnreadError(gaps.RUN, problem)
        return kept

    @contextmanager
    def _telling(self, task: Due, outcome: Outcome, number: int, what: str) -> Iterator[None]:
        """Note what cannot be read of an attempt instead of failing."""
        if self.health.is_down:
            raise UnavailableError(f"{MAX_FAILURES} runs in a row could not be read")
        try:
            yield
        except UnreadError as error:
            outcome.unread[number] = (error.what, str(error))
            if task.is_last_try and error.what != gaps.RUN:
                outcome.conceded.add(number)
        except (UnavailableError, DeniedError) as error:
            self.health.note(ok=False)
            outcome.unread[number] = (what, str(error))
        except PAYLOAD_ERRORS as error:
            reason = f"an answer of GitHub has an unexpected form ({type(error).__name__}: {error})"
            outcome.unread[number] = (what, reason)
        else:
            self.health.note(ok=True)

    def _attempts(self, task: Due, outcome: Outcome, now: datetime) -> list[Run]:
        """Return the attempts to read, the oldest first, and the run as its latest."""
        run, latest = task.run, attempt_number(task.run)
        lowest = task.first
        highest = latest - 1
        if task.only is not None:
            # The one after it only says when it began, which its artifacts are told apart by.
            lowest = task.only
            highest = min(highest, task.only + (1 if self.coverage else 0))
        found: list[Run] = [run]
        for number in range(highest, lowest - 1, -1):
            with self._telling(task, outcome, number, gaps.ATTEMPT):
                attempt = self._attempt(task, number, now)
                if attempt is None:
                    continue
                if task.since is not None and began(attempt) < task.since:
                    break
                found.insert(0, attempt)
        return found

    def _attempt(self, task: Due, number: int, now: datetime) -> Run | None:
        """Return an attempt before the latest; None when its details are gone with time."""
        path = f"{self.path}/actions/runs/{task.run['id']}/attempts/{number}"
        try:
            return slim(self.client.get_object(path))
        except NotFoundError as error:
            if now - began(task.run) > DETAILS_KEPT:
                return None
            raise UnreadError(
                gaps.ATTEMPT, "GitHub answers 404 for it, though it shows the run"
            ) from error

    def _jobs(self, task: Due, attempt: Run, now: datetime) -> list[dict[str, Any]] | None:
        """Return the jobs of an attempt; None when they are not known.

        Raises:
            UnreadError: GitHub must have them, and does not show them.
        """
        if not self.wanted.any_job:
            return None
        run_id, number = task.run["id"], attempt_number(attempt)
        path = f"{self.path}/actions/runs/{run_id}/attempts/{number}/jobs"
        try:
            return list(read_all(self.client, path, "jobs"))
        except IncompleteError as error:
            raise UnreadError(gaps.JOBS, str(error)) from error
        except NotFoundError as error:
            if now - began(attempt) > DETAILS_KEPT:
                return None
            if self.refetch(run_id) is None:
                # Gone with its run, or with the whole repository: then nothing may count as read.
                self.client.get(self.path)
                raise UnreadError(gaps.RUN, gaps.NOT_SHOWN) from error
            raise UnreadError(
                gaps.JOBS, "GitHub answers 404 for its jobs, though it shows the run"
            ) from error

    def _add(
        self, task: Due, attempt: Run, following: Run | None, outcome: Outcome, now: datetime
    ) -> None:
        """Add an attempt's records, as far as it is known."""
        number = attempt_number(attempt)
        try:
            jobs = self._jobs(task, attempt, now)
        except UnreadError as error:
            if not task.is_last_try or error.what == gaps.RUN:
                raise
            jobs = None
            outcome.unread[number] = (error.what, f"{error}; the attempt is kept without them")
            outcome.conceded.add(number)
        if task.was_touched and not ended_since(jobs or (), task.since):
            return
        record = run_record(
            attempt,
            repository=self.repository,
            repository_id=self.repository_id,
            run_created_at=task.run.get("created_at"),
            jobs=jobs,
            now=now,
            default_branch=self.default_branch,
        )
        shown = [job for job in jobs or () if has_ended(job) or is_stuck(attempt, now)]
        found = [("workflow_runs", record)] if self.wanted.runs else []
        found += self._of_jobs(shown, attempt)
        outcome.records += found
        outcome.emitted += 1
        unfinished = [job for job in jobs or () if not has_ended(job)]
        if unfinished:
            names = ", ".join(str(job.get("name")) for job in unfinished)
            outcome.unread[number] = (gaps.UNFINISHED, f"the run has ended, but not: {names}")
            if now - began(attempt) > LONGEST_RUN:
                outcome.conceded.add(number)
        elif number not in outcome.unread:
            outcome.read.append(number)
        if self.annotations is not None:
            try:
                notes = self.annotations.read(self.path, self.repository, shown)
            except UnavailableError as error:
                raise UnreadError(gaps.ANNOTATIONS, str(error)) from error
            outcome.records += [("job_annotations", note) for note in notes]
        if self.coverage is not None:
            outcome.records += self._coverage(self.coverage, record, following)

    def _of_jobs(
        self, jobs: Sequence[dict[str, Any]], attempt: Run
    ) -> list[tuple[str, dict[str, Any]]]:
        found: list[tuple[str, dict[str, Any]]] = []
        named: dict[str, Any] = {"repository": self.repository, "attempt": attempt_number(attempt)}
        for job in jobs:
            if self.wanted.jobs:
                made = job_record(job, **named, group=workflow_group(attempt))
                found.append(("workflow_jobs", made))
            if self.wanted.steps:
                found += [("workflow_steps", step) for step in step_records(job, **named)]
        return found

    def _coverage(
        self, reader: CoverageReader, record: dict[str, Any], following: Run | None
    ) -> list[tuple[str, dict[str, Any]]]:
        until = None if following is None else began(following)
        try:
            reports = list(reader.read(self.path, record, until))
        except NotFoundError as error:
            raise UnreadError(gaps.ARTIFACTS, "GitHub answers 404 for its artifacts") from error
        except UnavailableError as error:
            raise UnreadError(gaps.ARTIFACTS, str(error)) from error
        return [("coverage_snapshots", report) for report in reports]


def ended_since(jobs: Sequence[dict[str, Any]], since: datetime | None) -> bool:
    """Whether a job has ended after that instant."""
    end = last_end(jobs)
    return end is not None and (since is None or end >= since)

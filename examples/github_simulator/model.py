"""What a repository's Actions history is made of.

A run's whole life is written down when it is planned; what the API shows is that plan seen from
the clock's present (`states.py`). Times are whole seconds since 1970.
"""

from __future__ import annotations

from dataclasses import dataclass, field

DEFAULT_STEPS = ("Set up job", "Run actions/checkout@v4", "Run the work", "Complete job")


@dataclass(frozen=True, slots=True)
class JobPlan:
    """How one job of an attempt shall go; times are relative to the attempt's start."""

    name: str
    seconds: int = 30
    queued: int = 3
    conclusion: str = "success"
    delay: int = 0
    steps: tuple[str, ...] = DEFAULT_STEPS
    labels: tuple[str, ...] = ("ubuntu-latest",)
    runner_group: str = "GitHub Actions"
    report_lag: int = 0
    """How long after its end the API still shows the job as running."""
    annotations: tuple[tuple[str, str], ...] = ()
    is_stuck: bool = False
    """Whether it is shown as running for ever, though its run completes."""


@dataclass(frozen=True, slots=True)
class Step:
    """A step of a job."""

    number: int
    name: str
    conclusion: str
    started: int
    completed: int


@dataclass(slots=True)
class Job:
    """A job of one attempt."""

    id: int
    name: str
    created: int
    started: int
    completed: int
    reported: int
    conclusion: str
    steps: tuple[Step, ...]
    labels: tuple[str, ...]
    runner_name: str | None
    runner_group: str | None
    carried_over: bool = False
    annotations: tuple[tuple[str, str], ...] = ()
    """Each with its level and its message."""

    @property
    def executed(self) -> bool:
        """Whether a runner worked on it within its own attempt."""
        return not self.carried_over and self.conclusion != "skipped"


@dataclass(slots=True)
class Attempt:
    """One attempt of a run."""

    number: int
    created: int
    started: int
    ended: int
    conclusion: str
    triggering_actor: str
    jobs: list[Job]
    waits_until: int = 0
    moments: list[int] = field(default_factory=list)
    """Every instant at which GitHub touches `updated_at`, ascending."""


@dataclass(slots=True)
class Artifact:
    """A file that a run left behind."""

    id: int
    name: str
    content: bytes
    created: int
    expired: bool = False


@dataclass(eq=False, slots=True)
class Run:
    """A workflow run with all its attempts, those still to come included."""

    id: int
    repository: Repository
    workflow: Workflow
    number: int
    name: str | None
    title: str
    event: str
    branch: str | None
    sha: str
    actor: str | None
    created: int
    check_suite_id: int
    pull_requests: tuple[int, ...]
    head_repository: str | None
    attempts: list[Attempt] = field(default_factory=list)
    artifacts: list[Artifact] = field(default_factory=list)
    deleted: int | None = None
    poisoned_until: int = 0
    """Until then every request for its jobs answers 502."""
    lacks: tuple[str, ...] = ()
    """Keys that its payload lacks."""
    lacks_until: int = 0

    @property
    def head_full_name(self) -> str | None:
        """Return the name of the repository its commit lives in, as it is called today."""
        own = (self.repository.full_name, *self.repository.former_names)
        return self.repository.full_name if self.head_repository in own else self.head_repository


@dataclass(slots=True)
class PullRequest:
    """A pull request as it is from one change on; `updated` says when that was."""

    id: int
    number: int
    created: int
    updated: int
    author: str | None = "octocat"
    state: str = "open"
    merged: int | None = None
    first_commit: int = 0
    additions: int = 10
    deletions: int = 2


@dataclass(slots=True)
class Deployment:
    """A deployment and its statuses, each with the instant it was set."""

    id: int
    environment: str
    sha: str
    created: int
    statuses: list[tuple[str, int]] = field(default_factory=list)


@dataclass(eq=False, slots=True)
class Workflow:
    """A workflow file of a repository."""

    id: int
    repository: Repository
    name: str
    path: str
    created: int
    updated: int
    state: str = "active"
    last_number: int = 0
    last_created: int = 0


@dataclass(eq=False, slots=True)
class Repository:
    """A repository; its id stays when its name changes."""

    id: int
    full_name: str
    created: int
    private: bool = False
    archived: bool = False
    fork: bool = False
    default_branch: str = "main"
    size: int = 1024
    retention_days: int | None = None
    """How old runs get before GitHub deletes them."""
    blocked: int | None = None
    """The status (403, 404, 451) that every request for it gets instead of an answer."""
    former_names: list[str] = field(default_factory=list)
    workflows: list[Workflow] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    """Ascending by creation."""
    pull_requests: list[PullRequest] = field(default_factory=list)
    deployments: list[Deployment] = field(default_factory=list)
    denied: frozenset[str] = frozenset()
    """What the token may not read of it: `pulls`, `deployments`, `check-runs`."""
    doomed: list[Run] = field(default_factory=list)
    """Those that have been, or will be, deleted."""
    changes: int = 0
    """Counts additions and deletions, so that cached listings know when they are old."""

    @property
    def owner(self) -> str:
        """Return the part of the name before the slash."""
        return self.full_name.split("/", 1)[0]

    @property
    def name(self) -> str:
        """Return the part of the name after the slash."""
        return self.full_name.split("/", 1)[1]

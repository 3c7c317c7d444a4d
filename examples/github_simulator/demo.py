"""A month in the life of a made-up team: what `make run` loads when no GitHub is configured.

The same seed and anchor give the same month, down to every id, so that loading it twice can be
seen to add nothing.
"""

from __future__ import annotations

import io
import json
import random
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

from github_simulator.clock import Clock
from github_simulator.model import JobPlan
from github_simulator.world import DAY, World

if TYPE_CHECKING:
    from pathlib import Path

    from github_simulator.model import Run, Workflow

REPOSITORY = "octo-org/telemetry-demo"
SECOND_REPOSITORY = "octo-org/telemetry-docs"
SEED = 20_261_120
DAYS = 30
HOUR, MINUTE = 3_600, 60
RERUN_SHARE = 0.45
PARTIAL_SHARE = 0.7
PEOPLE = ("octocat", "hubot", "monalisa", "mona-the-second")
BRANCHES = (
    "main",
    "main",
    "main",
    "feature/search",
    "feature/export",
    "fix/timeouts",
    "chore/deps",
)
TITLES = (
    "Add export of run times",
    "Fix a timeout in the importer",
    "Bump the test matrix",
    "Speed up the search index",
    "Handle empty reports",
    "Refactor the scheduler",
    "Document the settings",
    "Retry flaky downloads",
)
TEST_STEPS = (
    "Set up job",
    "Run actions/checkout@v4",
    "Run actions/setup-python@v5",
    "Install dependencies",
    "Run the tests",
    "Complete job",
)
MATRIX = tuple(
    (f"test ({system}, {python})", system)
    for system in ("ubuntu-latest", "windows-latest")
    for python in ("3.10", "3.12", "3.14")
)


@dataclass(frozen=True)
class Change:
    """What was pushed, by whom."""

    event: str
    branch: str
    sha: str
    actor: str
    title: str
    pull_requests: tuple[int, ...]
    head_repository: str


def anchored(path: Path | None) -> int:
    """Return the instant at which the demo's month ends: the same for as long as the file lives.

    Args:
        path: Where the instant is kept; written when absent.

    Returns:
        Seconds since 1970.
    """
    now = Clock().now()
    if path is None:
        return now
    if path.exists():
        try:
            return int(json.loads(path.read_text(encoding="utf-8"))["anchor"])
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(
                f"'{path}' does not hold the instant that the demo ended: delete it to start anew",
            ) from error
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"anchor": now}) + "\n", encoding="utf-8")
    return now


def demo_world(anchor: int) -> World:
    """Return a world whose last run ended before the anchor and whose clock shows the real time."""
    world = World(seed=SEED, clock=Clock(anchor))
    month = Month(world, anchor)
    month.live_through()
    world.clock = Clock(max(anchor, Clock().now()), ticking=True)
    return world


class Month:
    """Fills a world with thirty days of work."""

    def __init__(self, world: World, anchor: int) -> None:
        self.world = world
        self.anchor = anchor
        self.dice = random.Random(SEED)
        repository = world.add_repository(REPOSITORY)
        self.ci = world.add_workflow(repository, "CI")
        self.lint = world.add_workflow(repository, "Lint")
        self.deploy = world.add_workflow(repository, "Deploy")
        self.nightly = world.add_workflow(repository, "Nightly")
        self.broken = world.add_workflow(repository, "Release notes")
        documents = world.add_repository(SECOND_REPOSITORY)
        self.pages = world.add_workflow(documents, "Pages")

    def live_through(self) -> None:
        """Let every day happen, from the oldest to the one of the anchor."""
        for age in range(DAYS, 0, -1):
            morning = self.anchor - age * DAY + 2 * HOUR
            self.night(morning)
            # A day of the demo ends twelve hours before the next one starts.
            for push in sorted(self.dice.sample(range(5 * HOUR, 18 * HOUR), 3)):
                self.push(morning + push, age)
            if age % 5 == 0:
                self.world.add_run(self.pages, created=morning + 19 * HOUR, title="Build the site")
        self.world.add_run(
            self.broken,
            created=self.anchor - 3 * HOUR,
            title="Draft release notes",
            invalid_file=True,
        )

    def night(self, start: int) -> None:
        """Run the nightly tests; one machine in twelve nights is lost."""
        lost = self.dice.random() < 1 / 12
        slow = self.job("soak", 55 * MINUTE, conclusion="cancelled" if lost else "success")
        self.world.add_run(
            self.nightly,
            created=start,
            event="schedule",
            actor="octocat",
            title="Nightly",
            jobs=[slow, self.job("end-to-end", 18 * MINUTE, failing=0.15)],
        )

    def push(self, moment: int, age: int) -> None:
        """Push a commit, or open a pull request: CI and Lint start, and Deploy on main."""
        branch, actor = self.dice.choice(BRANCHES), self.dice.choice(PEOPLE)
        request = () if branch == "main" else (100 + BRANCHES.index(branch) * 10 + age,)
        fork = branch == "fix/timeouts" and age % 7 == 0
        change = Change(
            event="pull_request" if request else "push",
            branch=branch,
            sha=f"{self.dice.getrandbits(160):040x}",
            actor=actor,
            title=self.dice.choice(TITLES),
            # GitHub does not name the pull requests of forks.
            pull_requests=() if fork else request,
            head_repository=f"{actor}/telemetry-demo" if fork else "",
        )
        ci = self.start(self.ci, moment, self.ci_jobs(), change)
        self.start(self.lint, moment, [self.job("ruff and mypy", 40, failing=0.08)], change)
        if branch == "main":
            self.attach_coverage(ci, age)
            self.start(self.deploy, moment + 25 * MINUTE, self.deploy_jobs(), change)

    def start(self, workflow: Workflow, moment: int, jobs: list[JobPlan], change: Change) -> Run:
        """Start a workflow, and let somebody press the button again when it failed."""
        run = self.world.add_run(
            workflow,
            created=moment,
            jobs=jobs,
            event=change.event,
            branch=change.branch,
            sha=change.sha,
            actor=change.actor,
            title=change.title,
            pull_requests=change.pull_requests,
            head_repository=change.head_repository,
        )
        while run.attempts[-1].conclusion == "failure" and self.dice.random() < RERUN_SHARE:
            pause = self.dice.randrange(3 * MINUTE, 25 * MINUTE)
            again = {
                job.name: self.job(job.name, job.completed - job.started, failing=0.3)
                for job in run.attempts[-1].jobs
            }
            self.world.rerun(
                run,
                at=run.attempts[-1].ended + pause,
                jobs=again,
                only_failed=self.dice.random() < PARTIAL_SHARE,
                actor=self.dice.choice(PEOPLE),
            )
        return run

    def ci_jobs(self) -> list[JobPlan]:
        """Return a matrix of tests, a build that needs them, and a job that rarely applies."""
        tests = [self.job(name, 5 * MINUTE, system=system, failing=0.03) for name, system in MATRIX]
        failed = any(test.conclusion == "failure" for test in tests)
        build = self.job(
            "build", 90, conclusion="skipped" if failed else "success", delay=7 * MINUTE
        )
        return [*tests, build, self.job("publish preview", 20, conclusion="skipped")]

    def deploy_jobs(self) -> list[JobPlan]:
        """Return two stages; the second is skipped when the first fails."""
        staging = self.job("staging", 4 * MINUTE, failing=0.06)
        stopped = staging.conclusion != "success"
        production = self.job(
            "production",
            6 * MINUTE,
            conclusion="skipped" if stopped else "success",
            delay=staging.queued + staging.seconds,
        )
        return [staging, production]

    def job(
        self,
        name: str,
        seconds: int,
        *,
        conclusion: str = "success",
        failing: float = 0.0,
        system: str = "ubuntu-latest",
        delay: int = 0,
    ) -> JobPlan:
        """Return a job that takes about so long and fails every so often."""
        failed = self.dice.random() < failing
        return JobPlan(
            name,
            seconds=max(int(seconds * self.dice.uniform(0.7, 1.4)), 1),
            queued=self.dice.randrange(2, 40),
            conclusion="failure" if failed else conclusion,
            delay=delay,
            steps=TEST_STEPS,
            labels=(system,),
        )

    def attach_coverage(self, run: Run, age: int) -> None:
        """Attach a coverage report that gets a little better with every day."""
        covered = 8_000 + (DAYS - age) * 25 + self.dice.randrange(20)
        report = {
            "meta": {"format": 3, "version": "7.6"},
            "totals": {
                "covered_lines": covered,
                "num_statements": 10_000,
                "percent_covered": covered / 100,
                "covered_branches": covered // 4,
                "num_branches": 2_500,
            },
        }
        self.world.add_artifact(run, "coverage-report", zipped({"coverage.json": report}))


def zipped(files: dict[str, object]) -> bytes:
    """Return a zip file of JSON documents, the same bytes each time."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, document in files.items():
            archive.writestr(zipfile.ZipInfo(name), json.dumps(document))
    return buffer.getvalue()

"""A runner for the `run:` steps of a GitHub Actions workflow, as far as ours need it."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from pathlib import Path

EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")


@dataclass
class StepRun:
    """How one step ended: success, failure or skipped, and what it printed."""

    name: str
    outcome: str
    output: str = ""


@dataclass
class JobRun:
    """How a job ended and what its steps did."""

    steps: list[StepRun] = field(default_factory=list)
    summary: str = ""

    @property
    def failed(self) -> bool:
        """Whether the job is red."""
        return any(step.outcome == "failure" for step in self.steps)

    def step(self, name: str) -> StepRun:
        """The step of that name."""
        return next(step for step in self.steps if step.name == name)


class Runner:
    """Executes the `run:` steps of one job in order; `uses:` steps count as done.

    Expressions are looked up in `values` by their exact text, so that a new one in the workflow
    fails the test instead of being ignored.
    """

    def __init__(
        self, workspace: Path, environment: dict[str, str], values: dict[str, str]
    ) -> None:
        self.workspace = workspace
        self.environment = environment
        self.values = values
        self.files = {
            name: workspace.parent / name.lower() for name in ("GITHUB_ENV", "GITHUB_STEP_SUMMARY")
        }

    def run(self, job: dict[str, Any]) -> JobRun:
        """Run the job's steps."""
        done = JobRun()
        ids: dict[str, str] = {}
        environment = {
            **self.environment,
            **{name: self.expand(value) for name, value in job.get("env", {}).items()},
            **{name: str(path) for name, path in self.files.items()},
        }
        for path in self.files.values():
            path.write_text("", encoding="utf-8")
        for step in job["steps"]:
            ran = self.run_step(step, environment, ids, failed=done.failed)
            done.steps.append(ran)
            if "id" in step:
                ids[step["id"]] = ran.outcome
            environment |= exported(self.files["GITHUB_ENV"])
        done.summary = self.files["GITHUB_STEP_SUMMARY"].read_text(encoding="utf-8")
        return done

    def run_step(
        self,
        step: dict[str, Any],
        environment: dict[str, str],
        ids: dict[str, str],
        *,
        failed: bool,
    ) -> StepRun:
        """Run one step unless its condition says no."""
        name = step.get("name", step.get("uses", ""))
        if not wanted(step.get("if"), ids, self.values, failed=failed):
            return StepRun(name, "skipped")
        if "run" not in step:
            return StepRun(name, "success")
        script = self.expand(step["run"])
        ran = subprocess.run(
            ["bash", "-e", "-c", script],
            cwd=self.workspace,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
        outcome = "success" if ran.returncode == 0 else "failure"
        return StepRun(name, outcome, ran.stdout + ran.stderr)

    def expand(self, text: Any) -> str:
        """Replace each expression by its value."""
        return EXPRESSION.sub(lambda match: self.values[match[1]], str(text))


def wanted(
    condition: str | None, ids: dict[str, str], values: dict[str, str], *, failed: bool
) -> bool:
    """Evaluate the conditions our workflow uses."""
    if condition is None:
        return not failed
    terms = EXPRESSION.sub(r"\1", condition).split(" && ")
    return all(_holds(term, ids, values) for term in terms)


def _holds(term: str, ids: dict[str, str], values: dict[str, str]) -> bool:
    if term in {"!cancelled()", "always()"}:
        return True
    if term in values:
        return values[term] == "true"
    match = re.fullmatch(r"steps\.(\w+)\.outcome == '(\w+)'", term)
    if match is None:
        raise AssertionError(f"the test's runner does not know the condition {term!r}")
    return ids.get(match[1], "skipped") == match[2]


def exported(path: Path) -> dict[str, str]:
    """The variables that steps wrote to GITHUB_ENV."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line)


def job_of(workflow: Path, name: str) -> dict[str, Any]:
    """A job of a workflow file."""
    loaded: dict[str, Any] = yaml.safe_load(workflow.read_text(encoding="utf-8"))
    job: dict[str, Any] = loaded["jobs"][name]
    return job

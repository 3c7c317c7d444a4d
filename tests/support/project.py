"""A copy of the repository as a user has it after cloning, and commands run in it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
QUIET = {
    "MELTANO_SEND_ANONYMOUS_USAGE_STATS": "false",
    "MELTANO_CLI_LOG_LEVEL": "info",
    "NO_COLOR": "1",
    "DO_NOT_TRACK": "1",
}
# What a developer's shell may hold and a test must not see.
PRIVATE = (
    "GITHUB_",
    "TAP_",
    "TARGET_",
    "TELEMETRY_",
    "MELTANO_",
    "PG",
    "DATABASE_URL",
    "ACTIONS_",
    "RUNNER_",
)


def clean_environment(**more: str) -> dict[str, str]:
    """The caller's environment without anything that configures the suite."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(PRIVATE)}
    kept["PATH"] = f"{BIN}{os.pathsep}{kept.get('PATH', os.defpath)}"
    return {**kept, **QUIET, **more}


def copy_repository(target: Path) -> Path:
    """Copy what git tracks, and new files that it does not ignore, as a fresh clone would have."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    ).stdout
    for name in filter(None, listed.decode().split("\0")):
        source = ROOT / name
        if source.is_file():
            copy = target / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, copy)
    return target


@dataclass
class Project:
    """A project folder and the environment its commands run in."""

    root: Path
    environment: dict[str, str] = field(default_factory=clean_environment)

    def run(self, *command: str, check: bool = True, **variables: str) -> Result:
        """Run a command in the project and return what it printed."""
        done = subprocess.run(
            command,
            cwd=self.root,
            env={**self.environment, **variables},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        result = Result(done.returncode, done.stdout, done.stderr)
        if check and done.returncode != 0:
            raise AssertionError(f"{' '.join(command)} exited with {result}")
        return result

    def meltano(self, *arguments: str, check: bool = True, **variables: str) -> Result:
        """Run a Meltano command in the project."""
        return self.run(str(BIN / "meltano"), *arguments, check=check, **variables)

    def telemetry(self, *arguments: str, check: bool = True, **variables: str) -> Result:
        """Run a `telemetry` command in the project."""
        return self.run(str(BIN / "telemetry"), *arguments, check=check, **variables)


@dataclass(frozen=True)
class Result:
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        """All that was printed."""
        return self.out + self.err

    def __str__(self) -> str:
        return f"{self.code}:\n{self.out[-4000:]}\n{self.err[-4000:]}"

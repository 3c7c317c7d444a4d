"""The versions of the programs that a run consists of."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from target_telemetry_postgres.cli.checks.findings import note, ok, stops, warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from target_telemetry_postgres.cli.checks.findings import Finding

_OLDEST_PYTHON = (3, 10)
_PACKAGES = ("target-telemetry-postgres", "singer-sdk", "psycopg", "sqlalchemy", "alembic")
_COMMANDS = ("tap-github-actions", "tap-llm-csv", "meltano")
_PATIENCE = 60


def check() -> Iterator[Finding]:
    """Look at Python, the packages and the commands beside this one."""
    area = "versions"
    python = f"Python {platform.python_version()}"
    if sys.version_info < _OLDEST_PYTHON:
        yield stops(area, f"{python} is too old.", "Use Python 3.10 or newer.")
    else:
        yield ok(area, f"{python}, " + ", ".join(map(_package, _PACKAGES)))
    from psycopg import pq

    if pq.__impl__ == "python":
        yield warning(
            area,
            "psycopg runs without its C part; loading takes several times as long.",
            "Install psycopg[binary] or psycopg[c].",
        )
    for command in _COMMANDS:
        program = find(command)
        if program is None:
            yield note(
                area,
                f"{command} is not beside this command.",
                "Fine where Meltano keeps its plugins apart; else install it.",
            )
            continue
        yield _version_of(command, program)


def find(command: str) -> str | None:
    """A command of the same environment, else one on the PATH."""
    beside = Path(sys.executable).with_name(command)
    return str(beside) if beside.exists() else shutil.which(command)


def _version_of(command: str, program: str) -> Finding:
    try:
        ran = subprocess.run(
            [program, "--version"], capture_output=True, text=True, timeout=_PATIENCE, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return stops("versions", f"{command} does not start: {error}.", "Install it again.")
    lines = (ran.stdout if ran.returncode == 0 else ran.stderr).strip().splitlines() or [""]
    if ran.returncode:
        return stops("versions", f"{command} does not start: {lines[-1]}", "Install it again.")
    return ok("versions", lines[0])


def _package(name: str) -> str:
    try:
        return f"{name} {version(name)}"
    except PackageNotFoundError:
        return f"{name} missing"

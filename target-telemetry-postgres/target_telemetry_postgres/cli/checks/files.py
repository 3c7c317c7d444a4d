"""Whether tap-llm-csv finds its files, and which dialects it takes them for."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from target_telemetry_postgres.cli.checks.findings import note, ok, stops, warning
from target_telemetry_postgres.cli.checks.programs import find

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from target_telemetry_postgres.cli.checks.findings import Finding

_AREA = "files"
_TAP = "tap-llm-csv"
_VARIABLES = ("TAP_LLM_CSV_PATH", "TELEMETRY_CSV_PATH")
_DEFAULTS = (".telemetry/usage.csv", ".telemetry/records/*.ndjson", ".telemetry/pr-traces")
_PATIENCE = 120
_MANY = 20


def check(environ: Mapping[str, str] = os.environ) -> Iterator[Finding]:
    """Ask the tap which files it sees; without the tap, look at the path ourselves."""
    program = find(_TAP)
    if program is None:
        yield from _look(environ)
        return
    try:
        ran = subprocess.run(
            [program, "--config=ENV", "--files"],
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=False,
            env=dict(environ),
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        yield stops(_AREA, f"{_TAP} does not answer: {error}.", "Install it again.")
        return
    if "No such option" in ran.stderr:
        # An older tap, which cannot say.
        yield from _look(environ)
        return
    if ran.returncode:
        lines = ran.stderr.strip().splitlines() or ["no message"]
        yield stops(_AREA, f"{_TAP}: {lines[-1]}", "Correct the tap's settings.")
        return
    files = [json.loads(line) for line in ran.stdout.splitlines() if line.startswith("{")]
    if not files:
        yield from _look(environ)
        return
    for file in files[:_MANY]:
        yield _finding(file)
    if len(files) > _MANY:
        yield note(_AREA, f"and {len(files) - _MANY:,} more files.")


def _finding(file: dict[str, Any]) -> Finding:
    """A file that the tap understands has a dialect."""
    path, message = file.get("path"), file.get("message")
    if not file.get("dialect"):
        return warning(
            _AREA,
            f"{path}: {message or 'no dialect fits its header'}",
            "Set its dialect, or give a column_map, in the tap's setting `files`.",
        )
    what = f"{path}: {file['dialect']} to {file.get('stream')}"
    return note(_AREA, f"{what}; {message}") if message else ok(_AREA, what)


def _look(environ: Mapping[str, str]) -> Iterator[Finding]:
    name = next((name for name in _VARIABLES if environ.get(name)), None)
    paths = [environ[name]] if name else _DEFAULTS
    there = [path for path in paths if _is_there(path)]
    for path in there:
        yield note(_AREA, f"{path} is there; {_TAP} does not say what is in it.")
    if not there:
        yield (warning if name else note)(
            _AREA,
            f"There is no file at {' or '.join(paths)}.",
            "Write the calls there, or set TELEMETRY_CSV_PATH to a file, a folder or a glob.",
        )


def _is_there(path: str) -> bool:
    if any(character in path for character in "*?["):
        return Path(path).is_absolute() or any(Path().glob(path))
    return Path(path).exists()

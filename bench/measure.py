"""One process from start to end: how long, how much processor time, how much memory."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_WORDS: Final = 4000
_RSS_UNIT: Final = 1 if sys.platform == "darwin" else 1024


@dataclass(frozen=True)
class Run:
    """What one process cost; children that it waited for count too."""

    code: int
    seconds: float
    cpu_seconds: float
    peak_bytes: int
    words: str


def run(
    command: Sequence[str],
    *,
    log: Path,
    stdin: Path | None = None,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> Run:
    """Run a command to its end.

    Args:
        command: The program and its arguments.
        log: File for all that it prints; its last words are part of the result.
        stdin: File to feed it.
        environment: All its variables; ours if not given.
        folder: Where it runs.
    """
    with ExitStack() as stack:
        out = stack.enter_context(log.open("wb"))
        fed = subprocess.DEVNULL if stdin is None else stack.enter_context(stdin.open("rb"))
        started = time.perf_counter()
        process = subprocess.Popen(
            command, stdin=fed, stdout=out, stderr=out, env=environment, cwd=folder
        )
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
    return Run(
        code=process.returncode,
        seconds=seconds,
        cpu_seconds=used.ru_utime + used.ru_stime,
        peak_bytes=used.ru_maxrss * _RSS_UNIT,
        words=log.read_text(encoding="utf-8", errors="replace")[-_WORDS:],
    )

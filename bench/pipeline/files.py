"""One log of LLM calls, and the same calls as our tap's Singer lines and as a finished CSV."""

from __future__ import annotations

import csv
import multiprocessing
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench.target.floor import decoded
from bench.target.records import COLUMNS, calls
from bench.target.server import BenchError

_HEADER: Final = (
    "timestamp",
    "model",
    "prompt_tokens",
    "completion_tokens",
    "task_success",
    "task_type",
    "duration_ms",
    "notes",
)


@dataclass(frozen=True)
class Log:
    """The same calls three times: as logged, as tapped, and as the table's columns in CSV."""

    usage: Path
    singer: Path
    finished: Path


def write_log(folder: Path, rows: int) -> Log:
    """Write a usage log of so many rows, tap it once, and spell out what the tap made of it."""
    folder.mkdir(parents=True)
    log = Log(folder / "usage.csv", folder / "usage.singer", folder / "finished.csv")
    with log.usage.open("w", encoding="utf-8", newline="") as file:
        cells = csv.writer(file)
        cells.writerow(_HEADER)
        cells.writerows(_row(call) for call in calls(rows))
    _tap(log)
    with log.finished.open("w", encoding="utf-8", newline="") as file:
        cells = csv.writer(file)
        cells.writerow(COLUMNS)
        cells.writerows(map(_spelled, decoded(log.singer)))
    return log


def write_log_apart(folder: Path, rows: int) -> Log:
    """As `write_log`, in a process of its own.

    A child starts out with its parent's peak of memory, so the harness must stay small.
    """
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as apart:
        return apart.submit(write_log, folder, rows).result()


def tap() -> str:
    """Our tap's program."""
    return str(Path(sys.executable).with_name("tap-llm-csv"))


def _row(call: dict[str, Any]) -> list[Any]:
    return [
        call["timestamp"],
        call["model"],
        call["input_tokens"],
        call["output_tokens"],
        str(call["success"]).lower(),
        call["prompt_name"],
        call["duration_ms"],
        call["notes"],
    ]


def _tap(log: Log) -> None:
    with log.singer.open("wb") as lines:
        done = subprocess.run(
            [tap(), "--config=ENV"],
            env={"TAP_LLM_CSV_PATH": str(log.usage), "HOME": str(log.usage.parent)},
            cwd=log.usage.parent,
            stdout=lines,
            stderr=subprocess.PIPE,
            check=False,
        )
    if done.returncode:
        words = done.stderr.decode("utf-8", "replace").strip()
        raise BenchError(f"tap-llm-csv failed: {words[-500:]}")


def _spelled(row: tuple[Any, ...]) -> list[Any]:
    return [str(value).lower() if isinstance(value, bool) else value for value in row]

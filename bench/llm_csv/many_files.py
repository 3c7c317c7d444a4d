"""What many small files take: the first run, and one that finds nothing new."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from bench.llm_csv.contenders import our_tap
from bench.llm_csv.rows import write_rows
from bench.page import table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from bench.measure import Run

SIZES = (300, 1_000, 3_000, 10_000)
ROWS = 20
_WRITTEN = 1_770_000_000


def section(
    folder: Path,
    to_file: Callable[[Sequence[str], Path, str], Run],
    last_state: Callable[[Path], object],
) -> str:
    """Measure each size once: the files are as many rounds as one could want."""
    lines = []
    for size in SIZES:
        place = folder / f"many-{size}"
        _write(place / "logs", size)
        command = our_tap(place / "logs", place)
        first = to_file(command, place, str(place / "first.jsonl"))
        state = place / "state.json"
        state.write_text(json.dumps(last_state(place / "first.jsonl")), encoding="utf-8")
        again = to_file([*command, "--state", str(state)], place, "/dev/null")
        a_file = f"{state.stat().st_size / size:.1f}"
        times = (f"{run.cpu_seconds:.2f} s" for run in (first, again))
        lines.append((f"{size:,}", *times, f"{first.peak_bytes / 2**20:.0f} MB", a_file))
    return f"Many files of {ROWS} rows each, processor time with the start, once each:\n\n" + table(
        ("files", "first run", "nothing new", "peak memory", "state, bytes a file"), lines
    )


def _write(folder: Path, count: int) -> None:
    """The rows of one log, cut into files."""
    folder.mkdir(parents=True)
    whole = write_rows(folder.parent / "whole.csv", count * ROWS)
    header, *rows = whole.read_text(encoding="utf-8").splitlines(keepends=True)
    size = len(rows) // count
    for number in range(count):
        path = folder / f"usage-{number:05}.csv"
        part = rows[number * size : (number + 1) * size]
        path.write_text(header + "".join(part), encoding="utf-8")
        os.utime(path, (_WRITTEN + number, _WRITTEN + number))

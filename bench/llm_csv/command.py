"""`python -m bench llm-csv`: its options, and the rounds in turn."""

from __future__ import annotations

import json
import shlex
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from bench.llm_csv import many_files
from bench.llm_csv.contenders import CONTENDERS, Contender, our_tap
from bench.llm_csv.rows import write_rows
from bench.measure import Run, run
from bench.options import parser_of_rounds
from bench.page import table, write_fragment
from bench.target.environments import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Sequence

_SMALL = 1000
_MICRO = 1e6


def main(arguments: Sequence[str]) -> int:
    """Measure, print the section, and keep it for the page."""
    options = parser_of_rounds("llm-csv", __doc__, rows=1_000_000).parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="bench-llm-csv-") as place:
        folder = Path(place)
        path = write_rows(folder / "usage.csv", options.rows)
        runs, missing = _rounds(path, folder, options.rounds)
        parts = [
            _speed(runs, missing, options.rows, path.stat().st_size),
            _pricing(path),
            _unchanged(path, write_rows(folder / "small.csv", _SMALL), folder, options.rounds),
            many_files.section(folder, _to_nowhere, _last_state),
        ]
    markdown = "\n\n".join(["## tap-llm-csv", *parts])
    print(markdown)
    if options.page:
        write_fragment("llm-csv", markdown)
    return 1 if "ours" in missing else 0


def _rounds(path: Path, folder: Path, rounds: int) -> tuple[dict[str, list[Run]], dict[str, str]]:
    """Everyone once a round, in turn, so that a busy minute hits all of them."""
    runs: dict[str, list[Run]] = defaultdict(list)
    missing: dict[str, str] = {}
    for turn in range(rounds):
        for contender in CONTENDERS:
            if contender.name in missing:
                continue
            try:
                done = _once(contender, path, folder / f"{turn}-{contender.name}")
            except UnavailableError as error:
                missing[contender.name] = str(error)
                continue
            if done.code:
                missing[contender.name] = "it failed"
                print(f"bench: {contender.name} failed: {done.words}", file=sys.stderr)
                continue
            runs[contender.name].append(done)
            print(f"round {turn + 1}, {contender.name}: {done.seconds:.1f} s", file=sys.stderr)
    return runs, missing


def _once(contender: Contender, path: Path, folder: Path) -> Run:
    folder.mkdir()
    return _to_nowhere(contender.command(path, folder), folder)


def _to_nowhere(command: Sequence[str], folder: Path, out: str = "/dev/null") -> Run:
    """Run a command with its messages into a file or nowhere, and its log kept apart."""
    line = f"exec {shlex.join(command)} > {shlex.quote(out)}"
    return run(["sh", "-c", line], log=folder / "log.txt", folder=folder)


def _speed(runs: dict[str, list[Run]], missing: dict[str, str], rows: int, size: int) -> str:
    middle = {
        name: statistics.median(run.cpu_seconds for run in done) for name, done in runs.items()
    }
    lines = []
    for contender in CONTENDERS:
        name = contender.name
        if name in missing:
            lines.append((name, contender.does, missing[name], "", "", ""))
            continue
        peak = max(run.peak_bytes for run in runs[name]) / 2**20
        lines.append(
            (
                name, contender.does, f"{rows / middle[name]:,.0f}", f"{peak:,.0f} MB",
                f"{middle['floor'] / middle[name]:.2f}",
                f"{middle['plain SDK tap'] / middle[name]:.1f}",
            )
        )  # fmt: skip
    versions = ", ".join(
        f"{name} {version(name)}" for name in ("singer-sdk", "msgspec", "genai-prices")
    )
    return (
        f"{rows:,} rows of the base format ({size / 2**20:.0f} MB), messages to /dev/null, "
        f"processor time of the whole process with its start, median of the rounds; {versions}.\n\n"
        + table(("", "does", "rows/s", "peak memory", "of the floor", "of the plain tap"), lines)
    )


def _pricing(path: Path) -> str:
    script = Path(__file__).with_name("pricing_cost.py")
    done = subprocess.run(
        [sys.executable, str(script), str(path)], capture_output=True, text=True, check=True
    )
    best = json.loads(done.stdout)
    return (
        f"Turning a row's cells into a record takes {best['off'] * _MICRO:.2f} µs without prices "
        f"and {best['estimate'] * _MICRO:.2f} µs with them: pricing adds "
        f"**{(best['estimate'] - best['off']) * _MICRO:.2f} µs** a row. On the fast way, by "
        f"column, it is {best['off, blocks'] * _MICRO:.2f} and "
        f"{best['estimate, blocks'] * _MICRO:.2f} µs: "
        f"**{(best['estimate, blocks'] - best['off, blocks']) * _MICRO:.2f} µs** a row (best of "
        "nine turns)."
    )


def _unchanged(large: Path, small: Path, folder: Path, rounds: int) -> str:
    """The time of a run that finds nothing new, for a large and a small file."""
    figures = []
    for path in (large, small):
        place = folder / f"unchanged-{path.stem}"
        place.mkdir()
        command = our_tap(path, place)
        _to_nowhere(command, place, str(place / "first.jsonl"))
        state = place / "state.json"
        state.write_text(json.dumps(_last_state(place / "first.jsonl")), encoding="utf-8")
        again = [*command, "--state", str(state)]
        runs = [_to_nowhere(again, place) for _ in range(rounds)]
        figures.append(statistics.median(run.cpu_seconds for run in runs))
    return (
        f"A run that finds a file of {large.stat().st_size / 2**20:.0f} MB unchanged takes "
        f"{figures[0]:.2f} s of processor time, nearly all of it Python's start; with a file of "
        f"{small.stat().st_size / 2**10:.0f} KB it takes {figures[1]:.2f} s."
    )


def _last_state(path: Path) -> object:
    last: object = {}
    with path.open(encoding="utf-8") as file:
        for line in file:
            if line.startswith('{"type":"STATE"'):
                last = json.loads(line)["value"]
    return last

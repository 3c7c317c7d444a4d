"""`python -m bench pipeline`: its options, the rounds in turn, and the section of the page."""

from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import asdict
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Final

from bench.options import parser_of_rounds
from bench.page import ROOT, table, write_fragment
from bench.pipeline import ways
from bench.pipeline.files import write_log_apart
from bench.target.contenders import SLING
from bench.target.environments import UnavailableError, environment
from bench.target.rounds import make_template
from bench.target.server import BenchError, scratch_server

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

RESULTS: Final = ROOT / ".telemetry" / "bench"
LABELS: Final = {
    "floor": "floor: psycopg COPY and upsert of the tap's rows",
    "meltano": "**meltano run tap-llm-csv target-telemetry-postgres**",
    "pipe": "tap-llm-csv \\| target-telemetry-postgres",
    "sling": "sling 1.4.10, from a CSV of the finished rows",
}
_INTRODUCTION: Final = """\
## From the file to the table

A usage log of {rows:,} calls in the base format, into `telemetry.llm_calls` of an empty Postgres
{postgres}. Medians over rounds ({rounds} of them), from the start of the first process to the
end of the last; in brackets the ratio to the floor.
"""
_NOTES: Final = """\
The floor loads the tap's own rows, decoded and in memory before its clock starts. Sling reads a CSV
with the table's 27 columns, so keys, prices and types are not its work. Peak memory is that of the
largest process.
"""


def main(arguments: Sequence[str]) -> int:
    """Measure, print the section, and keep it for the page."""
    options = parser_of_rounds("pipeline", __doc__, rows=1_000_000).parse_args(arguments)
    chosen: dict[str, Callable[[ways.Setting], ways.Passed]] = {
        "floor": ways.floor,
        "meltano": ways.through_meltano,
        "pipe": ways.through_a_pipe,
    }
    missing: dict[str, str] = {}
    try:
        chosen["sling"] = partial(
            ways.through_sling, environment=environment("sling", SLING.requirements)
        )
    except UnavailableError as error:
        missing["sling"] = str(error)
    passed: list[ways.Passed] = []
    with tempfile.TemporaryDirectory(prefix="bench-data-") as folder, scratch_server() as server:
        log = write_log_apart(Path(folder) / "log", options.rows)
        make_template(server)
        for turn in range(options.rounds):
            for name in [name for name in chosen if name not in missing]:
                try:
                    one = ways.go(chosen[name], server, log, options.rows)
                except BenchError as error:
                    print(f"bench: {error}", file=sys.stderr)
                    missing[name] = "it failed"
                    passed = [one for one in passed if one.way != name]
                    continue
                passed.append(one)
                print(f"round {turn + 1}, {name}: {one.rate:,.0f}/s", file=sys.stderr)
        postgres = server.version()
    if not passed:
        print("bench: nobody finished", file=sys.stderr)
        return 1
    markdown = section(passed, missing, postgres)
    print(markdown)
    if options.page:
        RESULTS.mkdir(parents=True, exist_ok=True)
        raw = json.dumps([asdict(one) for one in passed], indent=1)
        (RESULTS / "pipeline.json").write_text(raw, encoding="utf-8")
        write_fragment("pipeline", markdown)
    return 1 if "meltano" in missing else 0


def section(passed: Sequence[ways.Passed], missing: Mapping[str, str], postgres: str) -> str:
    """The section's Markdown."""
    by: dict[str, list[ways.Passed]] = {}
    for one in passed:
        by.setdefault(one.way, []).append(one)
    rounds = max(map(len, by.values()))
    parts = [
        _INTRODUCTION.format(rows=passed[0].rows, postgres=postgres, rounds=rounds),
        table(
            ["", "rows/s", "seconds", "run again, nothing new", "peak MB", "CPU s"],
            [_row(way, by, missing) for way in LABELS],
        ),
        _NOTES,
    ]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def _row(
    way: str, by: Mapping[str, Sequence[ways.Passed]], missing: Mapping[str, str]
) -> list[str]:
    if way not in by:
        return [LABELS[way], f"not available: {missing[way]}", "", "", "", ""]
    ran = by[way]
    rate = f"{median(one.rate for one in ran):,.0f}"
    if "floor" in by:
        pairs = zip(ran, by["floor"], strict=True)
        rate += f" ({median(mine.rate / least.rate for mine, least in pairs):.2f})"
    again = [one.again_seconds for one in ran if one.again_seconds is not None]
    floor = way == "floor"
    return [
        LABELS[way],
        rate,
        f"{median(one.seconds for one in ran):.1f}",
        f"{median(again):.1f} s" if again else "",
        "" if floor else f"{median(one.peak_bytes for one in ran) / 2**20:.0f}",
        "" if floor else f"{median(one.cpu_seconds for one in ran):.1f}",
    ]

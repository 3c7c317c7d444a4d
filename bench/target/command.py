"""`python -m bench target`: its options, and the rounds in turn."""

from __future__ import annotations

import json
import re
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bench.options import parser_of_rounds
from bench.page import ROOT, write_fragment
from bench.target.contenders import CONTENDERS
from bench.target.environments import UnavailableError, environment
from bench.target.records import write_inputs
from bench.target.report import section
from bench.target.rounds import FIRST, make_template, measure
from bench.target.server import BenchError, scratch_server

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from bench.target.rounds import Measured

RESULTS: Final = ROOT / ".telemetry" / "bench"


def main(arguments: Sequence[str]) -> int:
    """Measure, print the section, and keep it for the page."""
    options = _parser().parse_args(arguments)
    chosen = [each for each in CONTENDERS if not options.only or each.name in options.only]
    missing: dict[str, str] = {}
    places: dict[str, Path] = {}
    for contender in chosen:
        try:
            places[contender.name] = (
                environment(
                    re.split("[^a-z-]", contender.requirements[0])[0], contender.requirements
                )
                if contender.requirements
                else Path(sys.prefix)
            )
        except UnavailableError as error:
            missing[contender.name] = str(error)
    measured: list[Measured] = []
    with tempfile.TemporaryDirectory(prefix="bench-data-") as folder, scratch_server() as server:
        inputs = write_inputs(Path(folder), options.rows)
        make_template(server)
        for turn in range(options.rounds):
            for contender in [each for each in chosen if each.name not in missing]:
                try:
                    phases = measure(contender, places[contender.name], server, inputs)
                except BenchError as error:
                    print(f"bench: {error}", file=sys.stderr)
                    missing[contender.name] = "it failed"
                    measured = [one for one in measured if one.contender != contender.name]
                    continue
                measured += phases
                rates = ", ".join(f"{one.phase} {one.rate:,.0f}/s" for one in phases)
                print(f"round {turn + 1}, {contender.name}: {rates}", file=sys.stderr)
        postgres = server.version()
    if not any(one.phase == FIRST for one in measured):
        print("bench: nobody finished", file=sys.stderr)
        return 1
    markdown = section(measured, missing, postgres)
    print(markdown)
    if options.page:
        RESULTS.mkdir(parents=True, exist_ok=True)
        raw = json.dumps([asdict(one) for one in measured], indent=1)
        (RESULTS / "target.json").write_text(raw, encoding="utf-8")
        write_fragment("target", markdown)
    return 1 if "ours" in missing else 0


def _parser() -> argparse.ArgumentParser:
    made = parser_of_rounds("target", __doc__, rows=300_000)
    made.add_argument(
        "--only",
        nargs="+",
        metavar="NAME",
        choices=[contender.name for contender in CONTENDERS],
        help=f"who takes part: {', '.join(each.name for each in CONTENDERS)}",
    )
    return made

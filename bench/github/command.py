"""`python -m bench github`: a month of syncs with each tap, and what is missing at its end."""

from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.options import parser
from bench.page import ROOT, table, write_fragment
from bench.target.environments import UnavailableError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from bench.github.contenders import Contender
    from bench.github.losses import Losses

DAY = 86_400
RATE_LIMITED_SHARE = 0.005


@dataclass(frozen=True)
class Result:
    """How a tap came through the month."""

    name: str
    losses: Losses
    calls: int
    last_calls: int
    """Calls of the last sync, which had nothing new to fetch."""
    failed: int
    """Syncs that did not exit with 0."""
    state_bytes: int
    words: str


def main(arguments: Sequence[str]) -> int:
    """Compare the taps, print the section, and keep it for the page."""
    options = _parser().parse_args(arguments)
    sys.path.insert(0, str(ROOT / "examples"))
    from bench.github.contenders import CONTENDERS

    parts, missing = [], {}
    for title, share in (("GitHub without any failure", 0.0), (_WITH_LIMITS, RATE_LIMITED_SHARE)):
        results = []
        for contender in CONTENDERS:
            try:
                results.append(_month(contender, options.runs, options.syncs, share))
            except UnavailableError as error:
                missing[contender.name] = str(error)
        parts.append(f"### {title}\n\n{_table(results)}")
        for result in results:
            if result.failed and options.verbose:
                print(f"{result.name}: {result.words}", file=sys.stderr)
    notes = [f"{name} could not be measured: {why}." for name, why in missing.items()]
    markdown = "\n\n".join(
        ["## tap-github-actions", _INTRODUCTION.format(**vars(options)), *parts, *notes]
    )
    print(markdown)
    if options.page:
        write_fragment("github", markdown)
    return 0


_WITH_LIMITS = "One request in 200 answered with 429 and `Retry-After: 1`"

_INTRODUCTION = """\
A made-up repository with {runs:,} runs in 30 days (bursts of dozens in a second, re-runs,
deletions, runs that stay unfinished for days), served by the simulator in
`examples/github_simulator` with GitHub's caps. The first sync comes after twenty days, {syncs}
more follow until the end of the month, and two when everything has long ended. A sync that fails is
followed by the next one, from its last state. Counted is what a target keyed like the tap's streams
then lacks of all that GitHub still shows; *unfinished* are rows that say "in progress" for ever.
Each tap gets a token without an hourly quota. `python -m bench github` repeats it."""


def _month(contender: Contender, runs: int, syncs: int, share: float) -> Result:
    from bench.github.contenders import sync
    from bench.github.losses import Stored, losses
    from github_simulator import Fault, Simulator, iso
    from github_simulator.history import History, Shape

    history = History(Shape(seed=1, runs=runs, days=30, bursts=0.4, touches=0))
    clock = history.world.clock
    stored = Stored(contender)
    state: Any = None
    failed, words, last = 0, "", 0
    with (
        tempfile.TemporaryDirectory(prefix="bench-github-") as place,
        Simulator(history.world) as simulator,
    ):
        folder = Path(place)
        simulator.callers.add_token("a-token", limit=10**7)
        command = contender.prepare(simulator.url, iso(history.start), folder)
        simulator.log.clear()
        if share:
            limit = Fault.secondary_limit(status=429, retry_after=1)
            simulator.faults.add_random(share, [limit], seed=1)
        for moment in _moments(history.start + 20 * DAY, history.end, syncs, history.last_end()):
            clock.set(moment)
            before = simulator.log.count()
            done = sync(command, simulator.url, state, folder)
            stored.add(done.messages)
            states = [message["value"] for message in done.messages if message["type"] == "STATE"]
            state = states[-1] if states else state
            failed += done.code != 0
            words = done.words if done.code else words
            last = simulator.log.count() - before
        return Result(
            contender.name,
            losses(history.world, stored),
            simulator.log.count(),
            last,
            failed,
            len(json.dumps(state)),
            words,
        )


def _moments(first: int, end: int, syncs: int, last_end: int) -> list[int]:
    """Return when syncs happen: evenly spread, and twice when everything is over."""
    spread = [first + (end - first) * number // syncs for number in range(syncs + 1)]
    return [*spread, last_end + 26 * 3_600, last_end + 26 * 3_600 + 1_800]


def _table(results: Sequence[Result]) -> str:
    headers = (
        "tap",
        "runs lost",
        "attempts lost",
        "jobs lost",
        "unfinished",
        "syncs failed",
        "calls",
        "calls of a quiet sync",
        "state",
    )
    return table(headers, [_row(result) for result in results])


def _row(result: Result) -> tuple[str, ...]:
    lost = result.losses
    figures = (lost.runs, lost.attempts, lost.jobs, lost.unfinished, result.failed, result.calls)
    return (
        result.name,
        *(f"{figure:,}" for figure in figures),
        f"{result.last_calls:,}",
        f"{result.state_bytes / 1_024:,.1f} KiB",
    )


def _parser() -> argparse.ArgumentParser:
    made = parser("github", __doc__)
    made.add_argument("--runs", type=int, default=3_000, help="runs in the month (%(default)s)")
    made.add_argument(
        "--syncs", type=int, default=8, help="syncs in the last 10 days (%(default)s)"
    )
    made.add_argument("--verbose", action="store_true", help="show why syncs failed")
    return made

"""Medians of the rounds as the section of docs/benchmarks.md."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Final

from bench.page import table
from bench.target.contenders import CONTENDERS
from bench.target.rounds import CHANGED, FIRST, PHASES, RELOAD

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bench.target.rounds import Measured

_INTRODUCTION: Final = """\
## The target beside its peers

{rows:,} records of 27 columns like those of `llm_calls`, into a table with a key and three indexes,
Postgres {postgres} with default settings on the same machine. The contenders
take turns within a round; medians over rounds ({rounds} of them). Rows a
second over the whole process, from its start to its end; in brackets the ratio to this target.
"""
_NOTES: Final = """\
This target, sling and the floor write into `telemetry.llm_calls` as the migrations make it. The
other peers refuse it or alter it, so they make their own table, which then gets a unique index on
the key and three more like ours. A checkpoint is taken before each phase, and before the
second and third the table is vacuumed and analysed.
Peak memory and CPU seconds are those of the loader's own processes in the first load, server CPU
seconds those of its database sessions. *Started* is
the rate without the seconds that the same command needs for a single record.
"""


def section(
    measured: Sequence[Measured],
    missing: Mapping[str, str],
    postgres: str,
) -> str:
    """The section's Markdown.

    Args:
        measured: Every phase of every contender and round.
        missing: Contenders that could not take part, and why.
        postgres: The server's version.
    """
    figures = Figures(measured)
    rounds = max(map(len, figures.by.values()))
    parts = [
        _INTRODUCTION.format(rows=measured[0].rows, postgres=postgres, rounds=rounds),
        _speed(figures, missing),
        _NOTES,
        "\n".join(f"- {c.label.strip('*')}: {c.note}." for c in CONTENDERS if c.note),
        "### What a reload writes\n",
        _writes(figures),
    ]
    if goals := _goals(figures):
        parts += ["### Held against what it should reach\n", goals]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


class Figures:
    """Medians by contender and phase."""

    def __init__(self, measured: Sequence[Measured]) -> None:
        self.by: dict[tuple[str, str], list[Measured]] = {}
        for one in measured:
            self.by.setdefault((one.contender, one.phase), []).append(one)

    def has(self, *contenders: str) -> bool:
        """Whether all of them took part."""
        return all((name, FIRST) in self.by for name in contenders)

    def of(self, contender: str, phase: str, figure: Callable[[Measured], float]) -> float:
        """The median of a figure."""
        return median(map(figure, self.by[contender, phase]))

    def rate(self, contender: str, phase: str) -> float:
        """The median of rows a second."""
        return self.of(contender, phase, lambda one: one.rate)

    def ratio(self, contender: str, other: str, phase: str) -> float:
        """How many times as fast as the other, the median of the rounds' ratios."""
        pairs = zip(self.by[contender, phase], self.by[other, phase], strict=True)
        return median(mine.rate / theirs.rate for mine, theirs in pairs)


def _speed(figures: Figures, missing: Mapping[str, str]) -> str:
    headers = ["", *PHASES, "first load, started", "peak MB", "CPU s", "server CPU s"]
    rows = []
    for contender in CONTENDERS:
        name = contender.name
        if name in missing:
            rows.append([contender.label, f"not available: {missing[name]}", *[""] * 6])
        if not figures.has(name):
            continue
        floor = name == "floor"
        peak = figures.of(name, FIRST, lambda one: one.peak_bytes) / 2**20
        cpu = figures.of(name, FIRST, lambda one: one.cpu_seconds)
        server = figures.of(name, FIRST, lambda one: one.server_cpu_seconds)
        started = figures.of(name, FIRST, lambda one: one.steady_rate)
        rows.append(
            [
                contender.label,
                *(_rated(figures, name, phase) for phase in PHASES),
                f"{started:,.0f}",
                "" if floor else f"{peak:.0f}",
                "" if floor else f"{cpu:.1f}",
                f"{server:.1f}",
            ]
        )
    return table(headers, rows)


def _rated(figures: Figures, name: str, phase: str) -> str:
    rate = f"{figures.rate(name, phase):,.0f}"
    if not figures.has("ours"):
        return rate
    return f"{rate} ({figures.ratio(name, 'ours', phase):.2f})"


def _writes(figures: Figures) -> str:
    rows = []
    for contender in filter(lambda each: figures.has(each.name), CONTENDERS):
        name = contender.name
        wal = [figures.of(name, phase, lambda one: one.wal_bytes) for phase in PHASES]
        updated = [figures.of(name, phase, lambda one: one.updated) for phase in (FIRST, RELOAD)]
        cells = [f"{size / 2**20:,.1f}" for size in wal] + [f"{count:,.0f}" for count in updated]
        rows.append([contender.label, *cells])
    headers = [
        "",
        *(f"WAL MB, {phase}" for phase in PHASES),
        *(f"rows updated, {phase}" for phase in (FIRST, RELOAD)),
    ]
    return table(headers, rows)


def _goals(figures: Figures) -> str:
    goals = [
        ("first load ÷ meltanolabs defaults", "meltanolabs", 10.0),
        ("first load ÷ meltanolabs best settings", "meltanolabs-best", 3.0),
        ("first load ÷ pipelinewise", "pipelinewise", 3.0),
        ("first load ÷ floor", "floor", 0.9),
    ]
    if not figures.has("ours"):
        return ""
    rows = [
        [what, f"≥ {least:g}", f"{figures.ratio('ours', peer, FIRST):.2f}"]
        for what, peer, least in goals
        if figures.has(peer)
    ]
    if figures.has("floor"):
        started = figures.of("ours", FIRST, lambda one: one.steady_rate)
        ratio = started / figures.rate("floor", FIRST)
        rows.append(["the same, started", "≥ 0.9", f"{ratio:.2f}"])
    reload = figures.rate("ours", RELOAD) / figures.rate("ours", FIRST)
    rows += [
        ["identical reload ÷ first load", "≥ 1.4", f"{reload:.2f}"],
        [
            "rows updated by an identical reload",
            "0",
            f"{figures.of('ours', RELOAD, lambda one: one.updated):,.0f}",
        ],
        [
            "rows updated when all changed",
            f"{figures.of('ours', CHANGED, lambda one: one.rows):,.0f}",
            f"{figures.of('ours', CHANGED, lambda one: one.updated):,.0f}",
        ],
    ]
    return table(["", "to reach", "measured"], rows)

"""lcov's tracefiles (`lcov.info`), as gcov, istanbul, cargo-llvm-cov and many others write them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from .report import Totals, UnreadableError

FORMAT = "lcov"
COUNT = re.compile(r"-?[0-9]{1,30}")


@dataclass(slots=True)
class _File:
    """The records of one source file."""

    lines: dict[str, bool] = field(default_factory=dict)
    branches: dict[str, bool] = field(default_factory=dict)
    summary: dict[str, int] = field(default_factory=dict)

    def pair(self, found: str, hit: str, details: dict[str, bool]) -> tuple[int, int] | None:
        """Return covered and total from the details, else from the summary."""
        if details:
            return sum(details.values()), len(details)
        if found in self.summary and hit in self.summary:
            return self.summary[hit], self.summary[found]
        return None


def parse(data: bytes) -> Totals:
    """Return a report's totals; a file that several tests covered counts once.

    Raises:
        UnreadableError: It is not an lcov tracefile.
    """
    files: dict[str, _File] = {}
    current: _File | None = None
    for line in data.decode("utf-8", errors="replace").splitlines():
        kind, colon, rest = line.strip().partition(":")
        if kind == "SF" and colon:
            current = files.setdefault(rest, _File())
        elif kind == "end_of_record":
            current = None
        elif current is not None and colon:
            _note(current, kind, rest)
    if not files:
        raise UnreadableError("it has no 'SF:' record")
    if current is not None:
        raise UnreadableError("it ends in the middle of a record")
    return _sum(files)


def _note(file: _File, kind: str, rest: str) -> None:
    if kind == "DA":
        number, _, hits = rest.partition(",")
        hit = _number(hits.partition(",")[0]) > 0
        file.lines[number] = file.lines.get(number, False) or hit
    elif kind == "BRDA":
        where, _, taken = rest.rpartition(",")
        hit = taken != "-" and _number(taken) > 0
        file.branches[where] = file.branches.get(where, False) or hit
    elif kind in ("LF", "LH", "BRF", "BRH"):
        file.summary[kind] = max(file.summary.get(kind, 0), _number(rest))


def _number(text: str) -> int:
    if not COUNT.fullmatch(text.strip()):
        raise UnreadableError(f"'{text[:40]}' is not a count")
    # Counters that overflowed are written as negative: nothing to count with.
    return max(int(text), 0)


def _sum(files: dict[str, _File]) -> Totals:
    lines = [file.pair("LF", "LH", file.lines) for file in files.values()]
    branches = [file.pair("BRF", "BRH", file.branches) for file in files.values()]
    counted = [pair for pair in branches if pair is not None]
    return Totals(
        _total([pair for pair in lines if pair is not None]), _total(counted) if counted else None
    )


def _total(pairs: list[tuple[int, int]]) -> tuple[int, int]:
    return sum(covered for covered, _ in pairs), sum(total for _, total in pairs)

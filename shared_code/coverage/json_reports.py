"""The JSON reports: istanbul's `coverage-summary.json` and what coverage.py writes."""

from __future__ import annotations

from typing import Any

import msgspec

from .report import Totals, UnreadableError, count

ISTANBUL = "istanbul"
COVERAGE_PY = "coverage.py"


def parse(data: bytes) -> tuple[str, Totals]:
    """Return the form of a JSON report and its totals.

    Raises:
        UnreadableError: It is neither form.
    """
    try:
        document = msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise UnreadableError("it is not JSON") from None
    if isinstance(document, dict):
        if isinstance(total := document.get("total"), dict):
            return ISTANBUL, istanbul(total)
        if isinstance(totals := document.get("totals"), dict):
            return COVERAGE_PY, coverage_py(totals)
    raise UnreadableError("it has neither the 'total' of istanbul nor the 'totals' of coverage.py")


def istanbul(total: dict[str, Any]) -> Totals:
    """Return the totals of istanbul's summary, which nyc, jest, vitest and c8 write."""
    lines = _covered_and_total(total, "lines")
    if lines is None:
        raise UnreadableError("its 'total' has no 'lines'")
    return Totals(lines, _covered_and_total(total, "branches"))


def _covered_and_total(total: dict[str, Any], what: str) -> tuple[int, int] | None:
    part = total.get(what)
    if not isinstance(part, dict):
        return None
    return count(part.get("covered"), f"{what}.covered"), count(part.get("total"), f"{what}.total")


def coverage_py(totals: dict[str, Any]) -> Totals:
    """Return the totals of `coverage json`; branches are there when they were measured."""
    lines = (
        count(totals.get("covered_lines"), "covered_lines"),
        count(totals.get("num_statements"), "num_statements"),
    )
    if totals.get("num_branches") is None:
        return Totals(lines)
    branches = (
        count(totals.get("covered_branches"), "covered_branches"),
        count(totals["num_branches"], "num_branches"),
    )
    return Totals(lines, branches)

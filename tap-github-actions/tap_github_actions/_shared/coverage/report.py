"""What a coverage report says in the end, whatever form it came in."""

from __future__ import annotations

from dataclasses import dataclass

MAX_COUNT = 2**53
"""No project has so many lines; a report that says so is not believed."""


class UnreadableError(Exception):
    """A file is not a coverage report, or not one that can be believed; the text says why."""


@dataclass(frozen=True, slots=True)
class Report:
    """The totals of one report; a count that the report does not give is None."""

    report_name: str
    format: str
    lines_covered: int | None
    lines_total: int | None
    branches_covered: int | None
    branches_total: int | None
    percent: float | None


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file of an artifact that gave no report, and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Totals:
    """What was counted."""

    lines: tuple[int, int]
    branches: tuple[int, int] | None = None

    def report(self, name: str, form: str) -> Report:
        """Return the report of these totals.

        `percent` is the share of lines that were covered: the one figure that all forms have.
        """
        covered, total = checked(self.lines, "lines")
        branches = None if self.branches is None else checked(self.branches, "branches")
        return Report(
            report_name=name,
            format=form,
            lines_covered=covered,
            lines_total=total,
            branches_covered=branches[0] if branches else None,
            branches_total=branches[1] if branches else None,
            percent=round(100 * covered / total, 4) if total else None,
        )


def checked(pair: tuple[int, int], what: str) -> tuple[int, int]:
    """Return covered and total when they are possible."""
    covered, total = pair
    if not 0 <= covered <= total <= MAX_COUNT:
        raise UnreadableError(f"it says that {covered} of {total} {what} were covered")
    return covered, total


def count(value: object, what: str) -> int:
    """Return a count of a report, which JSON may carry as a whole float."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise UnreadableError(f"'{what}' is not a number")
    if value != value or value in (float("inf"), float("-inf")) or value != int(value):  # noqa: PLR0124 (NaN)
        raise UnreadableError(f"'{what}' is not a whole number")
    return int(value)

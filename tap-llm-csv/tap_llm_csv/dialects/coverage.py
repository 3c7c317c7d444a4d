"""Test coverage as a CSV: a row a report of a commit."""

from __future__ import annotations

from decimal import Decimal

from tap_llm_csv.dialects.model import Column, Derived, Dialect
from tap_llm_csv.records.cells import RowReject, number

_PLACES = Decimal("0.0001")
_ALL = Decimal(100)


def percent_of(covered: int | None, total: int | None, given: Decimal | None) -> Decimal | None:
    """The share of lines covered, and a check that it is one."""
    if covered is not None and total is not None and covered > total:
        raise RowReject(
            "out_of_range", "lines_covered", f"lines_covered is {covered} of only {total} lines"
        )
    if given is not None:
        if not 0 <= given <= _ALL:
            raise RowReject("out_of_range", "percent", f"percent is {given}; it goes from 0 to 100")
        return given
    if covered is None or not total:
        return None
    return (covered * _ALL / total).quantize(_PLACES)


def share(cell: str | None) -> Decimal | None:
    """`87.5` or `87.5 %`."""
    return None if cell is None else number(cell.rstrip("% "), "percent")


DIALECT = Dialect(
    name="coverage",
    stream="coverage_snapshots",
    anchors=(
        frozenset({"lines_covered", "lines_total"}),
        frozenset({"commit_sha", "percent"}),
    ),
    columns=(
        Column(
            "measured_at", ("measured_at", "timestamp", "date"), "time", required=True, filled=True
        ),
        Column("repository", ("repository", "repo")),
        Column("branch", ("branch",)),
        Column("commit_sha", ("commit_sha", "commit", "sha")),
        Column("github_run_id", ("github_run_id", "run_id"), "integer"),
        Column("run_attempt", ("run_attempt",), "integer"),
        Column("report_name", ("report_name", "report", "name")),
        Column("format", ("format",)),
        Column("lines_covered", ("lines_covered",), "integer"),
        Column("lines_total", ("lines_total",), "integer"),
        Column("branches_covered", ("branches_covered",), "integer"),
        Column("branches_total", ("branches_total",), "integer"),
        Column("_percent", ("percent", "coverage")),
    ),
    derived=(
        Derived("_share", share, ("_percent",)),
        Derived("percent", percent_of, ("lines_covered", "lines_total", "_share")),
    ),
    identity=("measured_at", "repository", "branch", "commit_sha", "report_name"),
    appended=True,
    repeats=False,
)

"""The reports about coverage, with figures computed by hand."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from support.sample_rows import NOON, insert, snapshot
from support.telemetry_command import telemetry

if TYPE_CHECKING:
    from target_telemetry_postgres.postgres.database import Database

WEEK = timedelta(days=7)


@pytest.fixture
def report(database: Database, database_url: str) -> Any:
    insert(
        database,
        "coverage_snapshots",
        snapshot(1, percent=80),
        snapshot(2, percent=82, lines_covered=82),
        snapshot(3, percent=70, measured_at=NOON - WEEK),
        snapshot(4, percent=90, branch="faster", lines_covered=180, lines_total=200),
        snapshot(5, percent=75, branch="slower", lines_covered=75),
        snapshot(6, percent=50, repository="octo/other", branch="master"),
        snapshot(7, percent=40, repository="octo/other", branch="topic", report_name="lcov.info"),
    )

    def ask(name: str, *more: str) -> list[dict[str, Any]]:
        period = ("--since", "2026-01-01", "--until", "2026-03-01")
        ran = telemetry("--url", database_url, "report", name, *period, *more, "--json")
        assert ran.code == 0, ran.err
        rows: list[dict[str, Any]] = ran.json
        return rows

    return ask


def test_the_newest_coverage_of_each_branch(report: Any) -> None:
    rows = report("coverage-latest")
    assert [(r["branch"], r["percent"], r["snapshots"]) for r in rows] == [
        ("topic", 40, 1), ("master", 50, 1), ("slower", 75, 1), ("faster", 90, 1), ("main", 82, 3),
    ]  # fmt: skip


def test_the_trend_of_a_branch(report: Any) -> None:
    main = [row for row in report("coverage-trend") if row["branch"] == "main"]
    assert [(r["week"], r["percent"], r["since_last_week"]) for r in main] == [
        ("2026-01-26", 82, 12), ("2026-01-19", 70, None),
    ]  # fmt: skip
    assert [(r["lowest"], r["highest"], r["snapshots"]) for r in main] == [(80, 82, 2), (70, 70, 1)]


def test_every_branch_against_the_default_branch(report: Any) -> None:
    rows = report("coverage-change")
    assert [(r["branch"], r["base_percent"], r["percent"], r["change"]) for r in rows] == [
        ("slower", 82, 75, -7), ("faster", 82, 90, 8), ("topic", None, 40, None),
    ]  # fmt: skip
    faster = rows[1]
    assert (faster["more_lines"], faster["more_uncovered_lines"]) == (100, 2)


def test_one_commit_against_another(report: Any) -> None:
    base, head = f"{1:040x}", f"{2:040x}"
    (row,) = report("coverage-change", "--base", base, "--head", head.upper())
    assert (row["base_percent"], row["percent"], row["change"]) == (80, 82, 2)
    assert (row["base_commit"], row["commit"]) == (base[:10], head[:10])


def test_a_branch_against_a_commit(report: Any) -> None:
    (row,) = report("coverage-change", "--base", f"{3:040x}", "--head", "faster")
    assert (row["branch"], row["change"]) == ("faster", 20)

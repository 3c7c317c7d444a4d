"""The reports about CI, with figures computed by hand."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from support.sample_rows import NOON, annotation, deployment, insert, job, run, usage
from support.telemetry_command import telemetry

if TYPE_CHECKING:
    from target_telemetry_postgres.postgres.database import Database

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
LINUX = ["ubuntu-latest"]


@pytest.fixture
def report(database: Database, database_url: str) -> Any:
    insert(
        database,
        "workflow_runs",
        run(1, repository_private=True),
        run(2, conclusion="failure", repository_private=True),
        run(2, run_attempt=2, started_at=NOON + 3 * HOUR, repository_private=True),
        run(4, conclusion="failure", repository_private=True),
        run(5, conclusion="failure"),
        run(7, completed_at=NOON + 8 * HOUR),
        run(8, repository="octo/open", repository_private=False),
        run(9, conclusion="cancelled"),
    )
    insert(
        database,
        "workflow_jobs",
        job(1, 1, runner_labels=LINUX, duration_seconds=61),
        job(2, 2, runner_labels=LINUX, conclusion="failure", duration_seconds=600),
        job(3, 2, runner_labels=LINUX, run_attempt=2, duration_seconds=300, queued_seconds=90),
        job(4, 2, runner_labels=LINUX, run_attempt=2, is_carried_over=True, queued_seconds=None),
        job(5, 1, runner_labels=["self-hosted", "ubuntu-latest"], duration_seconds=3600),
        job(6, 8, runner_labels=LINUX, repository="octo/open", duration_seconds=120),
        job(7, 4, runner_labels=["gpu-farm"], duration_seconds=60, queued_seconds=None),
        job(8, 4, runner_labels=LINUX, conclusion="skipped", queued_seconds=None),
    )
    insert(
        database,
        "deployments",
        deployment(1, commit_sha=f"{1:040x}"),
        deployment(2, succeeded_at=None, failed_at=NOON + 2 * HOUR + MINUTE),
        deployment(3),
        deployment(4, environment="staging"),
    )
    insert(
        database,
        "pull_requests",
        {
            "pull_request_id": 1,
            "repository": "octo/repo",
            "merge_commit_sha": f"{1:040x}",
            "first_commit_at": NOON - 9 * HOUR + 3 * MINUTE,
        },
    )
    insert(
        database,
        "job_annotations",
        annotation(1, 1),
        annotation(2, 2, message="Process completed with exit code 137."),
        annotation(3, 2, message="No space left on device"),
        annotation(4, 2, message="Node.js 16 is deprecated", annotation_level="warning"),
    )
    insert(database, "billing_usage", usage(1), usage(2, sku="Actions storage", unit_type="GB"))

    def ask(name: str, *more: str) -> list[dict[str, Any]]:
        period = ("--since", "2026-01-01", "--until", "2026-03-01")
        ran = telemetry("--url", database_url, "report", name, *period, *more, "--json")
        assert ran.code == 0, ran.err
        rows: list[dict[str, Any]] = ran.json
        return rows

    return ask


def test_success_at_the_first_attempt_and_at_the_last(report: Any) -> None:
    rows = {row["repository"]: row for row in report("ci-success")}
    ours = rows["octo/repo"]
    assert (ours["runs"], ours["rerun"]) == (5, 1)
    assert (ours["first_attempt"], ours["last_attempt"]) == (0.4, 0.6)


def test_the_wait_for_a_runner_by_label(report: Any) -> None:
    rows = {row["labels"]: row for row in report("queue-time")}
    assert set(rows) == {"ubuntu-latest", "self-hosted, ubuntu-latest"}
    assert (rows["ubuntu-latest"]["jobs"], rows["ubuntu-latest"]["longest_seconds"]) == (4, 90)


def test_what_was_run_again_is_waste(report: Any) -> None:
    (row,) = report("rerun-waste")
    assert (row["rerun_runs"], row["wasted_minutes"], row["minutes"]) == (1, 10, 78)
    assert row["wasted_cost"] == pytest.approx(0.06)


def test_a_branch_is_restored_by_the_next_success(report: Any) -> None:
    (row,) = report("time-to-restore")
    # Broken by run 4, and by run 5 still; run 7 ends three hours and 55 minutes after run 4 did.
    assert (row["times_broken"], row["still_broken"]) == (1, 0)
    assert row["p50_minutes"] == 235


def test_minutes_are_rounded_up_and_priced_by_label(report: Any) -> None:
    rows = {row["repository"]: row for row in report("ci-cost")}
    ours = rows["octo/repo"]
    # 2 + 10 + 5 minutes on Linux at 0.006; the machine of one's own is free, the farm unknown.
    assert (ours["minutes"], ours["jobs"], ours["jobs_without_price"]) == (78, 5, 1)
    assert ours["estimated_cost"] == pytest.approx(17 * 0.006)
    # GitHub's standard runners are free for public repositories.
    assert rows["octo/open"]["estimated_cost"] == 0


def test_what_was_billed_beside_what_was_counted(report: Any) -> None:
    rows = {row["repository"]: row for row in report("ci-billed")}
    assert rows["octo/repo"]["billed_minutes"] == 10
    assert rows["octo/repo"]["billed_gross"] == pytest.approx(0.06)
    assert rows["octo/repo"]["difference"] == pytest.approx(0.06 - 0.102)
    assert rows["octo/open"]["billed_gross"] is None


def test_the_four_figures_of_dora(report: Any) -> None:
    rows = {row["environment"]: row for row in report("dora")}
    live = rows["production"]
    assert (live["deployments"], live["change_failure_rate"]) == (2, pytest.approx(0.333))
    assert live["lead_time_hours"] == 10
    assert live["restore_minutes"] == 62
    assert live["deployments_a_week"] == pytest.approx(0.24)


def test_what_each_team_costs(report: Any) -> None:
    rows = report("bill-back", "--teams", "octo/r*=platform, octo/*=product")
    found = {row["repository"]: (row["team"], row["cost"]) for row in rows}
    assert found == {"octo/repo": ("platform", pytest.approx(0.1)), "octo/open": ("product", 0)}
    assert {row["team"] for row in report("bill-back")} == {"(no team)"}


def test_a_pattern_without_a_team_is_told(database_url: str) -> None:
    ran = telemetry("--url", database_url, "report", "bill-back", "--teams", "octo/r*")
    assert ran.code != 0
    assert "'octo/r*' has no team" in ran.err


def test_why_jobs_fail_is_grouped_by_what_is_said(report: Any) -> None:
    rows = report("job-failures")
    assert [(row["reason"], row["jobs"]) for row in rows] == [
        ("Process completed with exit code #.", 2),
        ("No space left on device", 1),
    ]

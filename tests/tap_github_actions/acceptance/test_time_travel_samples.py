"""Payloads that GitHub itself once sent, through the tap's records."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tap_github_actions.runs.records import job_record, run_record, step_records
from tap_github_actions.streams import WorkflowJobs, WorkflowRuns, WorkflowSteps

SAMPLES = Path(__file__).resolve().parents[4] / "shared" / "samples" / "github"
pytestmark = pytest.mark.skipif(not SAMPLES.is_dir(), reason="the recorded samples are not at hand")
NAMED = {"repository": "o/r", "repository_id": 1}


def load(path: str) -> Any:
    body = json.loads((SAMPLES / path).read_text(encoding="utf-8"))
    inner = body.get("body", body)
    return json.loads(inner) if isinstance(inner, str) else inner


def all_runs() -> list[dict[str, Any]]:
    runs: list[dict[str, Any]] = []
    for path in sorted(SAMPLES.rglob("*.json")):
        body = load(str(path.relative_to(SAMPLES)))
        runs += body.get("workflow_runs") or ([body] if "run_number" in body else [])
    return runs


def all_jobs() -> list[dict[str, Any]]:
    bodies = [load(str(path.relative_to(SAMPLES))) for path in sorted(SAMPLES.rglob("*.json"))]
    return [job for body in bodies for job in body.get("jobs", ())]


def test_every_recorded_run_gives_a_record_with_all_columns_and_possible_times() -> None:
    runs = all_runs()
    assert len(runs) > 100
    for run in runs:
        record = run_record(run, **NAMED, run_created_at=run["created_at"], jobs=[])
        assert set(record) == set(WorkflowRuns.schema["properties"])
        assert record["github_run_id"] == run["id"]
        assert record["workflow_name"] == run["name"]
        assert record["duration_seconds"] >= 0
        assert record["run_created_at"] == run["created_at"]


def test_every_recorded_job_and_step_gives_a_record() -> None:
    jobs = all_jobs()
    assert jobs
    for job in jobs:
        record = job_record(job, repository="o/r", attempt=1)
        assert set(record) == set(WorkflowJobs.schema["properties"])
        assert record["duration_seconds"] >= 0
        for step in step_records(job, repository="o/r", attempt=1):
            assert set(step) == set(WorkflowSteps.schema["properties"])
            assert step["duration_seconds"] >= 0


def test_eight_of_the_nine_jobs_of_the_recorded_partial_rerun_were_carried_over() -> None:
    jobs = load("rerun_partial_audioRecorder/jobs_attempt2_carried_over.json")["jobs"]
    records = [job_record(job, repository="o/r", attempt=2) for job in jobs]
    ran = [record for record in records if not record["is_carried_over"]]
    assert (len(records), [record["job_name"] for record in ran]) == (
        9,
        ["Deploy to Railway (after CI)"],
    )
    assert ran[0]["queued_seconds"] == 2
    assert {each["queued_seconds"] for each in records if each["is_carried_over"]} == {None}


def test_the_recorded_attempt_takes_its_creation_from_the_run() -> None:
    listed, attempt = (
        load(f"pygithub/{name}")
        for name in (
            "328_WorkflowRun.testGetAttempt_200.json",
            "329_WorkflowRun.testGetAttempt_200.json",
        )
    )
    by_created = sorted((listed, attempt), key=lambda run: run["created_at"])
    run, second = by_created
    assert run["created_at"] != second["created_at"]
    record = run_record(second, **NAMED, run_created_at=run["created_at"], jobs=[])
    assert record["run_created_at"] == run["created_at"]
    assert record["started_at"] == second["run_started_at"]


def test_the_recorded_run_touched_after_four_hundred_days_did_not_last_so_long() -> None:
    run = load("rerun_WebQx_MMT/04_run_attempt4.json")
    jobs = load("rerun_WebQx_MMT/06_jobs_attempt4.json")["jobs"]
    late = {**run, "updated_at": "2026-10-13T18:28:11Z"}
    record = run_record(late, **NAMED, run_created_at=run["created_at"], jobs=jobs)
    assert record["completed_at"] == jobs[0]["completed_at"]
    assert record["duration_seconds"] == 43

"""Payloads → records: what GitHub's fields mean."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_github_actions.runs.records import (
    is_carried_over,
    is_whole,
    job_record,
    run_record,
    step_records,
)
from tap_github_actions.times import normal_time, parse_time

SAMPLES = Path(__file__).parents[4] / "shared" / "samples" / "github"
needs_samples = pytest.mark.skipif(not SAMPLES.is_dir(), reason="the real payloads are not here")

RUN = {
    "id": 26_365_060_973,
    "name": "CI",
    "path": ".github/workflows/ci.yml",
    "run_number": 7,
    "run_attempt": 2,
    "event": "push",
    "status": "completed",
    "conclusion": "success",
    "workflow_id": 1,
    "created_at": "2026-05-29T15:42:07Z",
    "run_started_at": "2026-05-29T15:42:05Z",
    "updated_at": "2026-05-29T15:43:47Z",
}
JOB = {
    "id": 68_400_064_061,
    "run_id": 26_365_060_973,
    "run_attempt": 2,
    "name": "build",
    "status": "completed",
    "conclusion": "success",
    "created_at": "2026-05-29T15:42:08Z",
    "started_at": "2026-05-29T15:42:11Z",
    "completed_at": "2026-05-29T15:43:40Z",
    "labels": ["ubuntu-latest"],
    "runner_name": "GitHub Actions 1",
}
CARRIED = {
    **JOB,
    "id": 1,
    "started_at": "2026-05-24T15:20:10Z",
    "completed_at": "2026-05-24T15:21:10Z",
}
SKIPPED = {
    **JOB,
    "id": 2,
    "conclusion": "skipped",
    "started_at": "2026-05-29T15:50:01Z",
    "completed_at": "2026-05-29T15:50:00Z",
    "runner_name": None,
    "steps": [],
}


def record(run: Any = RUN, jobs: Any = (), created: str = "2026-05-24T15:20:04Z") -> dict[str, Any]:
    return run_record(
        run, repository="o/r", repository_id=5, run_created_at=created, jobs=list(jobs)
    )


def sample(name: str) -> Any:
    body = json.loads((SAMPLES / name).read_text(encoding="utf-8"))
    return body.get("body", body)


def test_the_creation_is_the_runs_and_never_the_attempts() -> None:
    assert record()["run_created_at"] == "2026-05-24T15:20:04Z"


def test_a_run_ends_with_its_last_executed_job() -> None:
    made = record(jobs=[JOB, CARRIED, SKIPPED])
    assert made["completed_at"] == "2026-05-29T15:43:40Z"
    assert made["duration_seconds"] == 95


def test_a_run_without_executed_jobs_ends_when_it_was_last_updated() -> None:
    assert record(jobs=[SKIPPED, CARRIED])["completed_at"] == RUN["updated_at"]
    assert record()["completed_at"] == RUN["updated_at"]


def test_a_duration_is_never_negative() -> None:
    assert record({**RUN, "updated_at": "2026-05-29T15:42:00Z"})["duration_seconds"] == 0
    assert job_record(SKIPPED, repository="o/r", attempt=2)["duration_seconds"] == 0


def test_a_job_from_an_earlier_attempt_is_marked_and_did_not_queue() -> None:
    made = job_record(CARRIED, repository="o/r", attempt=2)
    assert made["is_carried_over"] is True
    assert made["queued_seconds"] is None


def test_a_job_of_the_first_attempt_is_never_carried_over() -> None:
    assert not is_carried_over({**CARRIED, "run_attempt": 1})


def test_a_job_queues_from_its_creation_to_its_start() -> None:
    assert job_record(JOB, repository="o/r", attempt=2)["queued_seconds"] == 3


def test_a_skipped_job_did_not_queue() -> None:
    assert job_record(SKIPPED, repository="o/r", attempt=2)["queued_seconds"] is None


def test_a_job_that_started_before_it_was_created_queued_for_no_time() -> None:
    early = {**JOB, "run_attempt": 1, "created_at": "2026-05-29T15:42:12Z"}
    assert job_record(early, repository="o/r", attempt=1)["queued_seconds"] == 0


def test_unknown_words_pass_through() -> None:
    made = record({**RUN, "status": "brand_new", "conclusion": "never_seen"})
    assert (made["status"], made["conclusion"]) == ("brand_new", "never_seen")


def test_ghosts_and_deleted_forks_are_nulls() -> None:
    made = record({**RUN, "actor": None, "triggering_actor": None, "head_repository": None})
    assert (made["actor"], made["triggering_actor"], made["head_repository"]) == (None, None, None)


def test_a_payload_from_before_attempts_were_numbered_is_the_first() -> None:
    old = {key: value for key, value in RUN.items() if key not in ("run_attempt", "run_started_at")}
    made = record(old)
    assert made["run_attempt"] == 1
    assert made["started_at"] == "2026-05-24T15:20:04Z"


def test_a_run_is_whole_only_when_every_job_has_ended() -> None:
    assert is_whole([JOB, SKIPPED])
    assert not is_whole([JOB, {**JOB, "completed_at": None}])


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2021-11-05T10:00:00Z", "2021-11-05T10:00:00Z"),
        ("2021-11-05T10:00:00.000Z", "2021-11-05T10:00:00Z"),
        ("2021-11-05T18:00:00.000+08:00", "2021-11-05T10:00:00Z"),
        ("2021-11-05T10:00:00.5Z", "2021-11-05T10:00:00.500000Z"),
        ("2021-11-05T10:00:00.1234567Z", "2021-11-05T10:00:00.123456Z"),
        ("0001-01-01T00:00:00Z", None),
        ("", None),
        (None, None),
        ("soon", None),
    ],
)
def test_times_are_read_in_every_form_github_has_used(
    written: str | None, read: str | None
) -> None:
    assert normal_time(written) == read


@given(st.datetimes(min_value=datetime(2000, 1, 1), timezones=st.just(timezone.utc)))  # noqa: DTZ001 - hypothesis wants it naive
def test_a_written_time_reads_as_itself(moment: datetime) -> None:
    assert parse_time(normal_time(moment.isoformat())) == moment


def test_steps_carry_their_run_and_job() -> None:
    job = {**JOB, "steps": [{"number": 9, "name": "x", "status": "completed", "started_at": None}]}
    (step,) = step_records(job, repository="o/r", attempt=2)
    assert (step["github_job_id"], step["step_number"]) == (JOB["id"], 9)
    assert step["duration_seconds"] is None


@needs_samples
def test_a_real_partial_rerun_has_eight_carried_over_jobs_of_nine() -> None:
    jobs = sample("rerun_partial_audioRecorder/jobs_attempt2_carried_over.json")["jobs"]
    assert sum(is_carried_over(job) for job in jobs) == 8
    made = [job_record(job, repository="o/r", attempt=2) for job in jobs]
    assert all((each["queued_seconds"] is None) == each["is_carried_over"] for each in made)


@needs_samples
def test_a_real_attempt_has_another_creation_than_its_run() -> None:
    run = sample("pygithub/328_WorkflowRun.testGetAttempt_200.json")
    attempt = sample("pygithub/329_WorkflowRun.testGetAttempt_200.json")
    assert attempt["created_at"] != run["created_at"]
    assert record(attempt, created=run["created_at"]) == record(run, created=run["created_at"])


@needs_samples
@pytest.mark.parametrize(
    "name", sorted(each.name for each in SAMPLES.iterdir()) if SAMPLES.is_dir() else []
)
def test_every_real_run_becomes_a_record(name: str) -> None:
    for path in (SAMPLES / name).glob("*.json"):
        for run in sample(f"{name}/{path.name}").get("workflow_runs", []):
            made = record(run, created=run["created_at"])
            assert made["github_run_id"] == run["id"]
            assert made["duration_seconds"] is None or made["duration_seconds"] >= 0

"""Runs of the simulator live by its clock: attempts, jobs, re-runs, deletions, renames."""

from __future__ import annotations

from typing import Any

import pytest

from github_simulator import JobPlan, final_records, iso
from support.github import NAME, NOON, simulated, small_world


def test_a_run_is_queued_then_in_progress_then_completed_as_time_passes() -> None:
    world, repository = small_world()
    workflow = world.add_workflow(repository, "CI")
    run = world.add_run(workflow, created=NOON + 10, jobs=[JobPlan("a", queued=5, seconds=20)])
    seen = []
    with simulated(world) as github:
        for moment in (9, 10, 14, 15, 34, 60):
            world.clock.set(NOON + moment)
            response = github.get(f"/repos/{NAME}/actions/runs/{run.id}")
            body = response.json()
            seen.append((response.status_code, body.get("status"), body.get("conclusion")))
    assert seen == [
        (404, "404", None),
        (200, "queued", None),
        (200, "queued", None),
        (200, "in_progress", None),
        (200, "in_progress", None),
        (200, "completed", "success"),
    ]


def test_a_job_shows_no_end_before_it_has_ended_and_no_runner_before_it_started() -> None:
    world, repository = small_world()
    workflow = world.add_workflow(repository, "CI")
    run = world.add_run(workflow, created=NOON, jobs=[JobPlan("a", queued=5, seconds=20)])

    def job() -> dict[str, Any]:
        return github.actions(f"/runs/{run.id}/jobs")["jobs"][0]

    with simulated(world) as github:
        queued = job()
        world.clock.set(NOON + 12)
        running = job()
        world.clock.set(NOON + 25)
        done = job()
    assert (queued["status"], queued["started_at"]) == ("queued", queued["created_at"])
    assert (queued["runner_name"], queued["steps"], queued["completed_at"]) == (None, [], None)
    assert (running["status"], running["completed_at"]) == ("in_progress", None)
    assert running["started_at"] == iso(NOON + 5)
    assert [step["status"] for step in running["steps"]] == ["completed", "in_progress"]
    assert (done["status"], done["conclusion"]) == ("completed", "success")
    assert done["completed_at"] == iso(NOON + 25)


def test_a_waiting_run_says_so_until_it_is_approved() -> None:
    world, repository = small_world()
    run = world.add_run(world.add_workflow(repository, "Deploy"), created=NOON, waiting=3_600)
    with simulated(world) as github:
        assert github.actions(f"/runs/{run.id}")["status"] == "waiting"
        world.clock.advance(3_610)
        assert github.actions(f"/runs/{run.id}")["status"] == "in_progress"


def test_an_attempt_has_its_own_creation_two_seconds_after_its_start() -> None:
    world, repository = small_world()
    run = world.add_run(world.add_workflow(repository, "CI"), created=NOON - 5_000)
    world.rerun(run, at=NOON - 1_000)
    with simulated(world) as github:
        shown = github.actions(f"/runs/{run.id}")
        second = github.actions(f"/runs/{run.id}/attempts/2")
        first = github.actions(f"/runs/{run.id}/attempts/1")
    assert (shown["created_at"], shown["run_attempt"]) == (iso(NOON - 5_000), 2)
    assert (second["run_started_at"], second["created_at"]) == (iso(NOON - 1_000), iso(NOON - 998))
    assert (first["created_at"], first["run_attempt"]) == (iso(NOON - 5_000), 1)
    assert second["previous_attempt_url"].endswith(f"/runs/{run.id}/attempts/1")
    differing = {key for key in shown if shown[key] != second[key]}
    assert differing == {"created_at", "jobs_url", "logs_url"}


def test_a_partial_rerun_carries_the_other_jobs_over_with_their_old_times() -> None:
    world, repository = small_world()
    jobs = [JobPlan("good"), JobPlan("bad", conclusion="failure")]
    run = world.add_run(world.add_workflow(repository, "CI"), created=NOON - 5_000, jobs=jobs)
    world.rerun(run, at=NOON - 1_000, only_failed=True)
    with simulated(world) as github:
        before = github.actions(f"/runs/{run.id}/attempts/1/jobs")["jobs"]
        after = github.actions(f"/runs/{run.id}/attempts/2/jobs")["jobs"]
        latest = github.actions(f"/runs/{run.id}/jobs")["jobs"]
        everything = github.actions(f"/runs/{run.id}/jobs?filter=all")["jobs"]
    carried, rerun = after
    assert carried["id"] != before[0]["id"]
    assert carried["run_attempt"] == 2
    assert carried["started_at"] == before[0]["started_at"] < carried["created_at"]
    assert rerun["started_at"] >= rerun["created_at"]
    assert latest == after
    assert everything == before + after


def test_updated_at_moves_when_nothing_else_does() -> None:
    world, repository = small_world()
    run = world.add_run(world.add_workflow(repository, "CI"), created=NOON - 5_000)
    with simulated(world) as github:
        before = github.actions(f"/runs/{run.id}")
        world.touch(run)
        after = github.actions(f"/runs/{run.id}")
    assert after["updated_at"] == iso(NOON)
    assert {key for key in before if before[key] != after[key]} == {"updated_at"}


def test_a_deleted_run_is_gone_everywhere() -> None:
    world, repository = small_world()
    run = world.add_run(world.add_workflow(repository, "CI"), created=NOON - 5_000)
    job = run.attempts[0].jobs[0]
    with simulated(world) as github:
        world.delete_run(run, at=NOON + 5)
        assert len(github.runs()) == 1
        world.clock.advance(5)
        assert github.runs() == []
        paths = ("", "/jobs", "/attempts/1", "/attempts/1/jobs", "/artifacts")
        for path in (*(f"/runs/{run.id}{path}" for path in paths), f"/jobs/{job.id}"):
            assert github.get(f"/repos/{NAME}/actions{path}").status_code == 404


def test_a_renamed_repository_redirects_to_its_id() -> None:
    world, repository = small_world()
    world.add_run(world.add_workflow(repository, "CI"), created=NOON - 5_000)
    with simulated(world) as github:
        world.rename(repository, "octo-org/new-name")
        moved = github.get(f"/repos/{NAME}/actions/runs?per_page=5")
        assert moved.status_code == 301
        target = f"{github.simulator.url}/repositories/{repository.id}/actions/runs?per_page=5"
        assert moved.headers["Location"] == target
        run = github.get(target).json()["workflow_runs"][0]
    assert run["repository"]["full_name"] == "octo-org/new-name"


def test_an_invalid_workflow_file_gives_a_failed_run_without_jobs_named_after_its_path() -> None:
    world, repository = small_world()
    workflow = world.add_workflow(repository, "CI")
    world.add_run(workflow, created=NOON - 100, invalid_file=True)
    with simulated(world) as github:
        run = github.runs()[0]
        assert github.actions(f"/runs/{run['id']}/jobs")["jobs"] == []
    assert run["name"] == run["path"] == workflow.path
    assert (run["conclusion"], run["created_at"]) == ("failure", run["updated_at"])


def test_a_world_that_could_not_be_is_refused() -> None:
    world, repository = small_world()
    workflow = world.add_workflow(repository, "CI")
    run = world.add_run(workflow, created=NOON, jobs=[JobPlan("a", seconds=600)])
    with pytest.raises(ValueError, match="still busy"):
        world.rerun(run, at=NOON + 60)
    with pytest.raises(ValueError, match="over a month"):
        world.rerun(run, at=NOON + 31 * 86_400)
    with pytest.raises(ValueError, match="count up in order of creation"):
        world.add_run(workflow, created=NOON - 1)


def test_the_truth_holds_ended_attempts_of_existing_runs_only() -> None:
    world, repository = small_world()
    workflow = world.add_workflow(repository, "CI")
    ended = world.add_run(workflow, created=NOON - 500)
    deleted = world.add_run(workflow, created=NOON - 400)
    world.add_run(workflow, created=NOON - 10, jobs=[JobPlan("a", seconds=600)])
    world.rerun(ended, at=NOON - 5, jobs={"build": JobPlan("build", seconds=900)})
    world.delete_run(deleted)
    assert set(final_records(world)["workflow_runs"]) == {(ended.id, 1)}
    assert set(final_records(world, deleted=True)["workflow_runs"]) == {
        (ended.id, 1),
        (deleted.id, 1),
    }
    world.clock.advance(10_000)
    assert len(final_records(world)["workflow_runs"]) == 3

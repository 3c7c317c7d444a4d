"""The steps of the telemetry workflow, run in order as a GitHub runner would."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import psycopg
import pytest

from github_simulator.demo import REPOSITORY
from support.actions import JobRun, Runner, job_of
from support.project import QUIET, ROOT, clean_environment, copy_repository

if TYPE_CHECKING:
    from pathlib import Path

    from github_simulator import Simulator

JOB = job_of(ROOT / ".github/workflows/telemetry.yml", "ingest")
CSV_STEP, GITHUB_STEP = "Load the LLM telemetry files", "Load the GitHub Actions runs"


def run_on_a_new_runner(
    folder: Path,
    simulator: Simulator,
    database_url: str,
    token: str = "another",
    page: str = "false",
) -> JobRun:
    """An empty checkout, nothing installed, no `.meltano/`, GitHub's variables."""
    workspace = copy_repository(folder / "workspace")
    files = workspace / "files" / ".telemetry"
    files.mkdir(parents=True)
    shutil.copy(ROOT / "examples" / "usage.csv", files)
    environment = clean_environment(
        CI="true",
        GITHUB_ACTIONS="true",
        GITHUB_API_URL=simulator.url,
        GITHUB_REPOSITORY=REPOSITORY,
        GITHUB_RUN_ID="4711",
        GITHUB_WORKSPACE=str(workspace),
    )
    for name in QUIET:
        environment.pop(name)
    values = {
        "secrets.DATABASE_URL": database_url,
        "github.token": token,
        "inputs.csv-path || '.telemetry'": ".telemetry",
        "inputs.since": "",
        "inputs.page": page,
    }
    return Runner(workspace, environment, values).run(JOB)


def count(database_url: str, table: str) -> int:
    with psycopg.connect(database_url) as connection:
        found = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    assert found is not None
    return int(found[0])


def test_the_second_run_on_a_new_runner_is_incremental(
    tmp_path: Path, simulated_github: Simulator, empty_database_url: str
) -> None:
    first = run_on_a_new_runner(tmp_path / "first", simulated_github, empty_database_url)
    assert not first.failed, [step for step in first.steps if step.outcome == "failure"]
    assert "| workflow_runs " in first.summary
    assert count(empty_database_url, "meltano.state") == 2
    stored = {
        t: count(empty_database_url, f"telemetry.{t}") for t in ("llm_calls", "workflow_jobs")
    }
    assert min(stored.values()) > 100
    asked = simulated_github.log.count()

    assert first.step("Write the page").outcome == "skipped"
    second = run_on_a_new_runner(
        tmp_path / "second", simulated_github, empty_database_url, page="true"
    )
    assert (tmp_path / "second" / "workspace" / "page" / "telemetry.html").is_file()
    assert not second.failed, [step for step in second.steps if step.outcome == "failure"]
    assert simulated_github.log.count() - asked <= 3
    assert stored == {t: count(empty_database_url, f"telemetry.{t}") for t in stored}


def test_a_failing_tap_is_visible_and_does_not_keep_the_other_from_loading(
    tmp_path: Path, simulated_github: Simulator, empty_database_url: str
) -> None:
    simulated_github.callers.add_token("another")
    run = run_on_a_new_runner(tmp_path, simulated_github, empty_database_url, token="revoked")
    assert run.failed
    assert run.step(CSV_STEP).outcome == "success"
    assert run.step(GITHUB_STEP).outcome == "failure"
    assert "GITHUB_TOKEN" in run.step(GITHUB_STEP).output
    assert "revoked" not in run.step(GITHUB_STEP).output.replace("expired or revoked", "")
    assert run.step("Prune").outcome == "success"
    assert "| llm_calls " in run.summary
    assert count(empty_database_url, "telemetry.llm_calls") > 100


def test_a_missing_database_url_fails_in_plain_words_before_anything_is_installed(
    tmp_path: Path, simulated_github: Simulator
) -> None:
    run = run_on_a_new_runner(tmp_path, simulated_github, "")
    assert run.failed
    assert "DATABASE_URL is missing" in run.step("Check the settings").output
    assert run.step("Install").outcome == "skipped"
    assert run.step("Summary").outcome == "skipped"


@pytest.mark.parametrize("workflow", sorted((ROOT / ".github/workflows").glob("*.yml")))
def test_a_workflow_gives_no_permission_by_default(workflow: Path) -> None:
    assert "\npermissions: {}\n" in workflow.read_text(encoding="utf-8")

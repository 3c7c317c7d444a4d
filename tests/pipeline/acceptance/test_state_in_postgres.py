"""In `prod` Meltano's state lives in the same Postgres: runners come and go, runs go on."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING

import psycopg
import pytest

from github_simulator import Fault, final_records
from support.project import BIN, Project

if TYPE_CHECKING:
    from collections.abc import Iterator

    from github_simulator import Simulator

RUN = ("--environment=prod", "run", "tap-github-actions", "target-telemetry-postgres")


@pytest.fixture
def prod(demo_project: Project, empty_database_url: str) -> Project:
    """The project with `DATABASE_URL`, its state in the schema `meltano` of that database."""
    uri = demo_project.telemetry("--url", empty_database_url, "url", "--meltano").out.strip()
    variables = {"DATABASE_URL": empty_database_url, "MELTANO_DATABASE_URI": uri}
    return Project(demo_project.root, {**demo_project.environment, **variables})


@pytest.fixture
def slow_github(simulated_github: Simulator) -> Iterator[Simulator]:
    """GitHub takes its time for jobs, so that a run can be met in the middle."""
    simulated_github.faults.add(Fault.slow(0.2, match="/jobs", times=None))
    yield simulated_github
    simulated_github.faults.clear()


def begin(project: Project) -> subprocess.Popen[str]:
    """Start a run and leave it alone."""
    return subprocess.Popen(
        [str(BIN / "meltano"), *RUN],
        cwd=project.root,
        env=project.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def wait_for_jobs(simulator: Simulator, more: int) -> None:
    """Wait until so many more requests for jobs were made."""
    before = simulator.log.count("/jobs")
    deadline = time.monotonic() + 120
    while simulator.log.count("/jobs") < before + more:
        assert time.monotonic() < deadline, "the run never came to its jobs"
        time.sleep(0.05)


def keys(url: str) -> set[tuple[int, int]]:
    with psycopg.connect(url) as connection:
        found = connection.execute(
            "SELECT github_run_id, run_attempt FROM telemetry.workflow_runs"
        ).fetchall()
    return {(int(run), int(attempt)) for run, attempt in found}


def test_a_run_stopped_by_the_runners_time_limit_goes_on_in_the_next(
    prod: Project, slow_github: Simulator, empty_database_url: str
) -> None:
    first = begin(prod)
    wait_for_jobs(slow_github, 8)
    os.killpg(first.pid, signal.SIGTERM)
    said, _ = first.communicate(timeout=120)
    assert first.returncode != 0, said

    slow_github.faults.clear()
    prod.meltano(*RUN)
    expected = final_records(slow_github.world)["workflow_runs"]
    repository = prod.environment["GITHUB_REPOSITORY"]
    wanted = {key for key, record in expected.items() if record["repository"] == repository}
    assert keys(empty_database_url) == wanted


def test_two_runners_exclude_each_other(prod: Project, slow_github: Simulator) -> None:
    first = begin(prod)
    try:
        wait_for_jobs(slow_github, 2)
        second = prod.meltano(*RUN, check=False)
    finally:
        slow_github.faults.clear()
        said, _ = first.communicate(timeout=240)
    assert first.returncode == 0, said
    assert second.code == 1
    assert "already running" in second.text


def test_the_state_outlives_the_runner(
    prod: Project, simulated_github: Simulator, empty_database_url: str
) -> None:
    prod.meltano(*RUN)
    asked = simulated_github.log.count()
    with psycopg.connect(empty_database_url) as connection:
        stored = connection.execute("SELECT count(*) FROM meltano.state").fetchone()
    assert stored == (1,)
    prod.meltano(*RUN)
    assert simulated_github.log.count() - asked <= 3

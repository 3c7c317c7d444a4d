"""Coverage reports in the runs' artifacts, from the simulator to the stream."""

from __future__ import annotations

import io
import json
import zipfile

import pytest

from github_simulator import Clock, Simulator, World
from support.tap_github import run_tap

DAY = 86_400
NOON = 1_780_000_000
LCOV = b"TN:\nSF:a.py\nDA:1,1\nDA:2,0\nDA:3,1\nLF:3\nLH:2\nend_of_record\n"


def zipped(**files: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in files.items():
            archive.writestr(name.replace("_", "."), content)
    return packed.getvalue()


@pytest.fixture
def world() -> World:
    world = World(clock=Clock(NOON))
    workflow = world.add_workflow(world.add_repository("octo-org/app"), "CI")
    for number in range(3):
        run = world.add_run(workflow, created=NOON - DAY + number * 60, branch=f"b{number}")
        world.add_artifact(run, f"coverage-{number}", zipped(lcov_info=LCOV, notes_txt=b"-"))
        world.add_artifact(run, "logs", zipped(a_txt=b"nothing"))
        world.add_artifact(run, "coverage-old", zipped(lcov_info=LCOV), expired=True)
    return world


def test_reports_become_snapshots_and_only_wanted_artifacts_are_downloaded(world: World) -> None:
    with Simulator(world) as github:
        output = run_tap(github, coverage_artifacts=["coverage-*"])
        assert len(github.blob_log.entries) == 3
        assert all("authorization" not in each.headers for each in github.blob_log.entries)
    snapshots = list(output.records["coverage_snapshots"].values())
    assert sorted(each["branch"] for each in snapshots) == ["b0", "b1", "b2"]
    first = snapshots[0]
    assert (first["lines_covered"], first["lines_total"], first["format"]) == (2, 3, "lcov")
    assert first["report_name"].endswith("/lcov.info")
    assert first["percent"] == pytest.approx(66.6667)
    assert first["measured_at"]


def test_the_same_report_has_the_same_id_in_every_sync(world: World) -> None:
    with Simulator(world) as github:
        first = run_tap(github, coverage_artifacts="coverage-*")
        again = run_tap(github, coverage_artifacts="coverage-*")
    assert first.records["coverage_snapshots"] == again.records["coverage_snapshots"]


def test_without_the_setting_artifacts_cost_nothing(world: World) -> None:
    with Simulator(world) as github:
        output = run_tap(github)
        assert github.log.count("artifacts") == 0
    assert "coverage_snapshots" not in output.records


def test_an_artifact_that_is_no_zip_is_told_and_skipped(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    run = next(iter(world.runs.values()))
    world.add_artifact(run, "coverage-broken", json.dumps({}).encode())
    with Simulator(world) as github, caplog.at_level("INFO"):
        output = run_tap(github, coverage_artifacts=["coverage-*"])
    assert len(output.records["coverage_snapshots"]) == 3
    assert "coverage-broken was not read" in caplog.text


def test_each_of_several_new_attempts_has_its_own_reports() -> None:
    world = World(clock=Clock(NOON))
    workflow = world.add_workflow(world.add_repository("octo-org/app"), "CI")
    run = world.add_run(workflow, created=NOON - DAY)
    world.add_artifact(run, "coverage", zipped(lcov_info=LCOV))
    for _ in range(2):
        world.rerun(run, at=run.attempts[-1].ended + 600)
        world.add_artifact(run, "coverage", zipped(lcov_info=LCOV.replace(b"2,0", b"2,1")))
    with Simulator(world) as github:
        output = run_tap(github, coverage_artifacts=["coverage"])
    covered = {
        each["run_attempt"]: each["lines_covered"]
        for each in output.records["coverage_snapshots"].values()
    }
    assert covered == {1: 2, 2: 3, 3: 3}
    assert len(output.records["coverage_snapshots"]) == 3

"""The demo's month, and the command that serves it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests

from github_simulator import final_records, iso
from github_simulator.demo import DAYS, REPOSITORY, anchored, demo_world
from github_simulator.payloads import Payloads
from github_simulator.world import DAY
from support.github import NOON

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[3]
SAMPLES = ROOT.parent / "shared" / "samples" / "github"


def test_the_same_anchor_gives_the_same_month_down_to_every_id() -> None:
    assert final_records(demo_world(NOON)) == final_records(demo_world(NOON))


def test_the_month_holds_what_a_team_sees_and_ends_before_its_anchor() -> None:
    records = final_records(demo_world(NOON))
    runs = records["workflow_runs"].values()
    assert 200 < len(runs) < 400
    assert min(run["run_created_at"] for run in runs) >= iso(NOON - DAYS * DAY)
    assert max(run["completed_at"] for run in runs) <= iso(NOON)
    conclusions = Counter(run["conclusion"] for run in runs)
    assert conclusions.keys() == {"success", "failure", "cancelled"}
    assert any(run["run_attempt"] > 1 for run in runs)
    assert any(run["workflow_name"] == run["workflow_path"] for run in runs)
    assert any(run["head_repository"] != run["repository"] for run in runs)
    assert any(job["is_carried_over"] for job in records["workflow_jobs"].values())


def test_the_anchor_is_kept_in_its_file(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "anchor.json"
    first = anchored(file)
    file.write_text(json.dumps({"anchor": first - 5}))
    assert anchored(file) == first - 5
    file.write_text("{}")
    with pytest.raises(ValueError, match="delete it to start anew"):
        anchored(file)


def test_the_command_serves_until_it_is_told_to_stop(tmp_path: Path) -> None:
    url_file = tmp_path / "url"
    with start("--demo", "--anchor-file", tmp_path / "anchor", "--url-file", url_file) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert url_file.read_text() == f"{url}\n"
        response = requests.get(f"{url}/repos/{REPOSITORY}/actions/runs", timeout=10)
        assert response.json()["total_count"] > 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


def test_a_port_that_is_taken_is_one_sentence(tmp_path: Path) -> None:
    with start() as process:
        assert process.stdout is not None
        port = process.stdout.readline().strip().rsplit(":", 1)[1]
        with start("--port", port) as second:
            _, said = second.communicate(timeout=10)
        process.terminate()
    assert second.returncode == 1
    assert said.startswith("The GitHub simulator cannot start")
    assert "Traceback" not in said


@contextmanager
def start(*arguments: object) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "github_simulator", *map(str, arguments)]
    with subprocess.Popen(
        command,
        env={**os.environ, "PYTHONPATH": str(ROOT / "examples")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the recorded samples are not at hand")
def test_payloads_have_the_fields_of_recorded_ones() -> None:
    recorded_run = json.loads((SAMPLES / "rerun_WebQx_MMT" / "04_run_attempt4.json").read_text())
    jobs = "rerun_partial_audioRecorder/jobs_attempt2_carried_over.json"
    recorded_job = json.loads((SAMPLES / jobs).read_text())["jobs"][0]
    world = demo_world(NOON)
    run = next(run for run in world.runs.values() if run.pull_requests)
    attempt = run.attempts[0]
    payloads = Payloads("http://127.0.0.1")
    now = int(time.time())
    same_fields(payloads.run(run, attempt, now), recorded_run)
    same_fields(payloads.job(run, attempt, attempt.jobs[0], now), recorded_job)


def same_fields(made: dict[str, Any], recorded: dict[str, Any]) -> None:
    assert list(made) == list(recorded)
    for name, value in recorded.items():
        if isinstance(value, dict) and name != "head_commit":
            assert list(made[name]) == list(value), name
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            assert list(made[name][0]) == list(value[0]), name

"""The tap as a program: manners of a Singer tap, settings, failures in plain words."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest
from singer_sdk.testing import SuiteConfig, get_tap_test_class

from github_simulator import Clock, Fault, JobPlan, Simulator, World, final_records
from support.tap_github import KEYS
from tap_github_actions import settings
from tap_github_actions.errors import ConfigError
from tap_github_actions.tap import TapGitHubActions

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DAY, HOUR = 86_400, 3_600
TAP = [sys.executable, "-m", "tap_github_actions"]


def small_world(count: int = 30) -> World:
    world = World(clock=Clock())
    workflow = world.add_workflow(world.add_repository("octo-org/app"), "CI")
    start = world.clock.now() - 5 * DAY
    for number in range(count):
        world.add_run(workflow, created=start + number * 600, jobs=[JobPlan("a"), JobPlan("b")])
    return world


_WORLD = small_world()
_SIMULATOR = Simulator(_WORLD)
_SIMULATOR.start()
_CONFIG = {
    "repositories": ["octo-org/app"],
    "auth_token": "t0ken",
    "api_url_base": _SIMULATOR.url,
}

TestTap = get_tap_test_class(
    TapGitHubActions,
    config=_CONFIG,
    parse_env_config=False,
    suite_config=SuiteConfig(
        ignore_no_records_for_streams=[
            "coverage_snapshots",
            "github_gaps",
            "pull_requests",
            "deployments",
            "job_annotations",
            "billing_usage",
        ]
    ),
)


@pytest.fixture
def github() -> Iterator[Simulator]:
    with Simulator(small_world()) as simulator:
        yield simulator


def environment(**more: Any) -> dict[str, str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("GITHUB_", "TAP_GITHUB"))}
    return clean | {"PYTHONUNBUFFERED": "1"} | more


def run(
    *arguments: str,
    config: Any = None,
    tmp_path: Path | None = None,
    env: dict[str, str] | None = None,
    **options: Any,
) -> subprocess.CompletedProcess[str]:
    command = [*TAP, *arguments]
    if config is not None:
        file = tmp_path / "config.json"
        file.write_text(json.dumps(config), encoding="utf-8")
        command += ["--config", str(file)]
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=tmp_path,
        env=environment(**(env or {})),
        **options,
    )


def config_for(github: Simulator, **more: Any) -> dict[str, Any]:
    return {
        "repositories": ["octo-org/app"],
        "auth_token": "t0ken",
        "api_url_base": github.url,
    } | more


def records(text: str) -> dict[str, dict[tuple[Any, ...], dict[str, Any]]]:
    found = {}
    for line in text.splitlines():
        message = json.loads(line)
        if message["type"] == "RECORD":
            record = message["record"]
            key = tuple(record[name] for name in KEYS[message["stream"]])
            found.setdefault(message["stream"], {})[key] = record
    return found


def test_discovery_needs_neither_network_nor_settings(tmp_path: Path) -> None:
    result = run("--discover", tmp_path=tmp_path)
    assert result.returncode == 0
    names = {stream["tap_stream_id"] for stream in json.loads(result.stdout)["streams"]}
    assert names == set(KEYS)


def test_a_whole_run_writes_only_singer_lines(github: Simulator, tmp_path: Path) -> None:
    result = run(config=config_for(github), tmp_path=tmp_path)
    assert result.returncode == 0, result.stderr
    expected = final_records(github.world)
    assert records(result.stdout) == expected
    assert "summary: octo-org/app: 1 workflows, 30 runs, 60 jobs" in result.stderr
    assert "t0ken" not in result.stderr + result.stdout


def test_a_test_run_gives_one_record_for_each_stream(github: Simulator, tmp_path: Path) -> None:
    result = run("--test", config=config_for(github), tmp_path=tmp_path)
    assert result.returncode == 0, result.stderr
    counts = {stream: len(each) for stream, each in records(result.stdout).items()}
    assert counts == {
        "workflow_runs": 1,
        "workflow_jobs": 1,
        "workflow_steps": 1,
        "workflows": 1,
        "repositories": 1,
    }
    assert len(github.log.entries) <= 10


def test_inside_actions_no_setting_is_needed(github: Simulator, tmp_path: Path) -> None:
    variables = {
        "GITHUB_REPOSITORY": "octo-org/app",
        "GITHUB_API_URL": github.url,
        "GITHUB_TOKEN": "from-actions",
    }
    result = run(config={}, tmp_path=tmp_path, env=variables)
    assert result.returncode == 0, result.stderr
    assert len(records(result.stdout)["workflow_runs"]) == 30


def test_settings_that_meltano_leaves_empty_count_as_unset(
    github: Simulator, tmp_path: Path
) -> None:
    variables = {
        "TAP_GITHUB_ACTIONS_REPOSITORIES": "octo-org/app, octo-org/app",
        "TAP_GITHUB_ACTIONS_API_URL_BASE": github.url,
        "TAP_GITHUB_ACTIONS_AUTH_TOKEN": "",
        "TAP_GITHUB_ACTIONS_START_DATE": "",
        "TAP_GITHUB_ACTIONS_MAX_CONCURRENCY": "",
        "TAP_GITHUB_ACTIONS_AUTH_APP": "",
        "GITHUB_TOKEN": "t0ken",
    }
    result = run("--config", "ENV", tmp_path=tmp_path, env=variables)
    assert result.returncode == 0, result.stderr
    assert len(records(result.stdout)["workflow_runs"]) == 30


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({}, "No repository is configured"),
        ({"repositories": ["app"]}, "'app' in repositories is not of the form owner/name"),
        ({"repositories": ["a/b"], "max_concurrency": 0}, "max_concurrency is 0"),
        ({"repositories": ["a/b"], "start_date": "soon"}, "start_date is 'soon'"),
        ({"repositories": ["a/b"], "api_url_base": "github.com"}, "api_url_base is 'github.com'"),
        ({"repositories": "[a/b"}, "repositories looks like a JSON list and is none"),
    ],
)
def test_a_wrong_setting_is_one_sentence_and_exit_1(
    config: Any, words: str, tmp_path: Path
) -> None:
    result = run(config=config, tmp_path=tmp_path)
    assert result.returncode == 1
    assert words in result.stderr
    assert "Traceback" not in result.stderr


def test_a_refused_token_is_one_sentence_and_exit_1(github: Simulator, tmp_path: Path) -> None:
    github.callers.add_token("good")
    result = run(config=config_for(github, auth_token="s3cret"), tmp_path=tmp_path)
    assert result.returncode == 1
    assert "the setting auth_token" in result.stderr
    assert "Traceback" not in result.stderr
    assert "s3cret" not in result.stderr


def test_a_trace_is_shown_when_it_is_asked_for(tmp_path: Path) -> None:
    result = run(config={}, tmp_path=tmp_path, env={"TELEMETRY_DEBUG": "1"})
    assert result.returncode == 1
    assert "Traceback" in result.stderr


def test_an_unreadable_repository_is_exit_1_and_the_others_are_read(
    github: Simulator, tmp_path: Path
) -> None:
    github.world.add_repository("octo-org/secret", blocked=403)
    names = ["octo-org/secret", "octo-org/app"]
    result = run(config=config_for(github, repositories=names), tmp_path=tmp_path)
    assert result.returncode == 1
    assert len(records(result.stdout)["workflow_runs"]) == 30
    assert "octo-org/secret" in result.stderr
    assert "Traceback" not in result.stderr


def test_running_out_of_quota_is_exit_0_with_a_warning(github: Simulator, tmp_path: Path) -> None:
    github.callers.add_token("t0ken", limit=20)
    config = config_for(github, rate_limit_reserve=0)
    result = run(config=config, tmp_path=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "requests are possible again at" in result.stderr
    assert '"type":"STATE"' in result.stdout.splitlines()[-1]


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_run_leaves_a_true_state(tmp_path: Path, sent: signal.Signals) -> None:
    world = small_world(900)
    with Simulator(world) as github:
        github.faults.add(Fault.slow(0.005, match="/jobs", times=None))
        (tmp_path / "c.json").write_text(json.dumps(config_for(github)), encoding="utf-8")
        out = (tmp_path / "out").open("wb")
        process = subprocess.Popen(
            [*TAP, "--config", str(tmp_path / "c.json")],
            stdout=out,
            stderr=subprocess.DEVNULL,
            env=environment(),
        )
        while github.log.count("/jobs") < 300:
            time.sleep(0.02)
        process.send_signal(sent)
        assert process.wait(timeout=30) == 128 + sent
        lines = (tmp_path / "out").read_text(encoding="utf-8")
        state = json.loads(lines.splitlines()[-1])
        assert state["type"] == "STATE"
        (tmp_path / "s.json").write_text(json.dumps(state["value"]), encoding="utf-8")
        github.faults.clear()
        rest = run("--state", "s.json", config=config_for(github), tmp_path=tmp_path)
    first, second = records(lines)["workflow_runs"], records(rest.stdout)["workflow_runs"]
    assert first | second == final_records(world)["workflow_runs"]
    assert len(first) + len(second) <= 900 + 250


def test_a_foreign_state_is_refused_in_plain_words(github: Simulator, tmp_path: Path) -> None:
    bad = {"bookmarks": {"workflow_runs": {"partitions": [{"context": {"org": "x"}}]}}}
    (tmp_path / "s.json").write_text(json.dumps(bad), encoding="utf-8")
    result = run("--state", "s.json", config=config_for(github), tmp_path=tmp_path)
    assert result.returncode == 1
    assert "state of a repository cannot be read" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_target_that_stops_reading_is_told_in_plain_words(
    github: Simulator, tmp_path: Path
) -> None:
    file = tmp_path / "c.json"
    file.write_text(json.dumps(config_for(github)), encoding="utf-8")
    reader, writer = os.pipe()
    os.close(reader)
    result = subprocess.run(
        [*TAP, "--config", str(file)],
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=60,
        env=environment(),
    )
    os.close(writer)
    assert result.returncode == 1
    assert "Whoever reads this program's output has stopped" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_missing_settings_file_is_named(tmp_path: Path) -> None:
    result = run("--config", "nowhere.json", tmp_path=tmp_path)
    assert result.returncode == 1
    assert "nowhere.json" in result.stderr
    assert "Traceback" not in result.stderr


def test_every_setting_is_described_and_secrets_are_marked() -> None:
    properties = settings.SCHEMA["properties"]
    assert all(each.get("description") for each in properties.values())
    secret = {name for name, each in properties.items() if each.get("secret")}
    assert secret >= {"auth_token", "additional_auth_tokens", "auth_app"}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("a/b,c/d", ["a/b", "c/d"]),
        ('["a/b", "c/d"]', ["a/b", "c/d"]),
        (["a/b", " c/d "], ["a/b", "c/d"]),
        ("a/b", ["a/b"]),
    ],
)
def test_a_list_may_be_given_in_several_forms(given: Any, expected: Any) -> None:
    assert settings.normalised({"repositories": given}, {})["repositories"] == expected


def test_a_setting_beats_the_environment() -> None:
    found = settings.normalised({"repositories": ["a/b"]}, {"GITHUB_REPOSITORY": "c/d"})
    assert found["repositories"] == ["a/b"]
    assert settings.normalised({}, {"GITHUB_REPOSITORY": "c/d"})["repositories"] == ["c/d"]
    organizations = settings.normalised({"organizations": "o"}, {"GITHUB_REPOSITORY": "c/d"})
    assert "repositories" not in organizations


def test_a_list_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigError, match="must be a list"):
        settings.normalised({"repositories": 5}, {})

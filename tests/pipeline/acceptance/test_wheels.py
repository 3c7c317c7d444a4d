"""Each package builds a wheel that works in an empty environment, far from the repository."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from support.project import BIN, ROOT, Project, clean_environment

if TYPE_CHECKING:
    from pathlib import Path

PACKAGES = {
    "tap-github-actions": "workflow_runs",
    "tap-llm-csv": "llm_calls",
    "target-telemetry-postgres": None,
}


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheels")
    for package in (*PACKAGES, "telemetry-record"):
        run([str(BIN / "uv"), "build", "--quiet", "--out-dir", str(out), str(ROOT / package)], out)
    return out


@pytest.fixture(scope="module")
def environment(wheels: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty virtual environment with nothing but the wheels and what they ask for."""
    lock = ROOT / "requirements.lock"
    return install(tmp_path_factory.mktemp("empty"), lock, sorted(wheels.glob("*.whl")))


def install(folder: Path, constraints: Path, wheels: list[Path]) -> Path:
    venv = folder / "venv"
    uv = str(BIN / "uv")
    run([uv, "venv", "--quiet", "--python", sys.executable, str(venv)], folder)
    pip = [uv, "pip", "install", "--quiet", "--python", str(venv / "bin/python")]
    run([*pip, "--constraint", str(constraints), *map(str, wheels)], folder)
    return venv


def run(command: list[str], cwd: Path) -> None:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize("package", PACKAGES)
def test_a_wheel_says_its_version_and_settings(
    package: str, environment: Path, tmp_path: Path
) -> None:
    project = Project(tmp_path)
    command = str(environment / "bin" / package)
    assert "0.1.0" in project.run(command, "--version").out
    described = json.loads(project.run(command, "--about", "--format", "json").out)
    assert described["name"] == package
    assert described["settings"]["properties"]


@pytest.mark.parametrize(("tap", "stream"), [(t, s) for t, s in PACKAGES.items() if s])
def test_a_tap_discovers_its_streams_from_its_wheel_without_a_network(
    tap: str, stream: str, environment: Path, tmp_path: Path
) -> None:
    unreachable = "http://127.0.0.1:9"
    project = Project(tmp_path, clean_environment(HTTPS_PROXY=unreachable, HTTP_PROXY=unreachable))
    catalog = json.loads(project.run(str(environment / "bin" / tap), "--discover").out)
    assert stream in {entry["tap_stream_id"] for entry in catalog["streams"]}


def test_the_recorders_wheel_asks_for_nothing_and_writes_a_line(
    wheels: Path, tmp_path: Path
) -> None:
    wheel = next(wheels.glob("telemetry_record-*.whl"))
    venv = install(tmp_path, ROOT / "requirements.lock", [wheel])
    listed = Project(tmp_path).run(str(BIN / "uv"), "pip", "list", "--python", str(venv)).out
    assert "telemetry-record" in listed
    assert len(listed.splitlines()) == 3, listed
    command = str(venv / "bin/telemetry-record")
    Project(tmp_path).run(command, "llm-call", "model=m", TELEMETRY_DB_ENABLED="1")
    assert '"model": "m"' in (tmp_path / ".telemetry/records/llm_calls.ndjson").read_text("utf-8")


def test_the_targets_wheel_carries_the_migrations_and_loads_a_row(
    environment: Path, tmp_path: Path
) -> None:
    project = Project(tmp_path)
    (tmp_path / "calls.csv").write_text(
        "timestamp,model,prompt_tokens,completion_tokens,task_success,task_type,duration_ms,notes\n"
        "2026-10-01T10:00:00Z,gpt-4o,10,5,true,plan,100,Phase 5 setup\n",
        encoding="utf-8",
    )
    tap = project.run(
        str(environment / "bin" / "tap-llm-csv"),
        *("--config", "ENV"),
        TAP_LLM_CSV_PATH="calls.csv",
    )
    (tmp_path / "calls.singer").write_text(tap.out, encoding="utf-8")
    loaded = project.run(
        str(environment / "bin" / "target-telemetry-postgres"), "--input", "calls.singer"
    )
    assert '"bookmarks"' in loaded.out
    stats = json.loads(project.run(str(environment / "bin" / "telemetry"), "stats", "--json").out)
    assert "llm_calls" in json.dumps(stats)
    assert project.run(str(environment / "bin" / "telemetry"), "migrate", "--check").code == 0


def test_the_target_migrates_with_the_sqlalchemy_that_meltano_does_not_take_yet(
    wheels: Path, tmp_path: Path
) -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    constraints = tmp_path / "constraints.txt"
    constraints.write_text(
        re.sub(r"^sqlalchemy==.*$", "sqlalchemy>=2.1,<2.2", lock, flags=re.MULTILINE),
        encoding="utf-8",
    )
    target = next(wheels.glob("target_telemetry_postgres-*.whl"))
    telemetry = str(install(tmp_path, constraints, [target]) / "bin/telemetry")
    project = Project(tmp_path)
    project.run(telemetry, "migrate")
    assert project.run(telemetry, "migrate", "--check").code == 0

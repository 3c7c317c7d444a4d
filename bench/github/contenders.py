"""The taps compared: how each is started and what its records are called."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bench.target.environments import environment

if TYPE_CHECKING:
    from collections.abc import Callable

REPOSITORY: Final = "octo-org/telemetry-demo"
#: How the simulator knows us.
CALLER: Final = "a-token"
PEER: Final = "meltanolabs-tap-github==1.30.1"
WORDS: Final = 2_000
PEER_STREAMS: Final = ("workflow_runs", "workflow_run_jobs")


@dataclass(frozen=True)
class Contender:
    """One tap."""

    name: str
    runs: str
    """Its stream of runs."""
    run_id: str
    jobs: str
    """Its stream of jobs."""
    job_id: str
    prepare: Callable[[str, str, Path], list[str]]
    """Address, start date and folder → the command, to which a state may be added."""


def ours(url: str, start: str, folder: Path) -> list[str]:
    """Return the command of tap-github-actions."""
    config = folder / "config.json"
    settings = {
        "api_url_base": url,
        "auth_token": CALLER,
        "repositories": [REPOSITORY],
        "start_date": start,
    }
    config.write_text(json.dumps(settings), encoding="utf-8")
    return [sys.executable, "-m", "tap_github_actions", "--config", str(config)]


def peer(url: str, start: str, folder: Path) -> list[str]:
    """Return the command of meltanolabs-tap-github with the two streams selected.

    It is given the organisation: a list of repositories would need GitHub's GraphQL API.
    """
    python = environment("meltanolabs-tap-github", [PEER]) / "bin" / "python"
    config = folder / "config.json"
    settings = {
        "api_url_base": url,
        "auth_token": CALLER,
        "organizations": [REPOSITORY.split("/", maxsplit=1)[0]],
        "start_date": start,
        "skip_parent_streams": False,
    }
    config.write_text(json.dumps(settings), encoding="utf-8")
    command = [str(python), str(Path(__file__).with_name("peer_tap.py")), "--config", str(config)]
    found = subprocess.run(
        [*command, "--discover"],
        env={**os.environ, "BENCH_GITHUB_URL": url},
        capture_output=True,
        text=True,
        check=True,
    )
    catalog: dict[str, Any] = json.loads(found.stdout)
    for stream in catalog["streams"]:
        for entry in stream["metadata"]:
            if not entry["breadcrumb"]:
                entry["metadata"]["selected"] = stream["tap_stream_id"] in PEER_STREAMS
    path = folder / "catalog.json"
    path.write_text(json.dumps(catalog), encoding="utf-8")
    return [*command, "--catalog", str(path)]


CONTENDERS: Final = (
    Contender(
        name="tap-github-actions",
        runs="workflow_runs",
        run_id="github_run_id",
        jobs="workflow_jobs",
        job_id="github_job_id",
        prepare=ours,
    ),
    Contender(
        name=PEER.replace("==", " "),
        runs="workflow_runs",
        run_id="id",
        jobs="workflow_run_jobs",
        job_id="id",
        prepare=peer,
    ),
)


@dataclass(frozen=True)
class Sync:
    """What one sync gave."""

    code: int
    messages: list[dict[str, Any]]
    words: str
    """The end of its log."""


def sync(command: list[str], url: str, state: object, folder: Path) -> Sync:
    """Sync once, from a state if there is one."""
    if state:
        file = folder / "state.json"
        file.write_text(json.dumps(state), encoding="utf-8")
        command = [*command, "--state", str(file)]
    out, log = folder / "out.jsonl", folder / "log.txt"
    with out.open("wb") as written, log.open("wb") as said:
        code = subprocess.run(
            command,
            env={**os.environ, "BENCH_GITHUB_URL": url},
            stdout=written,
            stderr=said,
            check=False,
        ).returncode
    with out.open("rb") as lines:
        messages = [json.loads(line) for line in lines]
    words = log.read_text(encoding="utf-8", errors="replace")[-WORDS:]
    return Sync(code, messages, words)

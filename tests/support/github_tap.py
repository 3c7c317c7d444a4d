"""Runs tap-github-actions against a simulated GitHub, in this process or in one of its own."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

from tap_github_actions.errors import TapError
from tap_github_actions.tap import TapGitHubActions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from github_simulator import Clock, Simulator

State = dict[str, Any]
ROOT = Path(__file__).resolve().parents[2]


class JumpingClock:
    """Waits by moving the simulated clock instead of spending real time."""

    def __init__(self, simulated: Clock) -> None:
        self._simulated = simulated
        self._now = 0.0
        self._lock = threading.Lock()

    def monotonic(self) -> float:
        with self._lock:
            return self._now

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self._now += seconds
        self._simulated.advance(seconds)


@dataclass(frozen=True)
class Output:
    """What a tap wrote, message by message, and how it ended."""

    messages: Sequence[dict[str, Any]]
    error: Exception | None = None
    was_killed: bool = False

    def cut(self, length: int) -> Output:
        """Return the output as it would be had the tap been killed after so many messages."""
        return Output(self.messages[:length], self.error)

    @property
    def states(self) -> list[State]:
        return [message["value"] for message in self.messages if message["type"] == "STATE"]

    def records(self, stream: str) -> list[dict[str, Any]]:
        return [
            message["record"]
            for message in self.messages
            if message["type"] == "RECORD" and message["stream"] == stream
        ]


@dataclass
class Warehouse:
    """What a target that commits before it passes a STATE on has stored."""

    rows: dict[str, dict[tuple[Any, ...], list[dict[str, Any]]]] = field(default_factory=dict)
    state: State = field(default_factory=dict)
    _keys: dict[str, list[str]] = field(default_factory=dict)

    def load(self, output: Output, *, lost_after: int | None = None) -> None:
        """Store an output's records.

        Args:
            output: What the tap wrote.
            lost_after: Index of the STATE after which the target was killed too: what follows was
                not stored.
        """
        seen = 0
        for message in output.messages:
            if message["type"] == "SCHEMA":
                self._keys[message["stream"]] = message["key_properties"]
            elif message["type"] == "RECORD":
                stream, record = message["stream"], message["record"]
                key = tuple(record[name] for name in self._keys[stream])
                self.rows.setdefault(stream, {}).setdefault(key, []).append(record)
            elif message["type"] == "STATE":
                self.state = message["value"]
                if seen == lost_after:
                    return
                seen += 1


def settings(simulator: Simulator, **more: Any) -> dict[str, Any]:
    return {
        "api_url_base": simulator.url,
        "auth_token": "a-token",
        "rate_limit_reserve": 0,
        **more,
    }


def sync(
    simulator: Simulator,
    config: dict[str, Any],
    state: State,
    *,
    deselected: Sequence[str] = (),
) -> Output:
    """Run the tap in this process."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    error: Exception | None = None
    with contextlib.redirect_stdout(stream), mock.patch("signal.signal"):
        catalog = TapGitHubActions(config=config).catalog_dict if deselected else None
        for entry in catalog["streams"] if catalog else ():
            if entry["stream"] in deselected:
                entry["metadata"][-1]["metadata"]["selected"] = False
        tap = TapGitHubActions(config=config, state=json.loads(json.dumps(state)), catalog=catalog)
        tap.clock = JumpingClock(simulator.world.clock)
        try:
            tap.sync_all()
        except TapError as failure:
            error = failure
    stream.flush()
    lines = stream.buffer.getvalue().splitlines()  # type: ignore[attr-defined]  # a BytesIO
    return Output([json.loads(line) for line in lines], error)


def sync_and_kill(
    simulator: Simulator, config: dict[str, Any], state: State, folder: Path, requests: int
) -> Output:
    """Run the real command, and kill it with SIGKILL when it has sent so many requests."""
    for name, content in (("config", config), ("state", state)):
        (folder / f"{name}.json").write_text(json.dumps(content))
    out = folder / "out.jsonl"
    with out.open("wb") as file:
        process = subprocess.Popen(
            [
                *(
                    sys.executable,
                    "-c",
                    "from tap_github_actions.tap import TapGitHubActions as T; T.cli()",
                ),
                *("--config", folder / "config.json", "--state", folder / "state.json"),
            ],
            stdout=file,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        goal = simulator.log.count() + requests
        while process.poll() is None and simulator.log.count() < goal:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.01)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        process.wait()
    lines = out.read_bytes().splitlines(keepends=True)
    # The last line may be torn.
    messages = [json.loads(line) for line in lines if line.endswith(b"\n")]
    return Output(messages, was_killed=process.returncode == -signal.SIGKILL)

"""A signal at any moment ends every program in good time, whatever the other end of its pipe does.

And what was read before and what is read after the last state are everything, each row once.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from github_simulator import Clock, Simulator, World, final_records
from support import csv_stories, github_stories
from support.postgres import url_of
from support.readers import READERS, Piped
from support.singer import Loader, lines, records, schema, state
from support.stored_messages import CSV_KEYS, read_files
from support.tap_github import KEYS, run_tap

if TYPE_CHECKING:
    from pathlib import Path

    from target_telemetry_postgres.postgres.database import Database

FULL = os.environ.get("TELEMETRY_PROOF") == "full"
ROUNDS = 17 if FULL else 1
ROWS = 20_000
STOPPED = 128 + signal.SIGTERM


def whole(taken: list[bytes]) -> list[dict[str, Any]]:
    """The messages; the last line may be torn."""
    return [json.loads(line) for line in taken if line.endswith(b"\n")]


def kept(messages: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """What a target has stored that keeps what a STATE follows, and that state."""
    places = [place for place, one in enumerate(messages) if one["type"] == "STATE"]
    last = places[-1] if places else -1
    return messages[: last + 1], messages[last]["value"] if places else {}


def keys(messages: list[dict[str, Any]], names: dict[str, tuple[str, ...]]) -> set[Any]:
    return {
        (one["stream"], *(one["record"][name] for name in names[one["stream"]]))
        for one in messages
        if one["type"] == "RECORD" and one["stream"] in names
    }


def stop_at_random(piped: list[Piped], chance: random.Random, longest: float) -> None:
    for one in piped:
        delay = chance.uniform(0.2, longest)
        threading.Timer(delay, one.process.send_signal, [signal.SIGTERM]).start()


@pytest.mark.proof
def test_the_csv_tap_ends_and_loses_nothing(tmp_path: Path) -> None:
    """A reader that is dead is the hard one: the program hangs in a write that never returns."""
    (tmp_path / "logs").mkdir()
    csv_stories.write(tmp_path / "logs" / "usage.csv", *csv_stories.rows(0, ROWS))
    everything = keys(read_files(tmp_path, {"path": "logs"}, {}), CSV_KEYS)
    assert len(everything) == ROWS
    chance = random.Random(ROUNDS)  # noqa: S311 - repeatable on purpose
    command = [sys.executable, "-m", "tap_llm_csv", "--config", "config.json"]
    for _ in range(ROUNDS):
        piped = [Piped.start(command, reader, folder=tmp_path) for reader in READERS]
        stop_at_random(piped, chance, 3.0)
        for one in piped:
            code, taken = one.end()
            assert code in {STOPPED, -signal.SIGTERM, 0}, one.reader
            assert code or one.reader != "dead", "a pipe does not hold so many rows"
            before, bookmark = kept(whole(taken))
            went_on = read_files(tmp_path, {"path": "logs"}, bookmark)
            assert keys(before, CSV_KEYS) | keys(went_on, CSV_KEYS) == everything


@pytest.mark.proof
def test_the_github_tap_ends_and_loses_nothing(tmp_path: Path) -> None:
    world = World(clock=Clock(github_stories.NOON))
    workflow = world.add_workflow(world.add_repository("octo-org/app"), "CI")
    github_stories.fill(world, workflow, 900)
    expected = {(stream, *key) for stream, found in final_records(world).items() for key in found}
    chance = random.Random(ROUNDS)  # noqa: S311 - repeatable on purpose
    command = [sys.executable, "-m", "tap_github_actions", "--config", "config.json"]
    with Simulator(world) as simulator:
        config = {"api_url_base": simulator.url, "auth_token": "t0ken"}
        config |= {"repositories": ["octo-org/app"], "start_date": github_stories.LONG_AGO}
        simulator.callers.add_token("t0ken", limit=1_000_000)
        (tmp_path / "config.json").write_text(json.dumps(config))
        for _ in range(ROUNDS):
            piped = [Piped.start(command, reader, folder=tmp_path) for reader in READERS]
            stop_at_random(piped, chance, 5.0)
            for one in piped:
                code, taken = one.end()
                assert code in {STOPPED, -signal.SIGTERM, 0}, one.reader
                before, bookmark = kept(whole(taken))
                went_on = run_tap(simulator, bookmark, start_date=github_stories.LONG_AGO)
                found = keys(before, KEYS) | keys(went_on.lines, KEYS)
                assert found >= expected


@pytest.mark.proof
def test_the_target_ends_with_a_true_state(database: Database, tmp_path: Path) -> None:
    """Its tap is the other end here: one that writes, one that dawdles, one that says nothing."""
    loader = Loader(database, url_of(database.conninfo))
    loader.load(schema("s", {"id": {"type": "integer"}}, ["id"]))
    (tmp_path / "config.json").write_text(
        json.dumps({"sqlalchemy_url": loader.url, "batch_size_rows": 500})
    )
    program = [sys.executable, "-m", "target_telemetry_postgres", "--config", "config.json"]
    (tmp_path / "input").write_text(
        lines([schema("s", {"id": {"type": "integer"}}, ["id"])])
        + "".join(
            lines(records("s", ({"id": n + part} for part in range(100))))
            + lines([state(at=n + 100)])
            for n in range(0, 40_000, 100)
        )
    )
    ways = {
        "writes": "cat input; exec sleep 30",
        "dawdles": 'while read -r line; do echo "$line"; done < input; exec sleep 30',
        "is silent": "head -c 100000 input; exec sleep 30",
    }
    chance = random.Random(ROUNDS)  # noqa: S311 - repeatable on purpose
    for _ in range(ROUNDS):
        for way, source in ways.items():
            loader.execute("TRUNCATE s")
            with subprocess.Popen(
                ["bash", "-c", source], cwd=tmp_path, stdout=subprocess.PIPE
            ) as tap:
                piped = Piped.start(program, "reading", folder=tmp_path, stdin=tap.stdout)
                stop_at_random([piped], chance, 4.0)
                code, taken = piped.end()
                tap.kill()
            states = [message["at"] for message in whole(taken)]
            stored = {row["id"] for row in loader.table("s")}
            assert set(range(max(states, default=0))) <= stored, way
            assert code in {STOPPED, -signal.SIGTERM}, way

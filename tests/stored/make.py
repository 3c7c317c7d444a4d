"""Keeps what this commit stores, for later commits to load on: `python tests/stored/make.py NAME`.

Run it with the environment of the commit whose stored things are wanted, and with `tests` and
`examples` on the PYTHONPATH; the files go to fixtures/NAME.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from github_simulator import Simulator
from support import csv_stories, github_stories
from support.postgres import url_of
from support.singer import Loader
from support.stored_messages import CSV_KEYS, PLAIN, a_wrong_order, for_a_database, read_files
from support.stored_states import kept, until
from support.tap_github import KEYS, run_tap
from target_telemetry_postgres.embedded.server import EmbeddedServer, postgres_binary
from target_telemetry_postgres.postgres.database import Database

FIXTURES = Path(__file__).parent / "fixtures"
# A state after every batch, so that one in the middle is to be had from a small file.
OFTEN = (
    "-c",
    "import tap_llm_csv.sync as s; s.STATE_SECONDS = 0; import tap_llm_csv.__main__ as m; m.main()",
)
# What a dump says to psql, and to no server.
FOR_PSQL = ("\\", "SET ", "--", "SELECT pg_catalog.set_config")


def keep_csv(folder: Path) -> None:
    """The states of tap-llm-csv."""
    for name, story in csv_stories.STORIES.items():
        with tempfile.TemporaryDirectory() as place:
            (Path(place) / "logs").mkdir()
            story.before(Path(place) / "logs")
            program = PLAIN if story.state is None else OFTEN
            messages = read_files(Path(place), story.settings, {}, program)
        save(folder / "tap-llm-csv", name, kept(until(messages, story.state), CSV_KEYS))


def keep_github(folder: Path) -> None:
    """The states of tap-github-actions."""
    for name, story in github_stories.STORIES.items():
        with Simulator(github_stories.world_of(story)) as simulator:
            story.trouble(simulator)
            output = run_tap(simulator, raises=False, **story.settings)
        save(folder / "tap-github-actions", name, kept(until(output.lines, story.state), KEYS))


def keep_database(folder: Path) -> None:
    """A database with everything in it: all tables, foreign ones, rejects, and a ledger."""
    with tempfile.TemporaryDirectory() as place:
        messages = for_a_database(Path(place) / "files", later=False)
        data = Path(place) / "postgres"
        with EmbeddedServer(data) as server:
            loader = Loader(Database(server.conninfo, "telemetry"), url_of(server.conninfo))
            loader.load(*messages)
            loader.load(*messages, add_record_metadata=True)
            with suppress(Exception):
                loader.load(*messages, "this is no message")
            loader.load(*a_wrong_order(), invalid_record_treatment="quarantine")
            # What a run leaves behind that is killed.
            loader.execute("UPDATE ingest_runs SET status = 'running' WHERE id = 1")
            dump = subprocess.run(
                [
                    *(postgres_binary(data).with_name("pg_dump"), "--inserts"),
                    "--rows-per-insert=500",
                    *("--no-owner", "--no-privileges", "--schema=telemetry", server.conninfo),
                ],
                capture_output=True,
                check=True,
                text=True,
            ).stdout
    lines = (line for line in dump.splitlines() if line and not line.startswith(FOR_PSQL))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "database.sql").write_text("\n".join(lines) + "\n", encoding="utf-8")


def save(folder: Path, name: str, fixture: dict[str, Any]) -> None:
    """Write a fixture so that people can read it, too."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name.replace(' ', '_')}.json"
    path.write_text(json.dumps(fixture, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    keep_csv(FIXTURES / sys.argv[1])
    keep_github(FIXTURES / sys.argv[1])
    keep_database(FIXTURES / sys.argv[1])

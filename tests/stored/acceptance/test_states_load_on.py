"""States that earlier commits stored: the taps go on from them exactly.

The fixtures hold a state and a fingerprint of what had been sent before it. What is sent from there
on has to be the rest of what there is: nothing lost, nothing twice.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from github_simulator import Simulator, final_records
from support import csv_stories, github_stories
from support.stored_messages import CSV_KEYS, read_files
from support.stored_states import assert_goes_on, mark, sent
from support.tap_github import KEYS as GITHUB_KEYS
from support.tap_github import run_tap

FIXTURES = Path(__file__).parents[1] / "fixtures"


def stored(tap: str) -> list[Any]:
    paths = sorted(FIXTURES.glob(f"*/{tap}/*.json"))
    return [pytest.param(path, id=f"{path.parents[1].name}-{path.stem}") for path in paths]


def fixture(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return loaded


@pytest.mark.parametrize("path", stored("tap-llm-csv"))
def test_files_are_read_on_from_a_stored_state(path: Path, tmp_path: Path) -> None:
    story = csv_stories.STORIES[path.stem.replace("_", " ")]
    known = fixture(path)
    (tmp_path / "logs").mkdir()
    story.before(tmp_path / "logs")
    story.after(tmp_path / "logs")
    went_on = read_files(tmp_path, story.settings, known["state"])
    anew = sent(read_files(tmp_path, story.settings, {}), CSV_KEYS)
    everything = {stream: set(marks) for stream, marks in anew.items()}
    assert_goes_on(known, went_on, everything, CSV_KEYS, {})


@pytest.mark.parametrize("path", stored("tap-github-actions"))
def test_repositories_are_read_on_from_a_stored_state(path: Path) -> None:
    story = github_stories.STORIES[path.stem.replace("_", " ")]
    known = fixture(path)
    world = github_stories.world_of(story)
    story.after(world)
    with Simulator(world) as simulator:
        settings = {key: value for key, value in story.settings.items() if key == "start_date"}
        output = run_tap(simulator, known["state"], **settings | story.later_settings)
    everything = {stream: set(map(mark, found)) for stream, found in final_records(world).items()}
    assert_goes_on(known, output.lines, everything, GITHUB_KEYS, story.again)

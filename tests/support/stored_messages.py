"""The messages behind what is stored: files and worlds of the stories, read by the taps of now."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from github_simulator import Simulator
from support import csv_stories, github_stories
from support.singer import record, records, schema
from support.tap_github import run_tap

if TYPE_CHECKING:
    from pathlib import Path

    from support.stored_states import Messages

CSV_KEYS = {
    "llm_calls": ("call_id",),
    "llm_usage_buckets": ("bucket_id",),
    "llm_csv_rejects": ("reject_id",),
}
PLAIN = ("-m", "tap_llm_csv")


def read_files(
    folder: Path, settings: dict[str, Any], state: dict[str, Any], program: tuple[str, ...] = PLAIN
) -> Messages:
    """What tap-llm-csv writes in a folder, from a state."""
    for name, content in (("config", settings), ("state", state)):
        (folder / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, *program, "--config", "config.json", "--state", "state.json"],
        cwd=folder,
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr.decode()
    return [json.loads(line) for line in done.stdout.splitlines()]


def for_a_database(folder: Path, *, later: bool) -> Messages:
    """Both taps' rows, and those of a tap whose tables are made for it; `later` there are more."""
    files = csv_stories.STORIES["broken lines"]
    (folder / "logs").mkdir(parents=True)
    files.before(folder / "logs")
    story = github_stories.STORIES["an earlier start"]
    world = github_stories.world_of(story)
    if later:
        files.after(folder / "logs")
        story.after(world)
    with Simulator(world) as simulator:
        runs = run_tap(simulator, **story.settings).lines
    return read_files(folder, {"path": "logs"}, {}) + runs + orders(30 if later else 20)


def orders(count: int) -> Messages:
    """A stream of somebody else's tap."""
    properties = {
        "order id": {"type": "integer"},
        "placed": {"type": "string", "format": "date-time"},
        "total": {"type": ["number", "null"]},
        "lines": {"type": "array", "items": {"type": "object"}},
        "note": {"type": ["string", "null"]},
    }
    rows = [
        {
            "order id": number,
            "placed": f"2026-05-{number % 28 + 1:02d}T08:00:00+02:00",
            "total": number / 4 if number % 3 else None,
            "lines": [{"sku": f"s{number}", "count": number}],
            "note": "café\n" * (number % 2),
        }
        for number in range(count)
    ]
    return [schema("orders", properties, ["order id"]), *records("orders", rows)]


def a_wrong_order() -> Messages:
    """A record that does not fit its table."""
    return [*orders(1), record("orders", {"order id": "many", "placed": "yesterday"})]

"""Many files: each is opened once, a finished one never again, and the state stays small."""

from __future__ import annotations

import builtins
import json
import logging
import os
import time
from base64 import b64decode
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from support.llm_csv import HEADER, Machine, check_figures, row
from tap_llm_csv.files import memory

if TYPE_CHECKING:
    from pathlib import Path

SIZES = (300, 1_000, 3_000, 10_000) if os.environ.get("TELEMETRY_PROOF") == "full" else (60, 300)
LONG_AGO = 1_770_000_000


def write(folder: Path, number: int, *lines: str) -> Path:
    path = folder / f"usage-{number:05}.csv"
    path.write_text("\n".join([HEADER, *lines, ""]))
    os.utime(path, (LONG_AGO, LONG_AGO + number))
    return path


def filled(folder: Path, count: int, apart: int = 100) -> Machine:
    folder.mkdir()
    for number in range(count):
        at = number * apart
        write(folder, number, *(row(at + k, notes=f"f{number} r{k}") for k in range(3)))
    return Machine(folder)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each path was opened."""
    counted: Counter[str] = Counter()
    really = builtins.open

    def counting(path: Any, *more: Any, **options: Any) -> Any:
        counted[str(path)] += 1
        return really(path, *more, **options)

    monkeypatch.setattr(builtins, "open", counting)
    return counted


def finished(machine: Machine) -> int:
    groups = machine.state["llm_calls"].get("finished", {})
    return sum(len(b64decode(text)) // 11 for text in groups.values())


@pytest.mark.proof
@pytest.mark.parametrize("apart", [100, 1, 0])
def test_each_file_is_opened_once_and_then_never_again(
    tmp_path: Path, opened: Counter[str], apart: int
) -> None:
    for count in SIZES if apart == 100 else SIZES[:2]:
        folder = tmp_path / str(count)
        machine = filled(folder, count, apart)
        opened.clear()
        begun = time.perf_counter()
        machine.run()
        took = time.perf_counter() - begun
        # Files whose calls are the same are copies of one.
        assert len(machine.calls) == (count * 3 if apart else 3)
        # Of files that begin alike the first is looked at once more.
        assert sum(opened[str(path)] for path in folder.iterdir()) <= count + (not apart)
        assert finished(machine) >= count - 2 * memory.BOOKMARKS_KEPT
        size = len(json.dumps(machine.state["llm_calls"]["finished"]))
        assert size <= 16 * finished(machine) + 40
        opened.clear()
        begun = time.perf_counter()
        assert machine.run().unchanged == count
        again = time.perf_counter() - begun
        assert not any(path.startswith(str(folder)) for path in opened)
        assert sum(machine.sent.values()) == 0
        logging.getLogger("many files").warning(
            "%s files, %s s apart: %.2f s, unchanged %.2f s", f"{count:,}", apart, took, again
        )


def test_a_finished_file_that_grows_is_read_again_and_its_rows_stay_single(tmp_path: Path) -> None:
    machine = filled(tmp_path / "logs", 40)
    machine.run()
    assert finished(machine) > 0
    before = machine.call_ids
    path = tmp_path / "logs" / "usage-00003.csv"
    with path.open("a") as file:
        file.write(row(305, notes="f3 r9") + "\n")
    summary = machine.run()
    assert (summary.files, summary.counts.read) == (1, 4)
    assert before < machine.call_ids
    assert len(machine.calls) == 121
    check_figures(machine.files)
    (told,) = (file for file in machine.files if file["path"] == str(path))
    assert told["rows_read"] == 4


def test_a_log_goes_on_from_a_finished_file(tmp_path: Path) -> None:
    machine = filled(tmp_path / "logs", 40)
    machine.run()
    # The second of file 5's last row, once more: the writer rotated within it.
    write(tmp_path / "logs", 50, row(502, notes="once more"), row(503))
    machine.run()
    assert len(machine.calls) == 122
    before = machine.call_ids
    again = machine.anew()
    again.run()
    assert again.call_ids == before


def test_a_copy_of_a_finished_file_adds_nothing(tmp_path: Path) -> None:
    machine = filled(tmp_path / "logs", 40)
    machine.run()
    copy = tmp_path / "logs" / "usage-copy.csv"
    copy.write_text((tmp_path / "logs" / "usage-00003.csv").read_text())
    machine.run()
    assert len(machine.calls) == 120


def test_finished_files_that_are_gone_leave_the_state(tmp_path: Path) -> None:
    machine = filled(tmp_path / "logs", 40)
    machine.run()
    known = finished(machine)
    (tmp_path / "logs" / "usage-00003.csv").unlink()
    assert not machine.run().failures
    assert finished(machine) == known - 1


def test_a_file_with_a_rejected_line_keeps_its_bookmark(tmp_path: Path) -> None:
    machine = filled(tmp_path / "logs", 40)
    path = write(tmp_path / "logs", 3, row(300), "bad", row(302))
    machine.run()
    assert str(path) in json.dumps(machine.state["llm_calls"]["files"])


@pytest.mark.parametrize("text", ["", "?", "AAAA", 5, None])
def test_a_damaged_list_of_finished_files_costs_time_and_no_rows(tmp_path: Path, text: Any) -> None:
    machine = filled(tmp_path / "logs", 40)
    machine.run()
    machine.state["llm_calls"]["finished"] = {"base": text}
    assert not machine.run().failures
    assert len(machine.calls) == 120
    machine.state["llm_calls"]["finished"] = text
    assert not machine.run().failures
    assert len(machine.calls) == 120


def test_older_exports_are_sent_again_also_when_they_are_finished(tmp_path: Path) -> None:
    head = "Date,Slug,Usage,BYOK Usage,Requests,Prompt Tokens,Completion Tokens,Reasoning Tokens\n"
    line = "2026-02-{:02d},openai/gpt-4o,0.5,0,{},100,50,0\n"
    folder = tmp_path / "exports"
    folder.mkdir()
    for day in range(1, 26):
        path = folder / f"activity_{day:02}.csv"
        path.write_text(head + line.format(day, 1) + line.format(day + 1, 2))
        os.utime(path, (LONG_AGO, LONG_AGO))
    machine = Machine(folder)
    machine.run()
    groups = machine.state["llm_usage_buckets"]["finished"]
    assert set(groups) == {"openrouter_activity"}
    (folder / "activity_old.csv").write_text(head + line.format(3, 7))
    machine.run()
    requests = {
        bucket["bucket_start"][:10]: bucket["requests"]
        for bucket in machine.tables["llm_usage_buckets"].values()
    }
    again = machine.anew()
    again.run()
    assert requests == {
        bucket["bucket_start"][:10]: bucket["requests"]
        for bucket in again.tables["llm_usage_buckets"].values()
    }

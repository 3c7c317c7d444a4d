"""Files that go, come back, have two names, or change places, and what the ledger says of them."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from support.llm_csv import HEADER, Machine, row
from tap_llm_csv.files.survey import Survey

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_llm_csv.files.job import Matched


@pytest.mark.parametrize("variant", range(6))
def test_of_backups_that_ended_in_one_second_the_last_one_is_gone_on_from(
    tmp_path: Path, variant: int
) -> None:
    log = tmp_path / "usage.csv"
    machine = Machine(log, idle_seconds=10**9)
    for number, note in enumerate(("a", "b", "", "c")):
        lines = [row(1, notes=f"{note} {variant}")] if note else []
        log.write_text("\n".join([HEADER, *lines]) + "\n")
        machine.run()
        log.rename(tmp_path / f"usage_backup_{number}.csv")
    assert len(machine.calls) == 3


def test_a_line_written_while_other_files_are_read_is_not_taken_for_complete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "usage.csv"
    path.write_text("\n".join([HEADER, row(1), row(2, notes="half a no")]))
    machine = Machine(path, idle_seconds=1)
    look = Survey.jobs

    def slow(survey: Survey) -> Iterator[Matched]:
        yield from look(survey)
        monkeypatch.setattr(time, "time", lambda: 10.0**10)  # hours later

    monkeypatch.setattr(Survey, "jobs", slow)
    machine.run()
    assert len(machine.calls) == 1


def test_a_file_that_vanished_is_told_once_and_again_when_it_is_back(tmp_path: Path) -> None:
    path = tmp_path / "usage.csv"
    text = HEADER + "\n" + row(1) + "\n"
    path.write_text(text)
    machine = Machine(tmp_path)
    machine.run()
    path.unlink()
    machine.run()
    assert [file["status"] for file in machine.files] == ["missing"]
    machine.run()
    assert machine.sent["llm_csv_files"] == 0
    path.write_text(text)
    machine.run()
    assert [file["status"] for file in machine.files] == ["active"]
    assert "missing" not in str(machine.state)


def test_a_file_that_another_took_the_place_of_is_told_as_replaced(tmp_path: Path) -> None:
    path = tmp_path / "usage.csv"
    path.write_text(HEADER + "\n" + row(1) + "\n" + row(2) + "\n")
    machine = Machine(path)
    machine.run()
    path.write_text(HEADER + "\n" + row(9) + "\n")
    machine.run()
    told = {(file["status"], file["generation"], file["rows_read"]) for file in machine.files}
    assert told == {("replaced", 1, 2), ("active", 2, 1)}


def test_a_renamed_file_is_told_under_its_new_name(tmp_path: Path) -> None:
    (tmp_path / "old.csv").write_text(HEADER + "\n" + row(1) + "\n")
    machine = Machine(tmp_path)
    machine.run()
    (tmp_path / "old.csv").rename(tmp_path / "new.csv")
    machine.run()
    assert [Path(file["path"]).name for file in machine.files] == ["new.csv"]
    assert "old.csv" not in str(machine.state)


@pytest.mark.parametrize("change", ["more columns", "a corrected note"])
def test_a_short_log_exported_again_beside_itself_gives_the_same_calls(
    tmp_path: Path, change: str
) -> None:
    rows = [row(1, notes="n"), row(1, notes="n"), row(2, notes="n")]
    (tmp_path / "usage.csv").write_text("\n".join([HEADER, *rows, ""]))
    again = [HEADER, row(1, notes="other"), *rows[1:], ""]
    if change == "more columns":
        again = [HEADER + ",session_id", *(line + ",s1" for line in rows), ""]
    (tmp_path / "usage_again.csv").write_text("\n".join(again))
    machine = Machine(tmp_path)
    machine.run()
    assert len(machine.calls) == 3


def test_two_names_of_one_file_are_one_file(tmp_path: Path) -> None:
    path = tmp_path / "usage.csv"
    path.write_text(HEADER + "\n" + row(1) + "\n")
    (tmp_path / "latest.csv").symlink_to(path)
    machine = Machine(tmp_path, files=[{"path": str(path)}, {"path": f"{tmp_path}/./usage.csv"}])
    summary = machine.run()
    assert summary.counts.read == 1
    assert [Path(file["path"]).name for file in machine.files] == ["usage.csv"]


def test_a_path_that_is_not_there_keeps_no_other_from_being_read(tmp_path: Path) -> None:
    (tmp_path / "there.csv").write_text(HEADER + "\n" + row(1) + "\n")
    machine = Machine("", files=[{"path": f"{tmp_path}/{name}.csv"} for name in ("not", "there")])
    (failure,) = machine.run().failures
    assert "not.csv is not there" in failure
    assert len(machine.calls) == 1


def test_a_log_that_is_rotated_while_it_is_read_is_kept_under_its_own_anchors(
    tmp_path: Path,
) -> None:
    log = tmp_path / "usage.csv"
    log.write_text(HEADER + "\n" + row(1) + "\n")
    machine = Machine(log)
    write = machine.write

    def rotate(stream: str, records: list[dict[str, Any]]) -> None:
        write(stream, records)
        if log.exists():
            log.rename(tmp_path / "usage_backup_1.csv")

    machine.write = rotate  # type: ignore[method-assign]  # the writer comes in between
    assert machine.run().failures == []
    machine.write = write  # type: ignore[method-assign]
    log.write_text(HEADER + "\n" + row(2) + "\n")
    machine.run()
    assert (machine.sent["llm_calls"], len(machine.calls)) == (1, 2)


@pytest.mark.parametrize(
    "damage",
    [
        {"llm_calls": None}, {"llm_calls": []}, {"llm_calls": {"files": []}},
        {"times": ["soon", 5]}, {"missing": "x"}, {"at": [-5, 0]}, {"seen": [1]},
        {"window": [-1, 0, 0]}, {"header": [0, -9]}, {"rejects": [[1]]}, {"head": None},
        {"stored": "abc"}, {"rows": [1, 2, 3, 4, 5, 6]}, {"times": ["2026-01-01", None]},
    ],
)  # fmt: skip
def test_a_damaged_bookmark_is_no_bookmark(tmp_path: Path, damage: dict[str, Any]) -> None:
    path = tmp_path / "usage.csv"
    path.write_text(HEADER + "\n" + row(1) + "\n")
    machine = Machine(path)
    machine.run()
    if "llm_calls" in damage:
        machine.state.update(damage)
    else:
        (known,) = machine.state["llm_calls"]["files"].values()
        known.update(damage)
    with path.open("a") as file:
        file.write(row(2) + "\n")
    assert machine.run().failures == []
    assert len(machine.calls) == 2

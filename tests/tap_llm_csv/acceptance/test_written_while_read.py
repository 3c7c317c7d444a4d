"""Somebody writes while the tap reads: anew, more, less, elsewhere. No row is lost or torn."""

from __future__ import annotations

import os
import random
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from support.llm_csv import HEADER, Machine, check_figures, row
from tap_llm_csv import sync
from tap_llm_csv.files.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tap_llm_csv.reading.reader import Batch

RUNS = 2_000 if os.environ.get("TELEMETRY_PROOF") == "full" else 25
# More than the tap keeps in memory, and more than one batch of it.
ROWS = 2_500


class Writer:
    """Writes a log, and remembers what it wrote."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311 - the same runs on every machine
        self.folder = folder
        self.log = folder / "usage.csv"
        self.written = 0
        self.ever: set[str] = set()
        self.turns = 0

    def lines(self, count: int) -> str:
        made = []
        for _ in range(count):
            self.written += 1
            note = f"n{self.written} {'x' * self.random.randint(0, 40)}"
            self.ever.add(note)
            made.append(row(self.written, notes=note) + "\n")
        return "".join(made)

    def begin(self) -> None:
        self.log.write_text(HEADER + "\n" + self.lines(self.random.randint(ROWS // 2, ROWS)))

    def act(self) -> None:
        self.turns += 1
        ways = (
            self.append, self.rewrite, self.rewrite_in_pieces, self.rotate, self.copy,
            self.copy_and_truncate, self.shrink, self.edit,
        )  # fmt: skip
        self.random.choice(ways)()

    def append(self) -> None:
        with self.log.open("a") as file:
            file.write(self.lines(self.random.randint(1, 200)))

    def rewrite(self) -> None:
        size = self.random.choice([10, ROWS // 2, ROWS, 2 * ROWS])
        with self.log.open("w") as file:
            file.write(HEADER + "\n" + self.lines(size))

    def rewrite_in_pieces(self) -> None:
        with self.log.open("w") as file:
            file.write(HEADER + "\n" + self.lines(self.random.randint(0, ROWS)))
            file.flush()
            file.write(self.lines(ROWS))

    def rotate(self) -> None:
        self.log.rename(self.folder / f"usage_backup_{self.turns}.csv")
        self.log.write_text(HEADER + "\n" + self.lines(self.random.randint(1, ROWS)))

    def copy(self) -> None:
        shutil.copy(self.log, self.folder / f"copy_{self.turns}.csv")

    def copy_and_truncate(self) -> None:
        shutil.copy(self.log, self.folder / f"usage.csv.{self.turns}")
        with self.log.open("r+") as file:
            file.truncate(0)
            file.write(HEADER + "\n" + self.lines(self.random.randint(1, 50)))

    def shrink(self) -> None:
        kept = self.log.read_text().splitlines(keepends=True)
        with self.log.open("w") as file:
            file.writelines(kept[: max(2, len(kept) // 2)])

    def edit(self) -> None:
        """Another row in the place of one, in place and of the same length."""
        lines = self.log.read_text().splitlines(keepends=True)
        place = self.random.randrange(1, len(lines))
        note = lines[place].rstrip("\n").rpartition(",")[2]
        other = note[:-1] + ("y" if note[-1:] != "y" else "z") if len(note) > 12 else note
        self.ever.add(other)
        lines[place] = lines[place].replace(note, other)
        with self.log.open("r+") as file:
            file.writelines(lines)

    def there(self) -> set[str]:
        notes: set[str] = set()
        for path in self.folder.iterdir():
            lines = path.read_text().splitlines()
            notes.update(line.rpartition(",")[2] for line in lines[1:])
        return notes


@pytest.mark.proof
def test_a_log_that_is_written_while_it_is_read_loses_and_tears_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sync, "PASS_SECONDS", 0)
    check = Watch.check
    for seed in range(RUNS):
        folder = tmp_path / str(seed)
        folder.mkdir()
        writer = Writer(folder, seed)
        writer.begin()
        machine = Machine(folder)

        turns = iter(range(writer.random.randint(1, 3)))

        def meanwhile(
            watch: Watch, batch: Batch | None, writer: Writer = writer, turns: Iterator[int] = turns
        ) -> None:
            if writer.random.random() < 0.5 and next(turns, None) is not None:
                writer.act()
            check(watch, batch)

        monkeypatch.setattr(Watch, "check", meanwhile)
        assert machine.run().failures == [], seed
        monkeypatch.setattr(Watch, "check", check)
        os.utime(writer.log)
        assert machine.run().failures == [], seed
        notes = [call["notes"] for call in machine.calls]
        assert set(notes) <= writer.ever, seed
        numbers = {note.partition(" ")[0] for note in notes}
        assert {note.partition(" ")[0] for note in writer.there()} <= numbers, seed
        assert len(numbers) == len(notes), seed
        # A copy may still say what was corrected in the log.
        assert list(folder.glob("copy*")) or writer.there() <= set(notes), seed
        check_figures(machine.files)
        shutil.rmtree(folder)


def test_a_file_that_is_written_anew_whenever_it_is_read_fails_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sync, "PASS_SECONDS", 0)
    writer = Writer(tmp_path, 1)
    writer.begin()
    check = Watch.check

    def meanwhile(watch: Watch, batch: Batch | None) -> None:
        writer.log.write_text(HEADER + "\n" + writer.lines(ROWS))
        check(watch, batch)

    monkeypatch.setattr(Watch, "check", meanwhile)
    machine = Machine(writer.log)
    (failure,) = machine.run().failures
    assert "written anew whenever it is read" in failure
    monkeypatch.undo()
    machine.run()
    notes = {call["notes"] for call in machine.calls}
    assert writer.there() <= notes


def test_a_writer_that_comes_between_two_batches_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "usage.csv"
    first = [row(number, notes=f"a{number}") for number in range(6_000)]
    second = [row(number, notes=f"b{number}") for number in range(6_000)]
    path.write_text("\n".join([HEADER, *first, ""]))
    machine = Machine(path)
    write = machine.write

    def rewriting(stream: str, records: list[dict[str, Any]]) -> None:
        write(stream, records)
        if path.read_text().startswith(HEADER + "\n" + first[0]):
            path.write_text("\n".join([HEADER, *second, ""]))

    machine.write = rewriting  # type: ignore[method-assign]  # the writer comes in between
    assert machine.run().failures == []
    # The notes are no part of a call's identity: the later reading of a row is what counts.
    assert {call["notes"] for call in machine.calls} == {f"b{number}" for number in range(6_000)}
    check_figures(machine.files)

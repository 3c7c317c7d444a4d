"""What a file's first bytes say, however long, short, encoded or broken they are."""

from __future__ import annotations

import gzip
import json
import os
from typing import TYPE_CHECKING

import pytest

from support.llm_csv import HEADER, Machine, check_figures, row

if TYPE_CHECKING:
    from pathlib import Path


def call(second: int, notes: str = "") -> str:
    return json.dumps(
        {
            "timestamp": f"2026-02-01T00:00:{second:02d}Z", "model": "gpt-4o",
            "prompt_tokens": 1, "completion_tokens": 2, "notes": notes,
        }
    )  # fmt: skip


def test_a_single_json_line_without_an_end_is_read_once_it_is_idle(tmp_path: Path) -> None:
    path = tmp_path / "usage.ndjson"
    path.write_text(call(1))
    machine = Machine(path)
    machine.run()
    assert machine.calls == []
    os.utime(path, (1, 1))
    machine.run()
    assert len(machine.calls) == 1


@pytest.mark.parametrize("name", ["usage.ndjson", "usage.csv"])
def test_a_first_row_longer_than_the_first_look_is_read(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    long = "x" * 200_000
    lines = [call(1, long), call(2)]
    if name.endswith("csv"):
        lines = [HEADER, row(1, notes=long), row(2)]
    path.write_text("\n".join(lines) + "\n")
    machine = Machine(path)
    machine.run()
    assert len(machine.calls) == 2
    machine.forget()
    machine.run()
    assert len(machine.files) == 1


def test_a_first_row_too_long_to_read_is_rejected_and_the_others_read(tmp_path: Path) -> None:
    path = tmp_path / "usage.csv"
    path.write_text("\n".join([HEADER, row(1, notes="x" * 3_000_000), row(2)]) + "\n")
    machine = Machine(path)
    machine.run()
    assert len(machine.calls) == 1
    assert [reject["code"] for reject in machine.rejects] == ["field_too_large"]
    check_figures(machine.files)


def test_a_first_json_line_that_is_broken_costs_that_line_only(tmp_path: Path) -> None:
    path = tmp_path / "usage.ndjson"
    path.write_text("{broken\n" + call(2) + "\n")
    machine = Machine(path)
    machine.run()
    assert len(machine.calls) == 1
    assert [reject["line_number"] for reject in machine.rejects] == [1]


def test_json_in_utf_16_is_read(tmp_path: Path) -> None:
    path = tmp_path / "usage.ndjson"
    path.write_bytes(("\ufeff" + call(1) + "\n" + call(2) + "\n").encode("utf-16-le"))
    machine = Machine(path)
    machine.run()
    assert len(machine.calls) == 2


def test_the_encoding_that_excel_calls_utf_8_needs_no_mark(tmp_path: Path) -> None:
    path = tmp_path / "usage.csv"
    path.write_text(HEADER + "\n" + row(1) + "\n")
    machine = Machine(path, encoding="utf-8-sig")
    machine.run()
    assert len(machine.calls) == 1


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_a_line_of_utf_16_is_recovered_and_kept_as_text(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "usage.csv"
    lines = [HEADER, row(1, notes='"torn" note'), "bad", row(2), ""]
    path.write_bytes(("\ufeff" + "\r\n".join(lines)).encode(encoding))
    machine = Machine(path)
    machine.run()
    assert machine.notes() == ['"torn" note', None]
    assert {reject["raw"] for reject in machine.rejects} == {"bad", row(1, notes='"torn" note')}


def test_a_damaged_archive_fails_alone_and_in_words(tmp_path: Path) -> None:
    text = "\n".join([HEADER, *(row(i, notes=os.urandom(8).hex()) for i in range(500))]) + "\n"
    packed = bytearray(gzip.compress(text.encode()))
    packed[200:400] = b"\xff" * 200
    (tmp_path / "a.csv.gz").write_bytes(packed)
    (tmp_path / "b.csv").write_text(HEADER + "\n" + row(1) + "\n")
    machine = Machine(tmp_path)
    (failure,) = machine.run().failures
    assert "a.csv.gz cannot be read" in failure
    assert any(call["source_file"].endswith("b.csv") for call in machine.calls)


def test_data_where_the_header_should_be_is_not_repeated(tmp_path: Path) -> None:
    path = tmp_path / "usage.csv"
    path.write_text(row(1, notes="secret") + "\n")
    machine = Machine(path, reject_raw="none")
    (failure,) = machine.run().failures
    assert "names of the columns" in failure
    assert "secret" not in failure + str(machine.tables)

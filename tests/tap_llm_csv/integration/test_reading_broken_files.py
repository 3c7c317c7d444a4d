"""Files as they are found: what is lost of each is one line at most."""

from __future__ import annotations

import codecs
import gzip
from typing import TYPE_CHECKING, Any

import pytest

from support.llm_csv import HEADER, Machine, check_figures, row

if TYPE_CHECKING:
    from pathlib import Path


def read(folder: Path, content: bytes, *, idle: bool = True, **config: Any) -> Machine:
    path = folder / "usage.csv"
    path.write_bytes(content)
    machine = Machine(path, idle_seconds=0 if idle else 10**9, max_reject_ratio=1.0, **config)
    summary = machine.run()
    assert not summary.failures, summary.failures
    check_figures(machine.files)
    return machine


def lines(*rows: str, end: str = "\n", header: str = HEADER) -> str:
    return end.join([header, *rows]) + end


def codes(machine: Machine) -> list[str]:
    return [
        reject["code"] for reject in sorted(machine.rejects, key=lambda entry: entry["line_number"])
        if reject["severity"] == "rejected"
    ]  # fmt: skip


NOTES = [row(second, notes=f"t{second}") for second in range(1, 6)]


@pytest.mark.parametrize(
    "content",
    [
        lines(*NOTES).encode(),
        codecs.BOM_UTF8 + lines(*NOTES).encode(),
        lines(*NOTES, end="\r\n").encode(),
        lines(*NOTES, end="\r").encode(),
        lines(*NOTES).encode().rstrip(b"\n"),
        codecs.BOM_UTF16_LE + lines(*NOTES).encode("utf-16-le"),
        codecs.BOM_UTF16_BE + lines(*NOTES, end="\r\n").encode("utf-16-be"),
        lines(*NOTES).replace(",", ";").encode(),
        lines(*NOTES).replace(",", "\t").encode(),
        lines(*NOTES).replace(",", "|").encode(),
        b"sep=,\n" + lines(*NOTES).encode(),
        b"\n\n" + lines(*NOTES).encode(),
    ],
    ids=["plain", "bom", "crlf", "cr", "no final newline", "utf-16-le", "utf-16-be", "semicolon",
         "tab", "pipe", "sep line", "blank lines first"],
)  # fmt: skip
def test_every_common_form_of_csv_is_read(tmp_path: Path, content: bytes) -> None:
    machine = read(tmp_path, content)
    assert machine.notes() == ["t1", "t2", "t3", "t4", "t5"]
    assert not machine.rejects


def test_another_encoding_is_a_setting(tmp_path: Path) -> None:
    machine = read(tmp_path, lines(row(1, notes="café")).encode("cp1252"), encoding="cp1252")
    assert machine.notes() == ["café"]


def test_quoted_line_ends_and_quotes_are_part_of_the_notes(tmp_path: Path) -> None:
    machine = read(
        tmp_path, lines(row(1, notes='"one\ntwo, ""three"""'), row(2, notes="x")).encode()
    )
    assert machine.notes() == ['one\ntwo, "three"', "x"]


def test_a_poison_quote_costs_nothing_where_the_writer_never_quotes(tmp_path: Path) -> None:
    content = lines(NOTES[0], row(2, notes='"t2'), NOTES[2], NOTES[3]).encode()
    machine = read(tmp_path, content, idle=False)
    assert machine.notes() == ["t1", '"t2', "t3", "t4"]
    (entry,) = machine.rejects
    assert entry["severity"] == "recovered"


def test_a_poison_quote_costs_its_own_line_only(tmp_path: Path) -> None:
    head = HEADER + ",session_id"
    rows = [f"{row(second, notes='x')},s{second}" for second in range(1, 5)]
    rows[1] = rows[1].replace(",x,", ',"x,')
    machine = read(tmp_path, lines(*rows, header=head).encode(), idle=False)
    assert sorted(call["session_id"] for call in machine.calls) == ["s1", "s3", "s4"]
    assert codes(machine) == ["unterminated_quote"]


def test_a_stray_quote_that_closes_later_costs_its_own_line_only(tmp_path: Path) -> None:
    head = HEADER + ",session_id"
    rows = [f"{row(second, notes='x')},s{second}" for second in range(1, 6)]
    rows[1] = rows[1].replace(",x,", ',"x,')
    rows[3] = rows[3].replace(",x,", ',x",')
    machine = read(tmp_path, lines(*rows, header=head).encode())
    assert sorted(call["session_id"] for call in machine.calls) == ["s1", "s3", "s4", "s5"]
    assert len(codes(machine)) == 1


def test_an_open_quote_without_a_row_after_it_waits_until_the_file_is_idle(tmp_path: Path) -> None:
    content = lines(NOTES[0]).encode() + row(2, notes='"first\nsecond').encode() + b"\n"
    machine = read(tmp_path, content, idle=False)
    assert machine.notes() == ["t1"]
    assert not machine.rejects
    machine.config["idle_seconds"] = 0
    machine.run()
    assert machine.notes() == ["t1", '"first']
    assert codes(machine) == ["too_few_fields"]


def test_an_open_quote_does_not_block_a_live_file_for_ever(tmp_path: Path) -> None:
    filler = [f"line {number}" for number in range(30)]
    content = lines(NOTES[0], row(2, notes='"open'), *filler).encode()
    machine = read(tmp_path, content, idle=False, max_record_lines=20)
    assert '"open' in machine.notes()


def test_a_torn_last_line_waits_for_the_next_run(tmp_path: Path) -> None:
    content = lines(*NOTES[:2]).encode()
    machine = read(tmp_path, content[:-5], idle=False)
    assert machine.notes() == ["t1"]
    (tmp_path / "usage.csv").write_bytes(content)
    machine.run()
    assert machine.notes() == ["t1", "t2"]
    assert not machine.rejects


def test_a_repeated_header_is_skipped_and_counted(tmp_path: Path) -> None:
    machine = read(tmp_path, lines(NOTES[0], HEADER, NOTES[1]).encode())
    assert machine.notes() == ["t1", "t2"]
    (file,) = machine.files
    assert (file["rows_read"], file["rows_skipped"]) == (3, 1)


def test_a_header_that_changes_in_the_middle_is_followed(tmp_path: Path) -> None:
    machine = read(
        tmp_path,
        lines(NOTES[0], HEADER + ",session_id", NOTES[1] + ",s2", NOTES[2] + ",s3").encode(),
    )
    assert machine.notes() == ["t1", "t2", "t3"]
    assert [call.get("session_id") for call in machine.calls] == [None, "s2", "s3"]


def test_a_run_resumes_under_the_header_that_changed_in_the_middle(tmp_path: Path) -> None:
    content = lines(NOTES[0], HEADER + ",session_id", NOTES[1] + ",s2").encode()
    machine = read(tmp_path, content)
    with (tmp_path / "usage.csv").open("ab") as file:
        file.write((NOTES[2] + ",s3\n").encode())
    machine.run()
    assert sorted(filter(None, (call.get("session_id") for call in machine.calls))) == ["s2", "s3"]


def test_ragged_rows_are_rejected(tmp_path: Path) -> None:
    machine = read(
        tmp_path, lines(NOTES[0], "2026-02-01,gpt", NOTES[1] + ",more", NOTES[2]).encode()
    )
    assert machine.notes() == ["t1", "t3"]
    assert codes(machine) == ["too_few_fields", "too_many_fields"]


def test_a_nul_and_bad_bytes_cost_their_own_lines(tmp_path: Path) -> None:
    content = lines(NOTES[0], row(2, notes="a\0b"), NOTES[2]).encode()
    content += row(4, notes="caf").encode() + b"\xe9\n" + NOTES[4].encode() + b"\n"
    machine = read(tmp_path, content)
    assert machine.notes() == ["t1", "t3", "t5"]
    assert codes(machine) == ["nul_byte", "invalid_utf8"]
    assert all(reject["raw"].startswith("base64:") for reject in machine.rejects)


def test_a_huge_line_is_rejected_in_little_memory(tmp_path: Path) -> None:
    content = lines(NOTES[0], row(2, notes="x" * 5_000_000), NOTES[2]).encode()
    machine = read(tmp_path, content)
    assert machine.notes() == ["t1", "t3"]
    assert codes(machine) == ["field_too_large"]
    assert len(machine.rejects[0]["raw"]) < 3000


def test_a_large_cell_below_the_limit_is_read(tmp_path: Path) -> None:
    machine = read(tmp_path, lines(row(1, notes="x" * 900_000)).encode())
    assert len(machine.notes()[0]) == 900_000


def test_blank_lines_and_empty_rows_are_skipped_and_counted(tmp_path: Path) -> None:
    machine = read(tmp_path, lines(NOTES[0], "", ",,,,,,,", "   ", NOTES[1]).encode())
    assert machine.notes() == ["t1", "t2"]
    assert machine.files[0]["rows_skipped"] == 3


def test_a_lone_carriage_return_costs_its_own_line(tmp_path: Path) -> None:
    rows = [f"{text},s" for text in (NOTES[0], row(2, notes="a\rb"), NOTES[2])]
    machine = read(tmp_path, lines(*rows, header=HEADER + ",session_id").encode())
    assert machine.notes() == ["t1", "t3"]
    assert codes(machine) == ["bare_cr"]


def test_identical_rows_in_one_instant_stay_as_many_as_they_are(tmp_path: Path) -> None:
    assert len(read(tmp_path, lines(*[NOTES[0]] * 3).encode()).calls) == 3


def test_a_compressed_file_is_read(tmp_path: Path) -> None:
    machine = read(tmp_path, gzip.compress(lines(*NOTES).encode()))
    assert machine.notes() == ["t1", "t2", "t3", "t4", "t5"]
    machine.run()
    assert sum(machine.sent.values()) == 0


def test_a_truncated_compressed_file_fails_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "usage.csv.gz").write_bytes(gzip.compress(lines(*NOTES).encode())[:-20])
    summary = Machine(tmp_path).run()
    assert "usage.csv.gz cannot be read" in summary.failures[0]


def test_json_lines_are_read(tmp_path: Path) -> None:
    path = tmp_path / "calls.ndjson"
    good = (
        '{"timestamp":"2026-02-01T00:00:0%dZ","model":"gpt-4o","input_tokens":1,"output_tokens":2}'
    )
    path.write_text("\n".join([good % 1, "", "not json", good % 2, good % 2]) + "\n")
    machine = Machine(path)
    machine.run()
    assert len(machine.calls) == 3
    assert codes(machine) == ["bad_json"]
    check_figures(machine.files)
    with path.open("a") as file:
        file.write(good % 2 + "\n")
    machine.run()
    assert machine.sent["llm_calls"] == 1
    assert len(machine.calls) == 4


def test_rows_before_the_start_date_are_skipped_and_counted(tmp_path: Path) -> None:
    machine = read(
        tmp_path, lines(row(0), row(86400), row(2 * 86400)).encode(), start_date="2026-02-02"
    )
    assert len(machine.calls) == 2
    assert machine.files[0]["rows_skipped"] == 1

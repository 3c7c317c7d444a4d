"""What cannot be read is in the ledger, and can be read later."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from support.llm_csv import HEADER, Machine, check_figures, row

if TYPE_CHECKING:
    from pathlib import Path


def log_of(folder: Path, *lines: str) -> Path:
    path = folder / "usage.csv"
    path.write_text("\n".join([HEADER, *lines]) + "\n", encoding="utf-8")
    return path


def test_a_line_that_cannot_be_read_says_where_and_why(tmp_path: Path) -> None:
    bad = row(1).replace(",10,", ",ten,")
    machine = Machine(log_of(tmp_path, row(0), bad, row(2)))
    machine.run()
    (reject,) = machine.rejects
    assert reject["code"] == "bad_integer"
    assert reject["column_name"] == "prompt_tokens"
    assert reject["line_number"] == 3
    assert reject["byte_offset"] == len(HEADER) + 1 + len(row(0)) + 1
    assert reject["raw"] == bad
    assert len(machine.calls) == 2
    check_figures(machine.files)


def test_reading_again_adds_no_reject(tmp_path: Path) -> None:
    machine = Machine(log_of(tmp_path, "a,b", row(1)))
    machine.run()
    machine.forget()
    machine.run()
    assert len(machine.rejects) == 1
    assert len(machine.files) == 1


@pytest.mark.parametrize(
    ("policy", "kept"),
    [("none", None), ("hash", "blake2b:"), ("truncated", "secret"), ("full", "secret")],
)
def test_the_text_of_a_rejected_line_is_kept_as_the_setting_says(
    tmp_path: Path, policy: str, kept: str | None
) -> None:
    machine = Machine(log_of(tmp_path, row(1).replace("true", "secret")), reject_raw=policy)
    machine.run()
    (reject,) = machine.rejects
    if kept is None:
        assert reject["raw"] is None
    else:
        assert kept in reject["raw"]
    if policy in {"none", "hash"}:
        assert "secret" not in str(machine.tables)


def test_what_is_redacted_in_rows_is_not_kept_of_rejected_lines(tmp_path: Path) -> None:
    line = row(1, notes="private words").replace("true", "perhaps")
    machine = Machine(log_of(tmp_path, line), redact={"notes": "drop"})
    machine.run()
    assert "private" not in str(machine.tables)


def test_after_a_fix_only_the_rejected_lines_are_read_again(tmp_path: Path) -> None:
    same = row(4, notes="café")
    lines = [row(0), row(1, notes="thé"), row(2), same, same.replace("é", "e"), row(5)]
    path = tmp_path / "usage.csv"
    path.write_bytes("\n".join([HEADER, *lines, ""]).encode("cp1252"))
    machine = Machine(path)
    machine.run()
    assert len(machine.rejects) == 2
    assert len(machine.calls) == 4
    machine.run(replay_rejects=True)
    assert len(machine.calls) == 4
    assert {reject["severity"] for reject in machine.rejects} == {"rejected"}
    machine.config["encoding"] = "cp1252"
    machine.run()
    assert sum(machine.sent.values()) == 0
    machine.run(replay_rejects=True)
    assert machine.sent["llm_calls"] == 2
    assert {reject["severity"] for reject in machine.rejects} == {"resolved"}
    (file,) = machine.files
    assert (file["rows_read"], file["rows_emitted"], file["rows_rejected"]) == (6, 6, 0)
    assert len(machine.calls) == 6
    again = machine.anew()
    again.run()
    assert again.call_ids == machine.call_ids
    machine.run(replay_rejects=True)
    assert machine.sent["llm_calls"] == 0


def test_on_reject_fail_stops_before_the_line_and_comes_back_to_it(tmp_path: Path) -> None:
    path = log_of(tmp_path, row(0), "broken", row(2))
    machine = Machine(path, on_reject="fail")
    summary = machine.run()
    assert "line 3" in summary.failures[0]
    assert len(machine.calls) == 1
    path.write_text(path.read_text().replace("broken", row(1)))
    assert not machine.run().failures
    assert len(machine.calls) == 3


def test_max_rejects_gives_a_file_up(tmp_path: Path) -> None:
    machine = Machine(log_of(tmp_path, row(0), "one", "two", "three", row(2)), max_rejects=2)
    summary = machine.run()
    assert "more than 2 lines" in summary.failures[0]
    assert len(machine.rejects) == 3
    assert len(machine.calls) == 1


def test_a_file_that_is_mostly_unreadable_is_given_up_before_anything_is_sent(
    tmp_path: Path,
) -> None:
    lines = [row(i) if i % 3 == 0 else "rubbish,line" for i in range(90)]
    machine = Machine(log_of(tmp_path, *lines))
    summary = machine.run()
    assert "dialect is probably wrong" in summary.failures[0]
    assert not machine.calls
    (file,) = machine.files
    assert file["status"] == "failed"


def test_one_bad_file_does_not_stop_the_others(tmp_path: Path) -> None:
    log_of(tmp_path, row(0))
    (tmp_path / "other.csv").write_text("what,is,this\n1,2,3\n")
    machine = Machine(tmp_path)
    summary = machine.run()
    assert len(summary.failures) == 1
    assert "other.csv" in summary.failures[0]
    assert len(machine.calls) == 1


@pytest.mark.parametrize("setting", [{"on_reject": "fail"}, {"max_rejects": 0}])
def test_a_file_that_is_given_up_is_told_and_gone_on_from_where_it_stopped(
    tmp_path: Path, setting: dict[str, Any]
) -> None:
    path = log_of(tmp_path, row(0), row(1).replace(",10,", ",secret,"), row(2))
    machine = Machine(path, reject_raw="none", **setting)
    (failure,) = machine.run().failures
    (file,) = machine.files
    assert (file["status"], file["rows_read"], file["rows_emitted"]) == ("failed", 1, 1)
    assert "secret" not in failure + str(machine.tables) + str(machine.state)
    path.write_text(path.read_text().replace(",secret,", ",10,"))
    machine.run()
    assert machine.sent["llm_calls"] == 2
    assert [file["status"] for file in machine.files] == ["active"]


def test_every_line_of_a_block_that_is_read_after_a_fix_is_marked(tmp_path: Path) -> None:
    odd = [row(second).replace("2026-02-01T", "01/02/2026 ") for second in (1, 2, 3)]
    path = log_of(tmp_path, row(0), *(line.replace("Z,", ",") for line in odd), "bad", row(9))
    machine = Machine(path, max_reject_ratio=1)
    machine.run()
    assert [reject["severity"] for reject in machine.rejects] == ["rejected"] * 4
    fixed = [{"path": str(path), "time_format": "%d/%m/%Y %H:%M:%S"}]
    machine.run(replay_rejects=True, path=None, files=fixed)
    told = {reject["line_number"]: reject["severity"] for reject in machine.rejects}
    assert told == {3: "resolved", 4: "resolved", 5: "resolved", 6: "rejected"}


@pytest.mark.parametrize("how", ["settings", "file"])
def test_lines_of_an_export_that_are_read_after_a_fix_are_marked(tmp_path: Path, how: str) -> None:
    path = log_of(tmp_path, row(0), row(1).replace("2026-02-01T", "01/02/2026 ").replace("Z,", ","))
    entry = {"path": str(path), "mode": "snapshot"}
    machine = Machine("", files=[entry])
    machine.run()
    assert [reject["severity"] for reject in machine.rejects] == ["rejected"]
    if how == "settings":
        entry["time_format"] = "%d/%m/%Y %H:%M:%S"
        path.write_text(path.read_text())
        machine.run(replay_rejects=True)
    else:
        log_of(tmp_path, row(0), row(1), row(2))
        machine.run()
    assert [reject["severity"] for reject in machine.rejects if reject["line_number"] == 3] == [
        "resolved"
    ]


def test_a_line_is_read_again_under_the_header_that_it_stands_under(tmp_path: Path) -> None:
    swapped = HEADER.replace("prompt_tokens,completion_tokens", "completion_tokens,prompt_tokens")
    odd = row(3, tokens=77).replace("2026-02-01T", "01/02/2026 ").replace("Z,", ",")
    path = log_of(tmp_path, row(1), swapped, row(2), odd, HEADER + ",session_id", row(5) + ",s")
    machine = Machine(path)
    machine.run()
    fixed = [{"path": str(path), "time_format": "%d/%m/%Y %H:%M:%S"}]
    machine.run(replay_rejects=True, path=None, files=fixed)
    (call,) = [call for call in machine.calls if call["source_line"] == 5]
    assert (call["input_tokens"], call["output_tokens"]) == (5, 77)
    check_figures(machine.files)

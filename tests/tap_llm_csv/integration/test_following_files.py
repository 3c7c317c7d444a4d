"""A file is recognised by what is in it, wherever it goes and whatever happens to it."""

from __future__ import annotations

import gzip
import json
import os
import shutil
from typing import TYPE_CHECKING

from support.llm_csv import HEADER, Machine, check_figures, row

if TYPE_CHECKING:
    from pathlib import Path


def text(*rows: str, header: str = HEADER) -> str:
    return "\n".join([header, *rows]) + "\n"


def rows(first: int, last: int) -> list[str]:
    return [row(second, notes=f"n{second}") for second in range(first, last)]


def append(path: Path, *lines: str) -> None:
    with path.open("a") as file:
        file.write("\n".join(lines) + "\n")


def started(tmp_path: Path, *, count: int = 5, whole_folder: bool = False) -> tuple[Path, Machine]:
    path = tmp_path / "usage.csv"
    path.write_text(text(*rows(0, count)))
    machine = Machine(tmp_path if whole_folder else path)
    machine.run()
    assert len(machine.calls) == count
    return path, machine


def seconds(machine: Machine) -> list[int]:
    return sorted(int(call["notes"][1:]) for call in machine.calls)


def test_only_what_was_added_is_read(tmp_path: Path) -> None:
    path, machine = started(tmp_path)
    append(path, *rows(5, 8))
    machine.run()
    assert machine.sent["llm_calls"] == 3
    assert seconds(machine) == list(range(8))
    check_figures(machine.files)
    assert machine.files[0]["rows_read"] == 8


def test_an_unchanged_file_sends_nothing(tmp_path: Path) -> None:
    path, machine = started(tmp_path)
    os.utime(path, (1, 1))
    summary = machine.run()
    assert sum(machine.sent.values()) == 0
    assert summary.unchanged == 1


def test_rows_added_just_before_a_rotation_are_not_lost(tmp_path: Path) -> None:
    path, machine = started(tmp_path)
    append(path, *rows(5, 7))
    path.rename(tmp_path / "usage_backup_20260201_000007.csv")
    path.write_text(text(*rows(7, 9)))
    machine.run()
    assert machine.sent["llm_calls"] == 4
    assert seconds(machine) == list(range(9))
    assert {file["status"] for file in machine.files} == {"active", "rotated"}
    machine.run()
    assert sum(machine.sent.values()) == 0


def test_a_file_that_is_away_for_a_moment_is_no_error(tmp_path: Path) -> None:
    path, machine = started(tmp_path)
    path.rename(tmp_path / "usage_backup_1.csv")
    assert not machine.run().failures
    path.write_text(text(*rows(5, 6)))
    machine.run()
    assert seconds(machine) == list(range(6))


def test_equal_calls_on_both_sides_of_a_rotation_stay_two(tmp_path: Path) -> None:
    path = tmp_path / "usage.csv"
    path.write_text(text(row(1), row(2)))
    machine = Machine(tmp_path)
    machine.run()
    path.rename(tmp_path / "usage_backup_1.csv")
    path.write_text(text(row(2), row(2), row(3)))
    machine.run()
    assert len(machine.calls) == 5
    append(path, row(2))
    machine.run()
    assert len(machine.calls) == 6
    before = machine.call_ids
    machine.forget()
    machine.run()
    again = machine.anew()
    again.run()
    assert machine.call_ids == before == again.call_ids


def test_a_rotated_log_that_is_compressed_is_not_read_again(tmp_path: Path) -> None:
    path, machine = started(tmp_path, whole_folder=True)
    path.unlink()
    (tmp_path / "usage.csv.1.gz").write_bytes(gzip.compress(text(*rows(0, 5)).encode()))
    path.write_text(text(*rows(5, 7)))
    machine.run()
    assert machine.sent["llm_calls"] == 2
    assert seconds(machine) == list(range(7))


def test_a_copy_adds_nothing(tmp_path: Path) -> None:
    path, machine = started(tmp_path, whole_folder=True)
    shutil.copy(path, tmp_path / "copy.csv")
    machine.run()
    assert len(machine.calls) == 5
    again = machine.anew()
    again.run()
    assert again.call_ids == machine.call_ids
    check_figures(machine.files)


def test_a_truncated_copy_in_the_same_second_adds_nothing(tmp_path: Path) -> None:
    (tmp_path / "usage.csv").write_text(text(row(1), row(1, tokens=2), row(1)))
    (tmp_path / "usage-old.csv").write_text(text(row(1), row(1, tokens=2)))
    machine = Machine(tmp_path)
    machine.run()
    assert len(machine.calls) == 3


def test_copy_and_truncate_is_followed(tmp_path: Path) -> None:
    path, machine = started(tmp_path)
    append(path, *rows(5, 7))
    shutil.copy(path, tmp_path / "usage.csv.1")
    path.write_text(text(*rows(7, 8)))
    machine.run()
    assert seconds(machine) == list(range(8))


def test_a_file_that_was_replaced_by_a_longer_one_is_read_from_its_beginning(
    tmp_path: Path,
) -> None:
    path, machine = started(tmp_path)
    path.write_text(text(*rows(100, 120)))
    machine.run()
    assert seconds(machine) == [*range(5), *range(100, 120)]


def test_rows_that_a_merge_inserted_are_found_and_the_others_keep_their_ids(tmp_path: Path) -> None:
    path, machine = started(tmp_path)
    before = machine.call_ids
    path.write_text(text(*rows(0, 2), row(900, notes="n900"), *rows(2, 5)))
    machine.run()
    assert before < machine.call_ids
    assert len(machine.calls) == 6
    (file,) = machine.files
    assert (file["generation"], file["rows_read"]) == (2, 6)


def test_a_checkout_that_changes_line_ends_keeps_the_ids(tmp_path: Path) -> None:
    path, machine = started(tmp_path)
    before = machine.call_ids
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    machine.run()
    assert machine.call_ids == before


def test_more_columns_and_a_corrected_note_keep_the_ids(tmp_path: Path) -> None:
    path, machine = started(tmp_path)
    before = machine.call_ids
    path.write_text(text(*(f"{line}!,s1" for line in rows(0, 5)), header=HEADER + ",session_id"))
    machine.run()
    assert machine.call_ids == before
    assert {call["session_id"] for call in machine.calls} == {"s1"}
    assert all(call["notes"].endswith("!") for call in machine.calls)


def test_the_next_file_may_have_another_header(tmp_path: Path) -> None:
    _, machine = started(tmp_path, whole_folder=True)
    (tmp_path / "usage2.csv").write_text(
        text(*(f"s9,{line}" for line in rows(5, 7)), header="session_id," + HEADER)
    )
    machine.run()
    assert [call["session_id"] for call in machine.calls if "session_id" in call] == ["s9", "s9"]
    assert seconds(machine) == list(range(7))


def test_files_that_share_a_header_are_told_apart(tmp_path: Path) -> None:
    first = tmp_path / "a.csv"
    second = tmp_path / "b.csv"
    first.write_text(text())
    second.write_text(text())
    machine = Machine(tmp_path)
    machine.run()
    append(first, *rows(0, 3))
    append(second, *rows(3, 6))
    machine.run()
    append(second, *rows(6, 7))
    append(first, *rows(7, 8))
    machine.run()
    assert machine.sent["llm_calls"] == 2
    assert seconds(machine) == list(range(8))


def test_a_file_that_vanished_keeps_its_bookmark_for_a_while(tmp_path: Path) -> None:
    path, machine = started(tmp_path, whole_folder=True)
    content = path.read_text()
    path.unlink()
    assert not machine.run().failures
    path.write_text(content)
    machine.run()
    assert machine.sent["llm_calls"] == 0


def test_a_bookmark_of_a_live_file_takes_less_than_400_bytes(tmp_path: Path) -> None:
    _path, machine = started(tmp_path, count=3000)
    (saved,) = machine.state["llm_calls"]["files"].values()
    assert len(json.dumps(saved)) < 400


def test_a_damaged_state_costs_time_and_no_rows(tmp_path: Path) -> None:
    _path, machine = started(tmp_path)
    for saved in machine.state["llm_calls"]["files"].values():
        saved["at"] = "nonsense"
    machine.run()
    assert len(machine.calls) == 5


def test_equal_rows_far_apart_in_a_long_file_keep_their_numbers_over_runs(tmp_path: Path) -> None:
    path = tmp_path / "usage.csv"
    path.write_text(text(*[row(1)] * 9000))
    machine = Machine(path)
    machine.run()
    append(path, *[row(1)] * 3000)
    machine.run()
    assert len(machine.calls) == 12_000
    again = machine.anew()
    again.run()
    assert again.call_ids == machine.call_ids


def test_an_export_is_read_again_as_a_whole_and_overlaps_without_doubling(tmp_path: Path) -> None:
    head = "generation_id,created_at,cost_total,tokens_prompt,tokens_completion,model_permaslug\n"
    line = "gen-{0},2026-02-01 00:00:0{0}.000,0.1,10,5,openai/gpt-4o\n"
    (tmp_path / "one.csv").write_text(head + "".join(line.format(n) for n in (3, 2, 1)))
    machine = Machine(tmp_path)
    assert not machine.run().failures
    (tmp_path / "two.csv").write_text(head + "".join(line.format(n) for n in (5, 4, 3, 2)))
    machine.run()
    assert len(machine.calls) == 5
    machine.run()
    assert sum(machine.sent.values()) == 0


ACTIVITY = "Date,Slug,Usage,BYOK Usage,Requests,Prompt Tokens,Completion Tokens,Reasoning Tokens\n"


def activity(day: int, requests: int) -> str:
    return f"2026-02-{day:02d},openai/gpt-4o,0.5,0,{requests},100,50,0\n"


def requests_by_day(machine: Machine) -> dict[str, int]:
    buckets = machine.tables["llm_usage_buckets"].values()
    return {bucket["bucket_start"][:10]: bucket["requests"] for bucket in buckets}


def test_equal_buckets_of_one_export_are_summed(tmp_path: Path) -> None:
    (tmp_path / "activity.csv").write_text(ACTIVITY + activity(1, 2) + activity(1, 3))
    machine = Machine(tmp_path)
    assert not machine.run().failures
    assert requests_by_day(machine) == {"2026-02-01": 5}
    check_figures(machine.files)


def test_the_newer_export_wins_even_when_the_older_one_is_found_later(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(ACTIVITY + activity(2, 20) + activity(3, 30))
    machine = Machine(tmp_path)
    machine.run()
    (tmp_path / "z.csv").write_text(ACTIVITY + activity(1, 10) + activity(2, 7))
    machine.run()
    expected = {"2026-02-01": 10, "2026-02-02": 20, "2026-02-03": 30}
    assert requests_by_day(machine) == expected
    again = machine.anew()
    again.run()
    assert requests_by_day(again) == expected
    machine.run()
    assert sum(machine.sent.values()) == 0


def test_the_state_does_not_grow_with_every_rotation(tmp_path: Path) -> None:
    path, machine = started(tmp_path)
    for turn in range(1, 6):
        path.rename(tmp_path / f"usage_backup_{turn}.csv")
        path.write_text(text(*rows(turn * 10, turn * 10 + 3)))
        machine.run()
        machine.run()
    assert len(machine.calls) == 20
    assert len(machine.state["llm_calls"]["files"]) == 2

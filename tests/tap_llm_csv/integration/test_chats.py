"""Chat requests in files: as a log, as our own export, half finished, and broken."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

import pytest

from support.llm_csv import Machine

if TYPE_CHECKING:
    from pathlib import Path

ID = "6F1B5C3E-0000-4000-8000-000000000001"
ASKED = {
    "log_id": ID, "user_id": "ana", "created_at": "2026-10-05T10:00:00Z",
    "user_question": "How many,\nand why?", "is_off_topic": False,
}  # fmt: skip


def written(folder: Path, *rows: dict[str, Any]) -> Path:
    path = folder / "chat_telemetry_log.ndjson"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def as_csv(folder: Path, *rows: dict[str, Any]) -> Path:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]))
    writer.writeheader()
    writer.writerows(
        {
            name: json.dumps(value) if isinstance(value, list) else value
            for name, value in row.items()
        }
        for row in rows
    )
    path = folder / "chats.csv"
    path.write_text(out.getvalue(), encoding="utf-8")
    return path


def rejects(machine: Machine) -> list[tuple[str, str | None]]:
    return [(row["code"], row["column_name"]) for row in machine.tables["llm_csv_rejects"].values()]


@pytest.mark.parametrize("write", [written, as_csv])
def test_a_whole_request_is_one_row(write: Any, tmp_path: Path) -> None:
    row = {
        **ASKED, "ai_response": '42, "because"', "generated_sql": "SELECT\n count(*)",
        "result_row_count": 1, "follow_up_suggestions": ["Why?", "Since when?"],
        "sql_model": "gpt-4o", "nl_to_sql_duration_ms": 812.4, "ttfb_ms": 90,
        "sql_input_tokens": 1200, "sql_output_tokens": 80, "sql_cached_tokens": 1024,
    }  # fmt: skip
    machine = Machine(write(tmp_path, row))
    machine.run()
    (stored,) = machine.tables["chat_telemetry_log"].values()
    expected = {
        **row, "log_id": ID.lower(), "created_at": "2026-10-05T10:00:00+00:00",
        "nl_to_sql_duration_ms": 812,
    }  # fmt: skip
    assert stored == expected


def test_what_a_request_does_not_mention_is_not_emptied(tmp_path: Path) -> None:
    machine = Machine(written(tmp_path, {**ASKED, "ai_response": "42"}, ASKED))
    machine.run()
    (stored,) = machine.tables["chat_telemetry_log"].values()
    assert stored["ai_response"] == "42"


def test_the_fingerprint_of_an_export_is_left_to_the_table(tmp_path: Path) -> None:
    machine = Machine(as_csv(tmp_path, {**ASKED, "generated_sql": "x", "sql_fingerprint": "abc"}))
    machine.run()
    (stored,) = machine.tables["chat_telemetry_log"].values()
    assert "sql_fingerprint" not in stored


def test_the_same_file_again_sends_nothing(tmp_path: Path) -> None:
    machine = Machine(written(tmp_path, ASKED))
    machine.run()
    machine.run()
    assert machine.sent["chat_telemetry_log"] == 0


@pytest.mark.parametrize(
    ("change", "code", "column"),
    [
        ({"log_id": "7"}, "bad_uuid", "log_id"),
        ({"log_id": None}, "missing_required", "log_id"),
        ({"user_id": " "}, "missing_required", "user_id"),
        ({"user_question": ""}, "missing_required", "user_question"),
        ({"is_off_topic": None}, "missing_required", "is_off_topic"),
        ({"is_off_topic": "perhaps"}, "bad_boolean", "is_off_topic"),
        ({"created_at": "yesterday"}, "bad_timestamp", "created_at"),
        ({"sql_input_tokens": -1}, "negative_value", "sql_input_tokens"),
        ({"ttfb_ms": "soon"}, "bad_number", "ttfb_ms"),
    ],
)
def test_a_bad_request_costs_its_own_line(
    change: dict[str, Any], code: str, column: str, tmp_path: Path
) -> None:
    good = {**ASKED, "log_id": "6f1b5c3e-0000-4000-8000-000000000002"}
    path = written(tmp_path, {**ASKED, **change}, good, {"log_id": ID, "user_id": "ana"})
    machine = Machine(path)
    summary = machine.run()
    assert [row["log_id"] for row in machine.tables["chat_telemetry_log"].values()] == [
        good["log_id"]
    ]
    assert (code, column) in rejects(machine)
    assert (summary.counts.read, summary.counts.emitted, summary.counts.rejected) == (3, 1, 2)


def test_question_answer_and_sql_can_be_redacted(tmp_path: Path) -> None:
    row = {**ASKED, "ai_response": "secret answer", "generated_sql": "SELECT 1"}
    rules = {"user_question": "hash", "ai_response": "truncate:6", "generated_sql": "drop"}
    machine = Machine(written(tmp_path, row), redact=rules, redact_key="k")
    machine.run()
    (stored,) = machine.tables["chat_telemetry_log"].values()
    assert (stored["ai_response"], stored["generated_sql"]) == ("secret", None)
    assert len(stored["user_question"]) == 32


def test_other_names_for_the_columns_are_mapped_by_settings(tmp_path: Path) -> None:
    path = tmp_path / "ours.csv"
    path.write_text(f"id,who,when,asked,off\n{ID},ana,2026-10-05T10:00:00Z,Why?,no\n")
    names = {
        "log_id": "id", "user_id": "who", "created_at": "when", "user_question": "asked",
        "is_off_topic": "off",
    }  # fmt: skip
    entry = {"path": str(path), "dialect": "chat", "column_map": names}
    machine = Machine("", files=[entry])
    machine.run()
    (stored,) = machine.tables["chat_telemetry_log"].values()
    assert stored["user_question"] == "Why?"

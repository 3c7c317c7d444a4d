"""What a record looks like in its file, whatever a program hands over."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from datetime import date, datetime, timezone
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any

import pytest

import telemetry_record


class Colour(Enum):
    RED = "red"


@dataclass
class Point:
    x: int


class Rude:
    def __str__(self) -> str:
        raise OSError("no")


@pytest.fixture(autouse=True)
def on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TELEMETRY_DB_ENABLED", "1")
    monkeypatch.setenv("TELEMETRY_DIR", str(tmp_path / "deep" / "er"))


def rows(tmp_path: Path, stream: str = "llm_calls") -> list[dict[str, Any]]:
    text = (tmp_path / f"deep/er/records/{stream}.ndjson").read_text("utf-8")
    return [json.loads(line, parse_constant=refuse) for line in text.splitlines()]


def refuse(word: str) -> None:
    raise AssertionError(f"{word} is no JSON")


def told(tmp_path: Path, value: Any) -> Any:
    telemetry_record.record_llm_call(extra=value)
    return rows(tmp_path)[-1]["extra"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (datetime(2026, 3, 1, 12, tzinfo=timezone.utc), "2026-03-01T12:00:00+00:00"),
        (date(2026, 3, 1), "2026-03-01"),
        (Decimal("0.10"), "0.10"),
        (uuid.UUID(int=7), "00000000-0000-0000-0000-000000000007"),
        (b"caf\xc3\xa9 \xff", "café \\xff"),
        (float("nan"), "nan"),
        (float("-inf"), "-inf"),
        (Colour.RED, "Colour.RED"),
        (Point(3), "Point(x=3)"),
        (Path("a/b"), "a/b"),
        ("half \ud83d of a pair", "half \\ud83d of a pair"),
        (1 + 2j, "(1+2j)"),
        (Rude(), "<Rude that cannot be told: OSError>"),
    ],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.parametrize("inside", [False, True])
def test_what_json_cannot_hold_is_told_as_text(
    tmp_path: Path, value: Any, text: str, *, inside: bool
) -> None:
    if inside:
        assert told(tmp_path, {"a": [value, 1]}) == {"a": [text, 1]}
    else:
        assert told(tmp_path, value) == text


def test_numbers_text_and_objects_stay_what_they_are(tmp_path: Path) -> None:
    value = {"a": [1, 2.5, True, None, "naïve ✓", 2**70], "b": {"c": []}}
    assert told(tmp_path, value) == value


def test_keys_that_json_cannot_hold_are_told_as_text(tmp_path: Path) -> None:
    assert told(tmp_path, {(1, 2): {date(2026, 3, 1): b"x"}}) == {"(1, 2)": {"2026-03-01": "x"}}


def test_an_integer_of_thousands_of_digits_is_kept(tmp_path: Path) -> None:
    assert told(tmp_path, 10**6000) == hex(10**6000)


def test_a_list_inside_itself_and_one_that_is_too_deep_are_told_as_text(tmp_path: Path) -> None:
    circle: list[Any] = [1]
    circle += [circle, circle]
    assert told(tmp_path, circle) == [1, str(circle), str(circle)]
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    assert "list that cannot be told" in str(told(tmp_path, deep))


def test_a_call_has_an_id_a_time_and_the_columns_that_a_reader_needs(tmp_path: Path) -> None:
    telemetry_record.record_llm_call(success=False, error_message="timeout")
    [row] = rows(tmp_path)
    assert uuid.UUID(row["call_id"]).version == 4
    assert datetime.fromisoformat(row["timestamp"]).utcoffset() is not None
    assert (row["model"], row["input_tokens"], row["output_tokens"]) == (None, None, None)
    assert (row["success"], row["error_message"]) == (False, "timeout")


def test_what_the_program_says_wins_over_the_defaults(tmp_path: Path) -> None:
    telemetry_record.record_chat_request(
        log_id="7", created_at="2026-03-01", user_id="u", user_question="why?", is_off_topic=True
    )
    [row] = rows(tmp_path, "chat_telemetry_log")
    assert row["log_id"] == "7"
    assert row["created_at"] == "2026-03-01"
    assert row["is_off_topic"] is True


def test_each_stream_has_its_file(tmp_path: Path) -> None:
    telemetry_record.record_token_estimation(deliverables_json=["a.py"], predicted_output_tokens=10)
    telemetry_record.record_trace_event(trace_id="t", type="edit", payload={"file": "a.py"})
    telemetry_record.record_chat_request(user_id="u", user_question="why?")
    assert rows(tmp_path, "token_estimation_v2_events")[0]["deliverables_json"] == ["a.py"]
    assert rows(tmp_path, "pr_trace_events")[0]["payload"] == {"file": "a.py"}
    assert rows(tmp_path, "chat_telemetry_log")[0]["is_off_topic"] is False


@pytest.mark.parametrize("value", ["", "0", "false", "off", "no", "2"])
def test_it_is_off_unless_it_is_switched_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("TELEMETRY_DB_ENABLED", value)
    telemetry_record.record_llm_call(model="m")
    monkeypatch.delenv("TELEMETRY_DB_ENABLED")
    telemetry_record.record_trace_event(type="edit")
    assert not (tmp_path / "deep").exists()


@pytest.mark.parametrize("value", ["1", "true", "YES", " on "])
def test_it_is_on_in_four_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("TELEMETRY_DB_ENABLED", value)
    telemetry_record.record_llm_call(model="m")
    assert len(rows(tmp_path)) == 1

from __future__ import annotations

from typing import Any

import pytest

from tap_llm_csv.dialects.model import PlanOptions
from tap_llm_csv.plans.choose import plan_for
from tap_llm_csv.records.redact import RedactError, check_rules, compile_rules, guessable

HEADER = [
    "timestamp",
    "model",
    "prompt_tokens",
    "completion_tokens",
    "task_success",
    "notes",
    "user_id",
    "team",
]
CELLS = [
    "2026-10-05T10:00:00Z",
    "gpt-4o",
    "1",
    "1",
    "false",
    "Phase 5 secret plan",
    "Ana@Example.com ",
    "core",
]


def redacted(
    rules: dict[str, str], key: str | None = None, cells: list[str] = CELLS
) -> tuple[dict[str, Any], bytes]:
    plan = plan_for(HEADER, PlanOptions(redact=rules, redact_key=key))
    record = plan.convert(cells)
    identity = plan.identity(record)
    plan.redact(record)
    return record, identity


def test_dropped_notes_leave_no_trace_in_the_error_message() -> None:
    record, _ = redacted({"notes": "drop"})
    assert record["notes"] is None
    assert record["error_message"] is None
    assert record["phase"] == "5"


def test_a_text_is_cut_to_length() -> None:
    record, _ = redacted({"notes": "truncate:7", "error_message": "truncate"})
    assert record["notes"] == "Phase 5"
    assert record["error_message"] == "Phase 5 secret plan"


def test_one_person_is_one_hash_and_another_key_another() -> None:
    first, _ = redacted({"user_id": "hash"}, "k1")
    typed = [*CELLS[:6], "ana@example.com", "core"]
    assert redacted({"user_id": "hash"}, "k1", typed)[0]["user_id"] == first["user_id"]
    assert redacted({"user_id": "hash"}, "k2")[0]["user_id"] != first["user_id"]
    assert "ana" not in first["user_id"].lower()


def test_redaction_does_not_change_which_call_it_is() -> None:
    plan = plan_for(HEADER, PlanOptions())
    assert plan.redact is None
    assert redacted({"notes": "drop", "user_id": "hash"})[1] == plan.identity(plan.convert(CELLS))


def test_a_column_inside_extra_can_be_redacted_alone() -> None:
    record, _ = redacted({"extra.team": "hash"})
    assert record["extra"]["team"] != "core"
    assert redacted({"extra": "drop"})[0]["extra"] is None


def test_a_hash_without_a_key_is_worth_a_warning() -> None:
    assert guessable({"user_id": "hash", "notes": "drop"}, None) == ["user_id"]
    assert guessable({"user_id": "hash"}, "secret") == []


def test_rules_of_another_stream_change_nothing() -> None:
    assert compile_rules({"notes": "drop"}, None, "llm_usage_buckets") is None


@pytest.mark.parametrize(
    "rules",
    [{"note": "drop"}, {"notes": "remove"}, {"notes": "truncate:x"}, {"notes": "hash:5"},
     {"input_tokens": "hash"}, {"source_line": "drop"}, {"notes.first": "drop"}],
)  # fmt: skip
def test_a_rule_that_would_do_nothing_is_refused(rules: dict[str, str]) -> None:
    with pytest.raises(RedactError, match="redact:"):
        check_rules(rules)

"""The page on adding a dialect, against the code: its example is run as it stands."""

from __future__ import annotations

import dataclasses
import json
import re
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from tap_llm_csv import dialects
from tap_llm_csv.dialects.model import Dialect, Kind, PlanOptions
from tap_llm_csv.plans.choose import plan_for

if TYPE_CHECKING:
    import pytest

PAGE = Path(__file__).parents[3] / "docs" / "adding-a-dialect.md"
TEXT = PAGE.read_text(encoding="utf-8")


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)
    assert found is not None
    return found[1]


def test_the_example_is_a_working_dialect(monkeypatch: pytest.MonkeyPatch) -> None:
    scope: dict[str, Any] = {}
    exec(compile(block("python"), str(PAGE), "exec"), scope)  # noqa: S102 - our own page
    dialect = scope["DIALECT"]
    monkeypatch.setitem(dialects.DIALECTS, dialect.name, dialect)
    header = [
        "response_id", "response_status", "request_created_at", "request_body", "request_user_id",
        "model", "prompt_tokens", "completion_tokens", "latency", "cost",
    ]  # fmt: skip
    plan = plan_for(header, PlanOptions())
    assert plan.dialect == "helicone"
    cells = ["r1", "429", "2026-10-05 10:00:00", "{}", "ana", "gpt-4o", "10", "0", "120", "0.5"]
    record = plan.convert(cells)
    assert record["success"] is False
    assert record["estimated_cost"] == Decimal("0.5")
    assert plan.row_id(record) == "r1"
    assert record["extra"] == {"response_id": "r1"}


def test_the_example_of_a_custom_file_is_read() -> None:
    (entry,) = json.loads(block("json"))["files"]
    options = PlanOptions(**{name: value for name, value in entry.items() if name != "path"})
    plan = plan_for(["When", "LLM", "tok in", "tok out", "Memo"], options)
    record = plan.convert(["2026-10-05 12:00", "gpt-4o", "1", "2", ""])
    assert record["timestamp"] == "2026-10-05T10:00:00+00:00"
    assert record["session_id"] == "batch-7"


def test_every_kind_and_every_word_of_a_dialect_is_explained() -> None:
    names = {field.name for field in dataclasses.fields(Dialect)} - {"name", "stream", "columns"}
    unexplained = {"derived", "identity", "hint", "keeps_cost"}
    for name in {*get_args(Kind), *(names - unexplained)}:
        assert f"`{name}" in TEXT or f"{name}=" in TEXT, name

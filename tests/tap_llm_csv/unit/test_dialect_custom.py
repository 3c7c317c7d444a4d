from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tap_llm_csv.dialects.model import HeaderError, PlanOptions
from tap_llm_csv.plans.choose import plan_for

HEADER = ["When", "LLM", "tok in", "tok out", "who", "Memo"]
MAP = {"timestamp": "When", "model": "LLM", "input_tokens": "tok in", "output_tokens": "tok out",
       "notes": "Memo"}  # fmt: skip
CELLS = ["05.10.2026 12:00", "gpt-4o", "1000000", "0", "ana", "Phase 2 started"]


def test_a_file_of_any_shape_is_read_by_a_map() -> None:
    plan = plan_for(
        HEADER,
        PlanOptions(column_map=MAP, timezone="Europe/Berlin", time_format="%d.%m.%Y %H:%M"),
    )
    record = plan.convert(CELLS)
    assert record["timestamp"] == "2026-10-05T10:00:00+00:00"
    assert record["estimated_cost"] == Decimal("2.5")
    assert record["phase"] == "2"
    assert record["extra"] == {"who": "ana"}
    assert record["source"] == "custom"


def test_constants_fill_what_the_file_does_not_say() -> None:
    options = PlanOptions(
        column_map=MAP | {"user_id": "who"},
        time_format="%d.%m.%Y %H:%M",
        constants={"session_id": "s-1", "user_id": "nobody", "success": True, "extra.team": "core"},
    )
    plan = plan_for(HEADER, options)
    assert plan.convert(CELLS)["user_id"] == "ana"
    record = plan.convert([*CELLS[:4], "", ""])
    assert (record["user_id"], record["session_id"], record["success"]) == ("nobody", "s-1", True)
    assert record["extra"] == {"team": "core"}


def test_a_map_names_columns_of_a_known_dialect_anew() -> None:
    header = ["timestamp", "model_used", "prompt_tokens", "completion_tokens"]
    plan = plan_for(header, PlanOptions(dialect="base", column_map={"model": "model_used"}))
    assert plan.dialect == "base"
    assert plan.convert(["2026-10-05T10:00:00Z", "gpt-4o", "1", "1"])["model"] == "gpt-4o"


def test_buckets_can_be_described_too() -> None:
    plan = plan_for(
        ["day", "model", "n", "team"],
        PlanOptions(
            stream="llm_usage_buckets",
            column_map={
                "bucket_start": "day",
                "model": "model",
                "requests": "n",
                "dimensions.team": "team",
            },
        ),
    )
    record = plan.convert(["2026-10-05", "gpt-4o", "3", "core"])
    assert (plan.key, record["requests"], record["dimensions"]) == ("grain", 3, {"team": "core"})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"column_map": {"timestamp": "When", "colour": "who"}}, "colour"),
        ({"column_map": {"model": "LLM"}, "dialect": "custom"}, "timestamp"),
        ({"column_map": {**MAP, "user_id": "whom"}}, "whom"),
        ({"column_map": MAP, "constants": {"colour": "red"}}, "colour"),
        ({"column_map": MAP, "constants": {"input_tokens": "many"}}, "input_tokens"),
        ({"column_map": MAP, "constants": {"source_file": "x"}}, "source_file"),
        ({"column_map": MAP, "stream": "llm_call"}, "llm_call"),
    ],
)
def test_a_description_that_does_not_fit_is_refused_by_name(
    options: dict[str, Any], message: str
) -> None:
    with pytest.raises(HeaderError, match=message):
        plan_for(HEADER, PlanOptions(**options))


def test_a_header_cannot_smuggle_code_into_the_row_function() -> None:
    nasty = [
        "timestamp",
        "model",
        "prompt_tokens",
        "completion_tokens",
        "x'] = __import__('os') #",
        "{a}\\",
        '"""\n',
    ]
    record = plan_for(nasty, PlanOptions()).convert(
        ["2026-10-05T10:00:00Z", "m", "1", "1", "one", "two", "three"]
    )
    assert list(record["extra"].values()) == ["one", "two", "three"]

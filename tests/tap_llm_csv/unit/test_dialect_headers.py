from __future__ import annotations

import csv
import random
from pathlib import Path

import pytest

from tap_llm_csv.dialects import DIALECTS
from tap_llm_csv.dialects.model import HeaderError, PlanOptions
from tap_llm_csv.plans.choose import plan_for

FIXTURES = Path(__file__).parents[1] / "fixtures"
BASE = ["timestamp", "model", "prompt_tokens", "completion_tokens", "task_success", "task_type",
        "duration_ms", "notes"]  # fmt: skip
FILES = {
    "anthropic_console_cost": "anthropic_console_cost",
    "anthropic_console_tokens": "anthropic_console_tokens",
    "anthropic_console_tokens_2025": "anthropic_console_tokens",
    "copilot_ai_credits": "copilot_usage",
    "copilot_premium_requests_v1": "copilot_requests",
    "copilot_premium_requests_v2": "copilot_usage",
    "coverage": "coverage",
    "cursor_individual": "cursor",
    "cursor_legacy": "cursor",
    "cursor_team_cloud": "cursor",
    "langfuse_observations": "langfuse_observations",
    "litellm_spendlogs": "litellm_spendlogs",
    "openai_completions_usage": "openai_completions_usage",
    "openai_cost": "openai_cost",
    "openrouter_activity": "openrouter_activity",
    "openrouter_generations": "openrouter_generations",
}


def header_of(name: str) -> list[str]:
    with (FIXTURES / f"{name}.csv").open(newline="", encoding="utf-8") as file:
        return next(csv.reader(file))


@pytest.mark.parametrize(("name", "dialect"), FILES.items())
def test_each_export_is_known_by_its_names_in_any_order(name: str, dialect: str) -> None:
    header = header_of(name)
    for seed in range(5):
        random.Random(seed).shuffle(header)  # noqa: S311
        assert plan_for(header, PlanOptions()).dialect == dialect


@pytest.mark.parametrize(("name", "dialect"), FILES.items())
def test_a_header_without_a_needed_column_is_refused_by_name(name: str, dialect: str) -> None:
    header = header_of(name)
    required = {column.headers for column in DIALECTS[dialect].columns if column.required}
    for names in required:
        rest = [title for title in header if title.casefold() not in names]
        with pytest.raises(HeaderError) as error:
            plan_for(rest, PlanOptions())
        assert error.value.code == "missing_required"
        assert any(one in error.value.message for one in names)


def test_case_blanks_and_a_byte_order_mark_do_not_matter() -> None:
    header = ["\ufeffTimestamp", " Model", "PROMPT_TOKENS ", "completion_tokens"]
    assert plan_for(header, PlanOptions()).dialect == "base"


def test_an_unknown_header_names_the_way_out() -> None:
    with pytest.raises(HeaderError, match="column_map") as error:
        plan_for(["a", "b", "c"], PlanOptions())
    assert error.value.code == "unknown_header"


def test_a_nearly_right_header_says_what_is_missing() -> None:
    with pytest.raises(
        HeaderError, match="completion_tokens, which the base dialect needs"
    ) as error:
        plan_for([*BASE[:3], *BASE[4:]], PlanOptions())
    assert error.value.code == "missing_required"


def test_a_column_named_twice_is_not_guessed_at() -> None:
    with pytest.raises(HeaderError, match="twice") as error:
        plan_for([*BASE, "model"], PlanOptions())
    assert error.value.code == "ambiguous_header"


def test_a_dialect_that_does_not_exist_is_refused() -> None:
    with pytest.raises(HeaderError, match="no dialect bas;"):
        plan_for(BASE, PlanOptions(dialect="bas"))


def test_a_named_dialect_is_held_to_its_columns() -> None:
    with pytest.raises(HeaderError, match="cursor dialect"):
        plan_for(BASE, PlanOptions(dialect="cursor"))


def test_only_the_writer_that_never_quotes_is_recovered_by_its_last_column() -> None:
    assert plan_for(BASE, PlanOptions()).recoverable
    assert not plan_for([*BASE, "session_id"], PlanOptions()).recoverable
    assert not plan_for(header_of("cursor_individual"), PlanOptions()).recoverable


def test_sums_without_dates_ask_for_them() -> None:
    header = header_of("cursor_summary")
    with pytest.raises(HeaderError, match="bucket_start and bucket_end as constants"):
        plan_for(header, PlanOptions())
    dated = PlanOptions(constants={"bucket_start": "2025-07-01", "bucket_end": "2025-08-01"})
    assert plan_for(header, dated).stream == "llm_usage_buckets"


def test_of_two_names_for_one_thing_the_first_counts_and_the_other_is_kept() -> None:
    plan = plan_for([*BASE, "input_tokens"], PlanOptions())
    record = plan.convert(["2026-10-05T10:00:00Z", "m", "1", "2", "", "", "", "", "3"])
    assert record["input_tokens"] == 1
    assert record["extra"] == {"input_tokens": "3"}


def test_a_second_form_of_the_time_serves_where_the_first_is_missing() -> None:
    header = [name for name in header_of("openai_completions_usage") if name != "start_time"]
    assert plan_for(header, PlanOptions()).dialect == "openai_completions_usage"

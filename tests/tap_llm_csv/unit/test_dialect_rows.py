"""What each export's rows become, from small files in the shape of the real ones."""

from __future__ import annotations

import csv
import os
from decimal import Decimal
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tap_llm_csv.dialects.model import PlanOptions
from tap_llm_csv.plans.choose import plan_for
from tap_llm_csv.records.cells import RowReject
from tap_llm_csv.records.schemas import SCHEMAS

if TYPE_CHECKING:
    from tap_llm_csv.plans.plan import RowPlan

FIXTURES = Path(__file__).parents[1] / "fixtures"
SAMPLES = Path(__file__).parents[4] / "shared" / "samples" / "llm"
BASE = ["timestamp", "model", "prompt_tokens", "completion_tokens", "task_success", "task_type",
        "duration_ms", "notes"]  # fmt: skip


def read(path: Path, **options: Any) -> tuple[RowPlan, list[dict[str, Any]]]:
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    plan = plan_for(rows[0], PlanOptions(**options))
    return plan, [plan.convert(row) for row in rows[1:]]


def fixture(name: str, **options: Any) -> tuple[RowPlan, list[dict[str, Any]]]:
    return read(FIXTURES / f"{name}.csv", **options)


def convert(plan: RowPlan, cells: list[str]) -> dict[str, Any] | RowReject:
    try:
        return plan.convert(cells)
    except RowReject as reject:
        return reject


def base_row(**cells: str) -> dict[str, Any]:
    row = {
        "timestamp": "2026-10-05T10:00:00Z", "model": "gpt-4o", "prompt_tokens": "100",
        "completion_tokens": "50", "task_success": "true", "task_type": "execute",
        "duration_ms": "1500", "notes": "", **cells,
    }  # fmt: skip
    return plan_for(BASE, PlanOptions()).convert([row[name] for name in BASE])


def test_a_base_row_becomes_a_typed_priced_call() -> None:
    assert base_row(notes="Phase 5 CI setup") == {
        "timestamp": "2026-10-05T10:00:00+00:00", "phase": "5", "prompt_name": "execute",
        "model": "gpt-4o", "provider": "openai", "input_tokens": 100, "output_tokens": 50,
        "total_tokens": 150, "estimated_cost": Decimal("0.00075"), "cost_source": "estimated",
        "price_version": base_row()["price_version"], "success": True, "error_message": None,
        "duration_ms": 1500, "notes": "Phase 5 CI setup", "source": "base",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("notes", "phase"),
    [
        ("Phase 12.1 fix", "12.1"), ("done with PHASE 3b", "3b"), ("phase: 7", "7"),
        ("phased out 5", None),
        ("Fix typo", None), ("phase five", None),
        ("rephase 4", None), ("phase out, then phase 4", "4"), ("", None),
    ],
)  # fmt: skip
def test_the_phase_is_found_in_the_notes(notes: str, phase: str | None) -> None:
    assert base_row(notes=notes)["phase"] == phase


def test_the_notes_of_a_failure_are_its_error_message() -> None:
    assert base_row(task_success="false", notes="Failed test")["error_message"] == "Failed test"
    assert base_row(task_success="", notes="Failed test")["error_message"] is None


def test_tokens_that_are_not_said_are_unknown_and_not_zero() -> None:
    record = base_row(completion_tokens="")
    assert record["output_tokens"] is None
    assert record["total_tokens"] is None
    assert record["estimated_cost"] is None


@pytest.mark.parametrize(
    ("cells", "code", "column"),
    [
        ({"timestamp": ""}, "missing_required", "timestamp"),
        ({"timestamp": "01/02/2026"}, "bad_timestamp", "timestamp"),
        ({"prompt_tokens": "NaN"}, "bad_integer", "prompt_tokens"),
        ({"completion_tokens": "-5"}, "negative_value", "completion_tokens"),
        ({"task_success": "perhaps"}, "bad_boolean", "task_success"),
        ({"model": "a\0b"}, "nul_byte", "model"),
        ({"notes": "a\0b"}, "nul_byte", "notes"),
        ({"prompt_tokens": str(2**63 - 1)}, "out_of_range", "total_tokens"),
    ],
)
def test_a_row_that_cannot_be_read_says_which_column_and_why(
    cells: list[str], code: str, column: str
) -> None:
    with pytest.raises(RowReject) as reject:
        base_row(**cells)
    assert (reject.value.code, reject.value.column) == (code, column)


def test_the_identity_of_a_call_ignores_what_may_be_corrected_later() -> None:
    plan = plan_for([*BASE, "session_id", "cost"], PlanOptions())
    cells = ["2026-10-05T10:00:00Z", "gpt-4o", "100", "50", "true", "execute", "1500", "", "s1", ""]
    first = plan.identity(plan.convert(cells))
    changed = [*cells[:4], "false", *cells[5:7], "a note", "s2", "0.5"]
    assert plan.identity(plan.convert(changed)) == first
    older = plan_for(BASE, PlanOptions())
    assert older.identity(older.convert(cells[:8])) == first
    assert plan.identity(plan.convert(["2026-10-05T10:00:01Z", *cells[1:]])) != first
    offset = ["2026-10-05T12:00:00+02:00", *cells[1:]]
    assert plan.identity(plan.convert(offset)) == first


def test_unknown_columns_are_kept_in_extra() -> None:
    plan = plan_for([*BASE, "Team", "empty"], PlanOptions())
    record = plan.convert(["2026-10-05T10:00:00Z", "gpt-4o", "1", "1", "", "", "", "", "core", ""])
    assert record["extra"] == {"Team": "core"}


def test_a_json_line_is_read_like_a_row() -> None:
    plan = plan_for(list(BASE), PlanOptions())
    record = plan.convert_object(
        {"timestamp": 1791194400, "model": "gpt-4o", "prompt_tokens": 1e2, "task_success": True,
         "completion_tokens": 5, "notes": None}
    )  # fmt: skip
    assert record["timestamp"] == "2026-10-05T10:00:00+00:00"
    assert (record["input_tokens"], record["output_tokens"], record["success"]) == (100, 5, True)


def test_cursors_disjoint_token_columns_add_up_to_its_total() -> None:
    for name in ("cursor_individual", "cursor_legacy", "cursor_team_cloud"):
        with (FIXTURES / f"{name}.csv").open(newline="", encoding="utf-8") as file:
            totals = [int(row["Total Tokens"]) for row in csv.DictReader(file)]
        assert [record["total_tokens"] for record in fixture(name)[1]] == totals


def test_cursors_cost_words_say_who_pays() -> None:
    _, rows = fixture("cursor_individual")
    assert [(row["estimated_cost"], row["cost_source"]) for row in rows[:3]] == [
        (Decimal("0.27"), "provided"), (Decimal(0), "covered"), (Decimal(0), "covered"),
    ]  # fmt: skip
    assert rows[3]["cost_source"] == "estimated"
    assert rows[2]["success"] is False
    assert rows[2]["error_message"] == "Errored, No Charge"
    assert rows[0]["extra"] == {"kind": "On-Demand", "max_mode": False}


def test_what_cursor_billed_counts_before_what_a_call_was_worth() -> None:
    _, rows = fixture("cursor_legacy")
    assert [row["estimated_cost"] for row in rows] == [Decimal("0.02"), Decimal(0)]
    assert [row["cost_source"] for row in rows] == ["provided", "covered"]


def test_a_cloud_agent_is_a_session() -> None:
    _, rows = fixture("cursor_team_cloud")
    assert (rows[0]["session_id"], rows[0]["user_id"]) == ("bc-1", "ana@example.com")
    assert rows[0]["extra"]["automation_id"] == "au-1"


def test_cursors_sums_are_buckets_of_the_time_that_constants_give() -> None:
    plan, rows = fixture(
        "cursor_summary", constants={"bucket_start": "2025-07-01", "bucket_end": "2025-08-01"}
    )
    assert plan.key == "grain"
    assert rows[0]["input_tokens"] == 33_000
    assert rows[0]["bucket_end"] == "2025-08-01T00:00:00+00:00"
    assert (rows[0]["cost"], rows[0]["requests"]) == (Decimal("1.25"), 12)


def test_an_openrouter_generation_keeps_its_id_and_its_cost() -> None:
    plan, rows = fixture("openrouter_generations")
    assert plan.key == "id"
    assert plan.row_id(rows[0]) == "gen-1782618417-abc"
    assert rows[0]["timestamp"] == "2026-06-28T03:46:57.125000+00:00"
    assert (rows[0]["estimated_cost"], rows[0]["cost_source"]) == (
        Decimal("0.00123456"),
        "provided",
    )
    assert (rows[0]["input_tokens"], rows[0]["cache_read_tokens"]) == (1000, 400)
    assert [row["success"] for row in rows] == [True, False]


def test_equal_days_of_openrouter_are_summed() -> None:
    plan, rows = fixture("openrouter_activity")
    assert plan.identity(rows[0]) == plan.identity(rows[1])
    merged = reduce(plan.merge, rows)
    assert (merged["requests"], merged["input_tokens"], merged["cost"]) == (15, 11_000, Decimal(2))
    assert merged["reasoning_tokens"] == 500
    assert merged["dimensions"]["details"]["byok_usage"] == Decimal("0.25")
    assert merged["bucket_end"] == "2026-10-02T00:00:00+00:00"


def test_anthropics_input_gets_its_cache_back() -> None:
    _, rows = fixture("anthropic_console_tokens")
    assert rows[0]["input_tokens"] == 1000 + 200 + 50 + 3000
    assert (rows[0]["cache_read_tokens"], rows[0]["cache_write_tokens"]) == (3000, 250)
    assert rows[0]["cost"] == Decimal("0.003") + Decimal("0.00075") + Decimal("0.0003") + Decimal(
        "0.0009"
    ) + Decimal("0.006")
    assert rows[0]["dimensions"]["workspace"] == "Build, test"


def test_anthropics_hours_and_days_have_their_length() -> None:
    _, rows = fixture("anthropic_console_tokens")
    assert rows[0]["bucket_end"] == "2026-10-02T00:00:00+00:00"
    assert rows[1]["bucket_start"] == "2026-10-01T13:00:00+00:00"
    assert rows[1]["bucket_end"] == "2026-10-01T14:00:00+00:00"


def test_a_bucket_on_special_terms_is_not_priced_at_the_list() -> None:
    _, rows = fixture("anthropic_console_tokens")
    assert (rows[1]["cost"], rows[1]["cost_source"]) == (Decimal("0.015"), "estimated")
    assert (rows[2]["cost"], rows[2]["cost_source"]) == (None, "unpriced")


def test_an_older_anthropic_export_is_read_too() -> None:
    _, rows = fixture("anthropic_console_tokens_2025")
    assert rows[0]["cost"] == Decimal("0.003")


def test_anthropics_cost_rows_stay_apart_by_token_type() -> None:
    plan, rows = fixture("anthropic_console_cost")
    assert plan.identity(rows[0]) != plan.identity(rows[1])
    assert rows[0]["cost"] == Decimal("0.123456")
    assert rows[0]["cost_source"] == "provided"
    assert rows[0]["dimensions"]["details"]["api_key_status"] == "active"


def test_openais_equal_rows_are_one_bucket_and_empty_days_none() -> None:
    with (FIXTURES / "openai_completions_usage.csv").open(newline="", encoding="utf-8") as file:
        header, first, second, empty = list(csv.reader(file))
    plan = plan_for(header, PlanOptions())
    rows = [plan.convert(first), plan.convert(second)]
    merged = reduce(plan.merge, rows)
    assert plan.identity(rows[0]) == plan.identity(rows[1])
    assert (merged["requests"], merged["input_tokens"], merged["cache_read_tokens"]) == (
        15,
        60_000,
        1000,
    )
    assert merged["cost"] == rows[0]["cost"] + rows[1]["cost"]
    assert merged["bucket_start"] == "2025-10-15T00:00:00+00:00"
    with pytest.raises(RowReject) as skip:
        plan.convert(empty)
    assert skip.value.skip


def test_openais_cost_lines_name_their_model() -> None:
    _, rows = fixture("openai_cost")
    assert (rows[0]["model"], rows[0]["cost"]) == ("gpt-5-nano", Decimal("0.001234567890"))


def test_a_litellm_row_leaves_contents_and_addresses_behind() -> None:
    plan, rows = fixture("litellm_spendlogs")
    assert "secret" not in str(rows)
    assert "10.0.0.7" not in str(rows)
    assert plan.row_id(rows[0]) == "chatcmpl-1"
    assert (rows[0]["duration_ms"], rows[0]["ttft_ms"]) == (2500, 500)
    assert (rows[0]["cache_read_tokens"], rows[0]["reasoning_tokens"]) == (40, 10)
    assert (rows[1]["success"], rows[1]["error_message"]) == (False, "Overloaded")
    assert rows[0]["estimated_cost"] == Decimal("0.00045")


def test_only_generations_of_langfuse_are_calls() -> None:
    with (FIXTURES / "langfuse_observations.csv").open(newline="", encoding="utf-8") as file:
        header, generation, span, failed = list(csv.reader(file))
    plan = plan_for(header, PlanOptions())
    record = plan.convert(generation)
    assert record["timestamp"] == "2026-10-01T10:00:00+00:00"
    assert (record["input_tokens"], record["output_tokens"]) == (1050, 200)
    assert (record["cache_read_tokens"], record["cache_write_tokens"]) == (900, 50)
    assert (record["duration_ms"], record["ttft_ms"]) == (2500, 750)
    assert (record["estimated_cost"], record["cost_source"]) == (Decimal("0.0048"), "provided")
    assert "secrets" not in str(record)
    assert record["extra"]["helpfulness"] == "1"
    assert plan.row_id(record) == "obs-1"
    with pytest.raises(RowReject) as skip:
        plan.convert(span)
    assert skip.value.skip
    error = plan.convert(failed)
    assert (error["success"], error["error_message"]) == (False, "Rate limited")
    assert error["cost_source"] == "estimated"


def test_a_copilot_request_within_the_quota_is_covered() -> None:
    _, rows = fixture("copilot_premium_requests_v1")
    assert rows[0]["timestamp"] == "2025-07-01T10:00:00.123456+00:00"
    assert [(row["estimated_cost"], row["cost_source"]) for row in rows] == [
        (Decimal(0), "covered"), (None, "unpriced"),
    ]  # fmt: skip
    assert rows[1]["extra"]["requests_used"] == Decimal(50)


def test_copilots_days_are_summed_exactly() -> None:
    plan, rows = fixture("copilot_premium_requests_v2")
    merged = reduce(plan.merge, rows)
    assert plan.identity(rows[0]) == plan.identity(rows[1])
    assert merged["dimensions"]["details"]["quantity"] == Decimal("109.03398500000002")
    assert merged["cost"] == Decimal("0.08")


def test_copilots_ai_credits_bring_tokens() -> None:
    _, rows = fixture("copilot_ai_credits")
    assert (rows[0]["input_tokens"], rows[0]["output_tokens"]) == (4040, 200)
    assert rows[0]["dimensions"]["details"]["aic_quantity"] == Decimal("12.5")


def test_coverage_is_a_share_of_lines() -> None:
    plan, rows = fixture("coverage")
    assert (plan.stream, plan.ordinals) == ("coverage_snapshots", False)
    assert rows[0]["percent"] == Decimal("87.5")
    assert "source" not in rows[0]


@pytest.mark.parametrize("path", sorted(FIXTURES.glob("*.csv")), ids=lambda path: path.stem)
def test_every_record_has_only_columns_of_its_stream(path: Path) -> None:
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    constants = {"bucket_start": "2025-07-01"} if path.stem == "cursor_summary" else {}
    plan = plan_for(rows[0], PlanOptions(constants=constants))
    columns = SCHEMAS[plan.stream]["schema"]["properties"].keys()
    for row in rows[1:]:
        record = convert(plan, row)
        if isinstance(record, RowReject):
            assert record.skip
            continue
        assert record.keys() <= columns
        assert plan.identity(record).startswith(
            (plan.dialect.encode(), b'["' + plan.dialect.encode())
        )


@pytest.mark.skipif(
    not SAMPLES.is_dir(), reason="the captured samples are not part of the repository"
)
@pytest.mark.parametrize("name", ["cursor_team_usage_events_11col", "cursor_cloud_agent_12col"])
def test_captured_cursor_exports_add_up(name: str) -> None:
    _, rows = read(SAMPLES / f"{name}.csv")
    with (SAMPLES / f"{name}.csv").open(newline="", encoding="utf-8") as file:
        assert [row["total_tokens"] for row in rows] == [
            int(row["Total Tokens"]) for row in csv.DictReader(file)
        ]


@pytest.mark.parametrize(
    ("name", "column", "cell"),
    [
        ("anthropic_console_tokens", "usage_date_utc", "9999-12-31"),
        ("openrouter_activity", "Date", "9999-12-31"),
        (
            "langfuse_observations",
            "usageDetails",
            '{"input": 9223372036854775807, "cached": 1}',
        ),
        ("langfuse_observations", "usageDetails", '{"output": -1}'),
        ("copilot_ai_credits", "cache_read", "9223372036854775807"),
        ("openai_cost", "amount_currency", "eur"),
    ],
)
def test_what_no_column_can_hold_is_refused(name: str, column: str, cell: str) -> None:
    with (FIXTURES / f"{name}.csv").open(newline="", encoding="utf-8") as file:
        header, row, *_ = csv.reader(file)
    row[header.index(column)] = cell
    with pytest.raises(RowReject):
        plan_for(header, PlanOptions()).convert(row)


def test_a_count_that_no_column_can_hold_is_not_a_count() -> None:
    with (FIXTURES / "litellm_spendlogs.csv").open(newline="", encoding="utf-8") as file:
        header, row, *_ = csv.reader(file)
    row[header.index("metadata")] = '{"usage_object": {"cache_read_input_tokens": 1e400, "x": 9}}'
    assert plan_for(header, PlanOptions()).convert(row)["cache_read_tokens"] is None


def test_a_setting_of_prices_does_not_make_another_bucket_of_a_row() -> None:
    identities = set()
    for pricing in ("estimate", "off"):
        plan, rows = fixture("copilot_ai_credits", pricing=pricing)
        identities.add(plan.identity(rows[0]))
    assert len(identities) == 1


NASTY = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        [
            "",
            "0",
            "1",
            "-1",
            "1e3",
            "NaN",
            "inf",
            "1,234",
            "$5",
            "٣",
            "²",
            "9" * 18,
            "9" * 19,
            "1e999",
            "9999-12-31",
            "9999-12-31T23:59:59-14:00",
            "0001-01-01",
            "2026-10-05 10:00",
            "253402300799",
            "true",
            "null",
            "{}",
            "[]",
            '{"input": 1e30}',
            '{"input": true}',
            '{"output": -1}',
            '{"usage_object": {"cache_read_input_tokens": 99999999999999999999}}',
            "> 200k",
            "x\0y",
            "GENERATION",
            "Included",
            "usd",
            "> 99999999999999999999k",
        ]
    ),
)


@pytest.mark.parametrize("path", sorted(FIXTURES.glob("*.csv")), ids=lambda path: path.stem)
@settings(max_examples=1000 if os.environ.get("TELEMETRY_PROOF") == "full" else 15, deadline=None)
@given(data=st.data())
def test_any_cells_of_any_export_are_a_record_or_a_reason(path: Path, data: st.DataObject) -> None:
    with path.open(newline="", encoding="utf-8") as file:
        header, row, *_ = csv.reader(file)
    constants = {"bucket_start": "2025-07-01"} if path.stem == "cursor_summary" else {}
    plan = plan_for(header, PlanOptions(constants=constants))
    for place in data.draw(st.sets(st.integers(0, len(row) - 1), max_size=len(row))):
        row[place] = data.draw(NASTY)
    record = convert(plan, row)
    if isinstance(record, RowReject):
        assert record.code
        return
    assert plan.identity(record)
    plan.identity(plan.merge(record, dict(record)))
    for value in record.values():
        assert not (isinstance(value, int) and abs(value) > 2**63 - 1)
        assert not (isinstance(value, str) and "\0" in value)
    msgspec.json.Encoder(decimal_format="number").encode(record)


@settings(deadline=None)
@given(st.lists(st.text(), min_size=8, max_size=8))
def test_any_cells_are_a_record_or_a_reason(cells: list[str]) -> None:
    plan = plan_for(BASE, PlanOptions())
    record = convert(plan, cells)
    assert record.code if isinstance(record, RowReject) else plan.identity(record)


def test_of_two_snapshots_of_a_call_the_fuller_wins_and_of_equals_the_later() -> None:
    plan, (first, *_) = fixture("openrouter_generations")
    fuller = {**first, "output_tokens": 900}
    later = {**first, "finish_reason": "length"}
    assert plan.merge(first, fuller) is fuller
    assert plan.merge(fuller, first) is fuller
    assert plan.merge(first, later) is later

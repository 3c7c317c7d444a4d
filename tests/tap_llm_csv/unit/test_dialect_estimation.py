"""Token estimates: what a row becomes, by hand-computed figures."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tap_llm_csv.dialects.model import HeaderError, PlanOptions, RowReject
from tap_llm_csv.plans.choose import plan_for

EVENT: dict[str, Any] = {
    "event_id": "e1",
    "run_id": "r1",
    "phase_id": "p1",
    "timestamp": "2026-02-01T12:00:00.5",
    "category": "implementation",
    "complexity": "medium",
    "deliverables": ["src/a.py", "src/b.py"],
    "predicted_output_tokens": 100,
    "actual_output_tokens": 300,
    "selected_budget": 512,
    "success": True,
    "truncated": False,
    "stop_reason": "end_turn",
    "model": "m",
}


def read(**more: Any) -> dict[str, Any]:
    row = {name: value for name, value in {**EVENT, **more}.items() if value is not ...}
    return plan_for(list(row), PlanOptions()).convert_object(row)


def test_the_figures_are_computed_where_the_file_has_none() -> None:
    record = read()
    assert record["smape_percent"] == 100  # |300 - 100| / 200
    assert record["waste_ratio"] == Decimal("0.333333")
    assert record["underestimated"] is True
    assert record["deliverable_count"] == 2
    assert record["deliverables_json"] == ["src/a.py", "src/b.py"]
    assert record["timestamp"] == "2026-02-01T12:00:00.500000+00:00"
    assert record["actual_source"] == "actual_output_tokens"
    assert record["computed"] is None


@pytest.mark.parametrize(
    ("predicted", "actual", "smape", "waste", "under"),
    [
        (100, 100, 0, 1, False),
        (200, 100, Decimal("66.666667"), 2, False),
        (1, 3, 100, Decimal("0.333333"), True),
        (1, 2, Decimal("66.666667"), Decimal("0.5"), True),
        (1000, 1, Decimal("199.6004"), 1000, False),
        (0, 100, None, 0, True),
        (100, 0, None, None, False),
        (-5, 100, None, Decimal("-0.05"), True),
        (100, -5, None, None, False),
        (None, 100, None, None, None),
        (100, None, None, None, None),
    ],
)
def test_figures_by_hand(
    predicted: int | None, actual: int | None, smape: Any, waste: Any, *, under: bool | None
) -> None:
    record = read(predicted_output_tokens=predicted, actual_output_tokens=actual)
    found = (record["smape_percent"], record["waste_ratio"], record["underestimated"])
    assert found == (smape, waste, under)


def test_given_figures_stay_and_ours_stand_beside_them_where_they_differ() -> None:
    record = read(smape_percent=40, waste_ratio=1 / 3, underestimated=False)
    assert record["smape_percent"] == 40
    assert record["underestimated"] is False
    assert record["computed"] == {"smape_percent": 100, "underestimated": True}


@pytest.mark.parametrize("given", [66.66666666666667, 66.67, 66.7, 67, "66.667"])
def test_a_figure_with_fewer_digits_is_the_same_figure(given: Any) -> None:
    record = read(predicted_output_tokens=200, actual_output_tokens=100, smape_percent=given)
    assert record["smape_percent"] == Decimal(str(given))
    assert record["computed"] is None


@pytest.mark.parametrize("given", [66.6, 66, 66.6666, 0])
def test_a_figure_that_was_cut_off_is_another_one(given: Any) -> None:
    record = read(predicted_output_tokens=200, actual_output_tokens=100, smape_percent=given)
    assert record["computed"] == {"smape_percent": Decimal("66.666667")}


def test_a_figure_where_there_can_be_none_differs_from_ours() -> None:
    record = read(actual_output_tokens=0, smape_percent=200)
    assert record["smape_percent"] == 200
    assert record["computed"] == {"smape_percent": None}


def test_all_tokens_stand_in_for_an_output_that_is_missing_and_it_is_said() -> None:
    record = read(actual_output_tokens=None, total_tokens=900)
    assert (record["actual_output_tokens"], record["actual_source"]) == (900, "total_tokens")
    assert record["smape_percent"] == 160  # 800 / 500
    both = read(total_tokens=900)
    assert (both["actual_output_tokens"], both["actual_source"]) == (300, "actual_output_tokens")
    assert read(actual_output_tokens=None)["actual_source"] is None


def test_of_many_deliverables_twenty_are_kept_and_all_are_counted() -> None:
    record = read(deliverables=[f"{n:02d}" + "x" * 300 for n in range(25)])
    assert record["deliverable_count"] == 25
    assert len(record["deliverables_json"]) == 20
    assert {len(one) for one in record["deliverables_json"]} == {200}
    assert record["deliverables_json"][19].startswith("19x")


def test_a_given_count_stays() -> None:
    assert read(deliverable_count=40)["deliverable_count"] == 40


def test_deliverables_that_are_objects_are_told_as_json() -> None:
    assert read(deliverables=[{"path": "a.py"}, 3])["deliverables_json"] == [
        '{"path": "a.py"}',
        "3",
    ]


@pytest.mark.parametrize("name", ["category", "complexity", "stop_reason", "model"])
def test_enumerations_stay_open(name: str) -> None:
    assert read(**{name: "never seen"})[name] == "never seen"


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"event_id": None}, "missing_required"),
        ({"timestamp": None}, "missing_required"),
        ({"timestamp": "yesterday"}, "bad_timestamp"),
        ({"predicted_output_tokens": 1.5}, "bad_integer"),
        ({"predicted_output_tokens": 2**63}, "bad_integer"),
        ({"actual_output_tokens": "many"}, "bad_number"),
        ({"deliverables": {"a": 1}}, "bad_json"),
        ({"success": "perhaps"}, "bad_boolean"),
        ({"smape_percent": "NaN"}, "bad_number"),
    ],
)
def test_a_row_that_cannot_be_read_is_refused(more: dict[str, Any], code: str) -> None:
    with pytest.raises(RowReject) as refused:
        read(**more)
    assert refused.value.code == code


def test_a_csv_log_an_ndjson_export_and_our_own_export_are_told_apart() -> None:
    log = [name if name != "deliverables" else "deliverables_json" for name in EVENT]
    plans = [plan_for(names, PlanOptions()) for names in (log, list(EVENT))]
    assert [(plan.dialect, plan.appended) for plan in plans] == [
        ("token_estimation", True),
        ("token_estimation_export", False),
    ]
    own = plan_for([*log, "smape_percent", "computed", "actual_source"], PlanOptions())
    assert own.dialect == "token_estimation_own"


def test_a_log_without_a_needed_column_is_refused_by_name() -> None:
    for name in ("event_id", "timestamp", "predicted_output_tokens"):
        with pytest.raises(HeaderError, match=name):
            plan_for([title for title in EVENT if title != name], PlanOptions())


def test_a_cell_of_a_csv_holds_the_list_as_json() -> None:
    names = ["event_id", "timestamp", "predicted_output_tokens", "deliverables_json"]
    plan = plan_for(names, PlanOptions())
    record = plan.convert(["e", "2026-02-01 12:00:00", "10", '["a.py", "b.py"]'])
    assert record["deliverables_json"] == ["a.py", "b.py"]
    assert plan.convert(["e", "2026-02-01 12:00:00", "10", ""])["deliverables_json"] is None


def test_our_own_export_is_read_as_it_was() -> None:
    row = {
        "event_id": "e",
        "timestamp": "2026-02-01T12:00:00+00:00",
        "predicted_output_tokens": 100,
        "actual_output_tokens": 300,
        "smape_percent": 40,
        "underestimated": False,
        "actual_source": "total_tokens",
        "computed": {"smape_percent": 100},
        "created_at": "2026-02-02T00:00:00+00:00",
    }
    record = plan_for(list(row), PlanOptions()).convert_object(row)
    assert record == {name: value for name, value in row.items() if name != "created_at"}


def test_a_file_with_other_names_is_described_by_a_column_map() -> None:
    names = {"event_id": "id", "timestamp": "at", "predicted_output_tokens": "guess"}
    options = PlanOptions(stream="token_estimation_v2_events", column_map=names)
    plan = plan_for(["id", "at", "guess", "actual_output_tokens"], options)
    record = plan.convert(["e", "2026-02-01", "100", "300"])
    assert (plan.dialect, plan.key) == ("custom", "given")
    assert (record["event_id"], record["smape_percent"]) == ("e", 100)
    with pytest.raises(HeaderError, match="id"):
        plan_for(["at", "guess", "actual_output_tokens"], options)

"""The figures of `telemetry replay`, computed by hand."""

from __future__ import annotations

from typing import Any

import pytest

from target_telemetry_postgres.cli.commands.replay import collect
from target_telemetry_postgres.cli.validation import figures
from target_telemetry_postgres.cli.validation.samples import Sample


def sample(predicted: int | None, actual: int | None, **more: Any) -> Sample:
    row = {
        "event_id": "e", "category": "c", "complexity": "low", "deliverables": ["a.py"],
        "deliverable_count": 1, "predicted": predicted, "actual": actual, "budget": None,
        "truncated": False, "from_total": False, "differs": False,
    }  # fmt: skip
    return Sample.of(row | more)


def test_errors_by_hand() -> None:
    # 0 %, 100 %, 66.67 %, 100 %
    pairs = [(100, 100), (100, 300), (200, 100), (300, 100)]
    assert figures.errors(pairs) == {
        "mean_smape": 66.666667,
        "p50_smape": 83.333333,
        "p90_smape": 100.0,
        "underestimated": 0.25,
    }


def test_a_percentile_lies_between_two_values() -> None:
    assert figures.percentile([1, 2, 3, 4], 0.9) == pytest.approx(3.7)
    assert figures.percentile([5], 0.9) == 5


@pytest.mark.parametrize(
    ("count", "bucket"),
    [(None, "none"), (0, "none"), (1, "1-3"), (3, "1-3"), (4, "4-7"), (7, "4-7"), (8, "8-15"),
     (15, "8-15"), (16, "16+"), (400, "16+")],
)  # fmt: skip
def test_buckets_of_deliverables(count: int | None, bucket: str) -> None:
    assert sample(1, 1, deliverable_count=count).bucket == bucket


def test_truncated_and_incomparable_events_are_told_apart() -> None:
    told = collect([
        sample(100, 100),
        sample(100, 300, truncated=True, budget=300),
        sample(500, 300, truncated=True, budget=900),
        sample(None, 300, truncated=True),
        sample(0, 300),
        sample(100, None),
    ])  # fmt: skip
    assert (told["events"], told["samples"], told["without_positive_counts"]) == (6, 1, 2)
    assert told["overall"]["mean_smape"] == 0
    assert told["truncation"] == {
        "truncated": 3,
        "share": 0.5,
        "comparable": 2,
        "surely_underestimated": 1,
        "at_their_budget": 1,
    }


def test_strata_say_how_far_they_are_from_saying_something() -> None:
    told = collect(
        [sample(1, 1, budget=4)] * 19
        + [sample(1, 2, complexity="high", budget=3)] * 20
        + [sample(1, 1, deliverable_count=16)] * 40
    )
    kinds = [(s["complexity"], s["deliverables"], s["samples"]) for s in told["strata"]]
    assert kinds == [("high", "1-3", 20), ("low", "1-3", 19), ("low", "16+", 40)]
    assert [s["too_few"] for s in told["strata"]] == [False, True, False]
    assert [s["progress"] for s in told["strata"]] == [0.666667, 0.633333, 1.0]
    assert [s["mean_budget_ratio"] for s in told["strata"]] == [1.5, 4.0, None]


def test_an_estimator_is_compared_on_the_events_that_it_can_be_tried_on() -> None:
    samples = [sample(100, 300, deliverables=["a", "b"]), sample(100, 100, deliverables=None)]
    told = collect(samples, lambda deliverables, _category, _complexity: 150 * len(deliverables))
    assert told["overall"]["mean_smape"] == 50
    candidate = told["overall"]["candidate"]
    assert (candidate["samples"], candidate["mean_smape"]) == (1, 0)
    assert candidate["then"]["mean_smape"] == 100


def test_stand_ins_are_used_only_when_they_are_asked_for() -> None:
    seen: list[list[str]] = []

    def estimator(deliverables: list[str], _category: str, _complexity: str) -> int:
        seen.append(deliverables)
        return 1

    events = [sample(1, 1, deliverables=None, deliverable_count=2), sample(1, 1, deliverables=[])]
    assert collect(events, estimator)["overall"]["candidate"]["samples"] == 0
    assert seen == []
    collect(events[:1], estimator, synthetic=True)
    assert seen[0] == ["src/file1.py", "src/file2.py"]


def test_made_up_deliverables_are_noticed() -> None:
    told = collect([
        sample(1, 1, deliverables=["src/file1.py", "src/file22.py"]),
        sample(1, 1, deliverables=["src/file1.py", "src/real.py"]),
    ])  # fmt: skip
    assert told["made_up_deliverables"] == 1

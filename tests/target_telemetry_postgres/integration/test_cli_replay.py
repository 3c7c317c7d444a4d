"""`telemetry replay` on a real server."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from psycopg.types.json import Jsonb

from support.sample_rows import NOON, estimate, insert
from support.telemetry_command import telemetry

if TYPE_CHECKING:
    from pathlib import Path

    from target_telemetry_postgres.postgres.database import Database

TABLE = "token_estimation_v2_events"


@pytest.fixture
def filled(database: Database, database_url: str) -> str:
    insert(
        database,
        TABLE,
        estimate(1),
        estimate(2, actual_output_tokens=300),
        estimate(3, actual_output_tokens=300, truncated=None, stop_reason="max_tokens"),
        estimate(4, deliverable_count=None, deliverables_json=Jsonb(["src/file1.py"] * 5)),
        estimate(5, predicted_output_tokens=0),
        estimate(6, category=None, deliverables_json=None, actual_source="total_tokens"),
        estimate(7, computed={"smape_percent": 0}, deliverable_count=20),
    )
    return database_url


def test_figures_of_what_is_stored(filled: str) -> None:
    told = telemetry("--url", filled, "replay", "--json").json
    assert (told["events"], told["samples"], told["without_positive_counts"]) == (7, 5, 1)
    assert told["truncation"]["surely_underestimated"] == 1
    assert told["overall"]["mean_smape"] == 20  # 0, 100, 0, 0, 0
    assert told["overall"]["p90_smape"] == 60
    assert told["overall"]["underestimated"] == 0.2
    assert told["overall"]["mean_budget_ratio"] == pytest.approx(1.733333)
    strata = [(s["category"], s["deliverables"], s["samples"]) for s in told["strata"]]
    assert strata == [
        ("(none)", "1-3", 1),
        ("implementation", "1-3", 2),
        ("implementation", "4-7", 1),
        ("implementation", "16+", 1),
    ]
    warnings = ("made_up_deliverables", "without_deliverables", "cut_deliverables")
    assert [told[name] for name in warnings] == [1, 1, 1]
    assert (told["actual_is_a_total"], told["own_figures_differ"]) == (1, 1)


def test_people_get_a_table_and_sentences(filled: str) -> None:
    ran = telemetry("--url", filled, "replay")
    assert ran.code == 0
    assert "2 of 30 few" in ran.out
    assert "7 events: 5 compared, 1 truncated, 1 without positive counts." in ran.out
    assert "Warning: 1 sample with synthetic deliverables (src/file1.py …)" in ran.out


def test_only_from_a_time_on(filled: str) -> None:
    since = (NOON + timedelta(minutes=7)).isoformat()
    assert telemetry("--url", filled, "replay", "--json", "--since", since).json["events"] == 1


def test_another_estimator_is_tried_on_the_stored_deliverables(
    filled: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my_estimators.py").write_text(
        "def by_size(deliverables, category, complexity):\n"
        "    assert complexity == 'medium'\n"
        "    return 50 * len(deliverables)\n"
        "def broken(deliverables, category, complexity):\n    return {}[category]\n"
        "def silent(deliverables, category, complexity):\n    return None\n"
    )
    monkeypatch.chdir(tmp_path)
    tried = ("--url", filled, "replay", "--estimator")
    told = telemetry(*tried, "my_estimators:by_size", "--json").json["overall"]["candidate"]
    # 100 of 100, 100 of 300, 250 of 100, 100 of 100
    assert told["samples"] == 4
    assert told["mean_smape"] == pytest.approx((0 + 100 + 85.714286 + 0) / 4)
    assert told["then"]["mean_smape"] == 25
    with_all = telemetry(*tried, "my_estimators:by_size", "--synthetic", "--json").json
    assert with_all["overall"]["candidate"]["samples"] == 5
    assert "The estimator's mean SMAPE is 46.4 %" in telemetry(*tried, "my_estimators:by_size").out
    for name, sentence in (
        ("my_estimators:broken", "fails on event e1: KeyError: 'implementation'."),
        ("my_estimators:silent", "says None of event e1, which is no number of tokens."),
        ("my_estimators:absent", "my_estimators has no function absent."),
        ("no_such_module_here:f", "no_such_module_here cannot be imported: ModuleNotFoundError"),
        ("my_estimators", "is no estimator: write module:function."),
    ):
        ran = telemetry(*tried, name)
        assert (ran.code, len(ran.err.splitlines())) == (1, 1), ran.err
        assert sentence in ran.err


def test_without_events_there_is_a_sentence(database: Database, database_url: str) -> None:
    ran = telemetry("--url", database_url, "replay")
    assert (ran.code, ran.out) == (
        0,
        "No estimates are stored; tap-llm-csv loads them from files.\n",
    )
    told = telemetry("--url", database_url, "replay", "--json").json
    assert (told["events"], told["strata"], told["overall"]["mean_smape"]) == (0, [], None)
    assert telemetry("--url", database_url, "replay", "--synthetic").code == 1

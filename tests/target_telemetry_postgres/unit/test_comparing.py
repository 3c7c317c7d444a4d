"""Two periods of a report side by side."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from target_telemetry_postgres.cli.commands.report import query_of, report_names
from target_telemetry_postgres.cli.comparing import Period, change, in_columns, key_of, side_by_side
from target_telemetry_postgres.errors import ConfigError

UNTIL = datetime(2026, 3, 15, 6, tzinfo=timezone.utc)
FORTNIGHT = Period(UNTIL - timedelta(days=14), UNTIL)


def lay(now: list[dict[str, Any]], before: list[dict[str, Any]], **more: Any) -> list[Any]:
    return side_by_side(now, before, FORTNIGHT, **{"keys": None, "limit": 20, **more})


def test_rows_of_one_key_stand_together_and_those_that_are_gone_come_last() -> None:
    now = [{"model": "a", "calls": 3, "cost": Decimal(6)}, {"model": "b", "calls": 1, "cost": None}]
    before = [{"model": "c", "calls": 9, "cost": Decimal(1)}, {"model": "a", "calls": 2, "cost": 4}]
    rows = lay(now, before)
    assert rows == [
        {"model": "a", "calls": 3, "cost": 6, "before": {"calls": 2, "cost": 4}},
        {"model": "b", "calls": 1, "cost": None, "before": None},
        {"model": "c", "calls": None, "cost": None, "before": {"calls": 9, "cost": 1}},
    ]
    assert in_columns(rows)[0] == {
        "model": "a", "calls": 3, "calls before": 2, "calls change": "+50.0%",
        "cost": 6, "cost before": 4, "cost change": "+50.0%",
    }  # fmt: skip
    assert len(lay(now, before, limit=2)) == 2


def test_days_are_compared_by_their_distance_from_the_end() -> None:
    now = [{"day": date(2026, 3, 14), "calls": 5}, {"day": date(2026, 3, 2), "calls": 1}]
    before = [{"day": date(2026, 2, 28), "calls": 4}, {"day": date(2026, 2, 15), "calls": 7}]
    assert [row["before"] for row in lay(now, before)] == [{"calls": 4}, None, {"calls": 7}]


def test_weeks_are_compared_by_their_distance_whatever_day_the_period_ends_on() -> None:
    now = [{"week": date(2026, 3, 9), "calls": 5}, {"week": date(2026, 3, 2), "calls": 1}]
    before = [{"week": date(2026, 2, 23), "calls": 4}, {"week": date(2026, 2, 16), "calls": 7}]
    assert [row["before"] for row in lay(now, before)] == [{"calls": 4}, {"calls": 7}]


def test_a_report_may_say_its_key_itself() -> None:
    assert key_of("-- Title.\n-- key: number, day\nselect 1") == ("number", "day")
    assert key_of("-- Title.\nselect 1") is None
    now, before = [{"number": 7, "calls": 1}], [{"number": 7, "calls": 2}]
    assert lay(now, before, keys=("number",))[0]["before"] == {"calls": 2}


def test_a_report_of_one_line_needs_no_key() -> None:
    assert lay([{"calls": 1}], [{"calls": 2}]) == [{"calls": 1, "before": {"calls": 2}}]
    assert lay([], []) == []


def test_a_change_is_told_only_where_there_is_something_to_compare_with() -> None:
    assert change(3, 2) == "+50.0%"
    assert change(Decimal(1), Decimal(-2)) == "+150.0%"
    assert (change(3, 0), change(3, None), change(None, 3)) == (None, None, None)


def test_the_period_before_ends_where_this_one_begins() -> None:
    assert FORTNIGHT.before == Period(UNTIL - timedelta(days=28), UNTIL - timedelta(days=14))
    assert Period.of(None, UNTIL).since == UNTIL - timedelta(days=30)
    with pytest.raises(ConfigError, match="is empty"):
        Period.of(UNTIL, UNTIL)


@pytest.mark.parametrize("name", report_names())
def test_every_report_knows_where_its_period_ends(name: str) -> None:
    query = query_of(name).decode()
    assert "%(since)s" in query or "-- window: fixed" in query
    assert "%(until)s" in query
    assert "%(limit)s" in query

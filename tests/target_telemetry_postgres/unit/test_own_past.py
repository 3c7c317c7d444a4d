"""A day against its own past: quiet weeks raise no alarm, a planted day does."""

from __future__ import annotations

import math
import os
from random import Random

import pytest

from support.quiet_costs import SCENARIOS, Scenario, costs
from target_telemetry_postgres.cli.watching import own_past

WEEKS = 3_000 if os.environ.get("TELEMETRY_PROOF") == "full" else 60


def judged(series: list[float], day: int, times: float = 1) -> own_past.Usual | None:
    past = {age: series[day - age] for age in range(1, min(day, own_past.DAYS) + 1)}
    return own_past.usual(past, series[day] * times)


@pytest.mark.proof
@pytest.mark.parametrize("name", SCENARIOS)
def test_at_most_one_alarm_in_a_thousand_quiet_weeks(name: str) -> None:
    rng = Random(2026)  # noqa: S311 - the same days on every machine
    alarms = days = 0
    while days < WEEKS * 7:
        series = costs(SCENARIOS[name], own_past.DAYS + 210, rng)
        for day in range(own_past.DAYS, len(series)):
            found = judged(series, day)
            alarms += found is not None and found.is_high()
            days += 1
    assert alarms <= max(1, WEEKS / 1_000), f"{alarms} alarms in {WEEKS} weeks"


@pytest.mark.parametrize("name", ["days of 100 calls", "days of 20 calls"])
def test_a_day_of_three_times_its_calls_is_found(name: str) -> None:
    rng = Random(7)  # noqa: S311 - the same days on every machine
    found = tried = 0
    for _ in range(40):
        series = costs(SCENARIOS[name], own_past.DAYS + 8, rng)
        for day in range(own_past.DAYS, len(series)):
            verdict = judged(series, day, 3)
            found += verdict is not None and verdict.is_high()
            tried += 1
    assert found / tried > 0.9


def test_a_day_of_twenty_times_is_found_where_days_are_as_different_as_that() -> None:
    rng = Random(7)  # noqa: S311 - the same days on every machine
    series = costs(Scenario(), own_past.DAYS + 210, rng)
    verdicts = [judged(series, day, 20) for day in range(own_past.DAYS, len(series))]
    assert sum(v is not None and v.is_high() for v in verdicts) / len(verdicts) > 0.85


def test_what_is_usual_follows_weekdays_and_growth() -> None:
    steady = [100 * (0.2 if day % 7 > 4 else 1) * math.exp(0.05 * day / 7) for day in range(85)]
    verdict = judged(steady, 84)
    assert verdict is not None
    assert verdict.value == pytest.approx(steady[84], rel=0.05)
    assert verdict.times == pytest.approx(1, rel=0.05)
    assert not verdict.is_high()


def test_a_day_that_is_all_but_gone_is_low() -> None:
    steady = [100.0 + day % 3 for day in range(85)]
    verdict = judged(steady, 84, 0.1)
    assert verdict is not None
    assert (verdict.is_low(), verdict.is_high()) == (True, False)


def test_a_short_past_is_no_past() -> None:
    assert judged([100.0] * 28, 27) is None
    assert judged([100.0] * 29, 28) is not None
    assert own_past.usual({}, 5.0) is None
    assert own_past.usual(dict.fromkeys(range(1, 85), 100.0), 0.0) is None
    # Four weeks without the weekday in question.
    assert own_past.usual({a: 1.0 for a in range(1, 85) if a % 7}, 1.0) is None


def test_an_earlier_alarm_does_not_hide_the_next_one() -> None:
    series = [100.0 + day % 5 for day in range(85)]
    series[77] = 900.0
    verdict = judged(series, 84, 4)
    assert verdict is not None
    assert verdict.is_high()


def test_how_likely_failures_are() -> None:
    assert own_past.binomial_tail(0, 5, 0.3) == pytest.approx(1)
    assert own_past.binomial_tail(2, 2, 0.5) == pytest.approx(0.25)
    assert own_past.binomial_tail(1, 3, 0.1) == pytest.approx(1 - 0.9**3)
    assert own_past.binomial_tail(3_000, 5_000, 0.01) == pytest.approx(0)

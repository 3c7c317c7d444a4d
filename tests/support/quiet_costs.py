"""Days of costs as they are where nothing is wrong: noise, weekends, growth, holidays."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random


@dataclass(frozen=True)
class Scenario:
    """How costs come about.

    Attributes:
        weekend: A Saturday's or Sunday's share of a working day.
        growth: By how much a week's level grows.
        holidays: Now and then one, three or ten days at a tenth.
        calls: A working day is the sum of so many log-normal calls; None: the day itself is one.
        sigma: The deviation of the logarithm, of a day or of a call.
    """

    weekend: float = 0.3
    growth: float = 0.0
    holidays: bool = False
    calls: int | None = None
    sigma: float = 0.5


SCENARIOS = {
    "the same every day": Scenario(weekend=1),
    "weekends": Scenario(),
    "all but nothing at weekends": Scenario(weekend=0.05),
    "3 % more each week": Scenario(growth=0.03),
    "10 % more each week": Scenario(growth=0.1),
    "holidays": Scenario(holidays=True),
    "growth and holidays": Scenario(growth=0.03, holidays=True),
    "days of 100 calls": Scenario(calls=100),
    "days of 100 calls, with holidays": Scenario(calls=100, holidays=True),
    "days of 20 calls": Scenario(calls=20),
}


def costs(scenario: Scenario, days: int, rng: Random) -> list[float]:
    """A series of days."""
    free = _holidays(days, rng) if scenario.holidays else set()
    return [_cost(scenario, day, rng, is_free=day in free) for day in range(days)]


def _cost(scenario: Scenario, day: int, rng: Random, *, is_free: bool) -> float:
    level = 100 * math.exp(scenario.growth * day / 7)
    if day % 7 in {5, 6}:
        level *= scenario.weekend
    if is_free:
        level *= 0.1
    if scenario.calls is None:
        return level * rng.lognormvariate(0, scenario.sigma)
    number = max(1, int(scenario.calls * level / 100))
    return sum(rng.lognormvariate(0, scenario.sigma) for _ in range(number))


def _holidays(days: int, rng: Random) -> set[int]:
    free: set[int] = set()
    day = rng.randint(0, 40)
    while day < days:
        free.update(range(day, day + rng.choice([1, 1, 1, 3, 10])))
        day += rng.randint(20, 60)
    return free

"""Whether a day is unlike its own past: by weekday, with growth, on a scale that outliers spare.

The numbers were chosen by simulation: docs/decisions/0092.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: How far back the past goes, and how much of it there must be.
DAYS: Final = 84
FEWEST_DAYS: Final = 28
FEWEST_OF_A_WEEKDAY: Final = 4
#: A day is unlike its past when it is so many standard errors away, so many times as much, and so
#: many times beyond all but one of the same weekdays: many holidays make an ordinary day look high.
SIGMAS: Final = 4.25
TIMES: Final = 2.25
BEYOND: Final = 1.5

_WEEK: Final = 7
_FEWEST_OF_A_WEEK: Final = 4
_FEWEST_WEEKS: Final = 4
_MAD_TO_SIGMA: Final = 1.4826
_CLIP: Final = 2.5
# Days that are all but equal are not known to the cent either.
_SMALLEST_SCALE: Final = 0.1


@dataclass(frozen=True, slots=True)
class Usual:
    """What a day was to be expected to be, and how unlike it was.

    Attributes:
        value: The expected value.
        times: How many times as much the day is.
        sigmas: How many standard errors of the logarithm it is away.
        beyond_high: How many times as much it is as the second highest of the same weekdays.
        beyond_low: And as the second lowest.
    """

    value: float
    times: float
    sigmas: float
    beyond_high: float
    beyond_low: float

    def is_high(self, sigmas: float = SIGMAS) -> bool:
        """The day is much more than was to be expected."""
        return self.sigmas >= sigmas and self.times >= TIMES and self.beyond_high >= BEYOND

    def is_low(self, sigmas: float = SIGMAS) -> bool:
        """The day is much less than was to be expected."""
        return self.sigmas <= -sigmas and self.times <= 1 / TIMES and self.beyond_low <= 1 / BEYOND


def usual(past: Mapping[int, float], today: float) -> Usual | None:
    """Compare a day with the days before it.

    Args:
        past: How many days before → its value; days without a value are left out.
        today: The day's value.

    Returns:
        None where there is too little to compare with.
    """
    logs = {age: math.log(value) for age, value in past.items() if 0 < age <= DAYS and value > 0}
    if len(logs) < FEWEST_DAYS or today <= 0:
        return None
    growth = _growth(logs)
    weekdays: dict[int, list[float]] = {}
    for age, value in logs.items():
        weekdays.setdefault(age % _WEEK, []).append(value - growth * (age - 1) / _WEEK)
    same = weekdays.get(0, [])
    if len(same) < FEWEST_OF_A_WEEKDAY:
        return None
    centres = {weekday: median(values) for weekday, values in weekdays.items()}
    rests = [v - centres[weekday] for weekday, values in weekdays.items() for v in values]
    limit = _CLIP * max(_MAD_TO_SIGMA * median(map(abs, rests)), _SMALLEST_SCALE)
    scale = max(_deviation(_clipped(rests, limit), len(centres) + 1), _SMALLEST_SCALE)
    off = _clipped([value - centres[0] for value in same], limit)
    expected = centres[0] + sum(off) / len(off)
    apart = math.log(today) - expected
    ordered = sorted(same)
    return Usual(
        value=math.exp(expected),
        times=math.exp(apart),
        sigmas=apart / (scale * math.sqrt(1 + 1 / len(same))),
        beyond_high=today / math.exp(ordered[-2]),
        beyond_low=today / math.exp(ordered[1]),
    )


def _growth(logs: Mapping[int, float]) -> float:
    """By how much a week's level goes down for each week that one goes back (Theil and Sen)."""
    weeks: dict[int, list[float]] = {}
    for age, value in logs.items():
        weeks.setdefault((age - 1) // _WEEK, []).append(value)
    levels = sorted(
        (week, median(values)) for week, values in weeks.items() if len(values) >= _FEWEST_OF_A_WEEK
    )
    if len(levels) < _FEWEST_WEEKS:
        return 0.0
    return median(
        (later - earlier) / (one - other)
        for place, (other, earlier) in enumerate(levels)
        for one, later in levels[place + 2 :]
    )


def _clipped(values: Sequence[float], limit: float) -> list[float]:
    return [max(-limit, min(limit, value)) for value in values]


def _deviation(values: Sequence[float], fitted: int) -> float:
    """The standard deviation around something that was fitted to the values."""
    return math.sqrt(sum(value * value for value in values) / max(1, len(values) - fitted))


def binomial_tail(failures: int, runs: int, rate: float) -> float:
    """How likely so many failures or more are in so many runs, at a rate."""
    return math.fsum(
        math.exp(
            math.lgamma(runs + 1)
            - math.lgamma(k + 1)
            - math.lgamma(runs - k + 1)
            + k * math.log(rate)
            + (runs - k) * math.log1p(-rate)
        )
        for k in range(failures, runs + 1)
    )

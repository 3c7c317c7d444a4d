"""Figures over samples: errors, underestimation, waste, and what a truncated actual still tells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from target_telemetry_postgres.cli.validation.samples import Sample

#: Fewer samples than this say little; so many are aimed at.
FEW: Final = 20
AIM: Final = (30, 50)

Pair = tuple[int, int]
"""Predicted and actual tokens."""


def smape(predicted: int, actual: int) -> float:
    """The symmetric error of positive counts, in percent."""
    return abs(actual - predicted) / max(1.0, (actual + predicted) / 2) * 100


def percentile(ordered: Sequence[float], share: float) -> float:
    """A percentile as Postgres' `percentile_cont` takes it."""
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def errors(pairs: Sequence[Pair]) -> dict[str, float | None]:
    """How far predictions were off: mean, p50 and p90 SMAPE, and how often they were too low."""
    if not pairs:
        return dict.fromkeys(("mean_smape", "p50_smape", "p90_smape", "underestimated"))
    ordered = sorted(smape(*pair) for pair in pairs)
    return {
        "mean_smape": round(sum(ordered) / len(ordered), 6),
        "p50_smape": round(percentile(ordered, 0.5), 6),
        "p90_smape": round(percentile(ordered, 0.9), 6),
        "underestimated": round(sum(a > p for p, a in pairs) / len(pairs), 6),
    }


def budget_waste(samples: Iterable[Sample]) -> dict[str, float | None]:
    """How many times what came the budgets were: mean and p50."""
    ratios = sorted(
        sample.budget / sample.actual for sample in samples if sample.budget and sample.actual
    )
    if not ratios:
        return {"mean_budget_ratio": None, "p50_budget_ratio": None}
    return {
        "mean_budget_ratio": round(sum(ratios) / len(ratios), 6),
        "p50_budget_ratio": round(percentile(ratios, 0.5), 6),
    }


def truncation(samples: Sequence[Sample]) -> dict[str, Any]:
    """What truncated samples tell: their actual is a lower bound.

    An estimate below it was surely too low; one above it may have been.
    """
    cut = [sample for sample in samples if sample.truncated]
    known = [sample for sample in cut if sample.is_comparable]
    under = sum((sample.actual or 0) > (sample.predicted or 0) for sample in known)
    return {
        "truncated": len(cut),
        "share": round(len(cut) / len(samples), 6) if samples else None,
        "comparable": len(known),
        "surely_underestimated": under,
        "at_their_budget": sum(
            sample.budget is not None and (sample.actual or 0) >= sample.budget for sample in known
        ),
    }


@dataclass(frozen=True, slots=True)
class Stratum:
    """The samples of one category, complexity and bucket."""

    category: str
    complexity: str
    deliverables: str
    samples: list[Sample]

    @property
    def pairs(self) -> list[Pair]:
        """What was predicted, and what came."""
        return [(sample.predicted or 0, sample.actual or 0) for sample in self.samples]

    def told(self) -> dict[str, Any]:
        """The figures, and how far the stratum is from saying something."""
        number = len(self.samples)
        return {
            "category": self.category,
            "complexity": self.complexity,
            "deliverables": self.deliverables,
            "samples": number,
            "too_few": number < FEW,
            "aim": list(AIM),
            "progress": round(min(1.0, number / AIM[0]), 6),
            **errors(self.pairs),
            **budget_waste(self.samples),
        }


def strata(samples: Iterable[Sample]) -> list[Stratum]:
    """Samples by stratum, in the order of names and sizes."""
    groups: dict[tuple[str, str, str], list[Sample]] = {}
    for sample in samples:
        groups.setdefault(sample.stratum, []).append(sample)
    order = {"none": 0, "1-3": 1, "4-7": 2, "8-15": 3}
    return [
        Stratum(*key, groups[key])
        for key in sorted(groups, key=lambda key: (key[0], key[1], order.get(key[2], 4)))
    ]

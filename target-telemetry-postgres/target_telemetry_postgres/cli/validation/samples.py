"""Stored estimates, and which of them say something about an estimator."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    Estimator = Callable[[list[str], str, str], int]

#: Name → the largest number of deliverables in the bucket.
BUCKETS: Final = {"1-3": 3, "4-7": 7, "8-15": 15}
_REST: Final = "16+"
_NONE: Final = "none"
_MADE_UP: Final = re.compile(r"src/file\d+\.py")


@dataclass(frozen=True, slots=True)
class Sample:
    """One estimate, and what came."""

    event_id: str
    category: str
    complexity: str
    deliverables: list[str] | None
    deliverable_count: int | None
    predicted: int | None
    actual: int | None
    budget: int | None
    truncated: bool
    from_total: bool
    differs: bool

    @classmethod
    def of(cls, row: dict[str, Any]) -> Sample:
        """Read a row of `estimates.sql`."""
        given = row["deliverables"]
        deliverables = [str(one) for one in given] if isinstance(given, list) and given else None
        return cls(**{**row, "deliverables": deliverables})

    @property
    def bucket(self) -> str:
        """The bucket of its number of deliverables."""
        if not self.deliverable_count or self.deliverable_count < 1:
            return _NONE
        return next(
            (name for name, most in BUCKETS.items() if self.deliverable_count <= most), _REST
        )

    @property
    def stratum(self) -> tuple[str, str, str]:
        """What it is compared with: its category, complexity and bucket."""
        return self.category, self.complexity, self.bucket

    @property
    def is_comparable(self) -> bool:
        """Both figures are there: one that is not positive says nothing of an estimator."""
        return (self.predicted or 0) > 0 and (self.actual or 0) > 0

    @property
    def is_made_up(self) -> bool:
        """All its deliverables are called `src/file1.py` and the like: they stand for real ones."""
        return bool(self.deliverables) and all(
            _MADE_UP.fullmatch(one) for one in self.deliverables or ()
        )

    @property
    def is_cut(self) -> bool:
        """There were more deliverables than are stored."""
        return (self.deliverable_count or 0) > len(self.deliverables or ()) > 0


def stand_ins(count: int) -> list[str]:
    """Deliverables for an event that only says how many it had."""
    return [f"src/file{j}.py" for j in range(1, count + 1)]

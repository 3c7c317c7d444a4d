"""How GitHub stutters: 404 for what exists, a list without what it counts."""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass, field


@dataclass(slots=True)
class Stutter:
    """Shares of the requests for a run's details that go wrong so; the next one may go well."""

    hidden: float = 0.0
    """A run, an attempt or a list of jobs that exists answers 404."""
    emptied: float = 0.0
    """A list of jobs is empty, though its `total_count` is right."""
    seed: int = 0
    _dice: random.Random | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def hides(self) -> bool:
        """Whether this request is answered with 404."""
        return self._strikes(self.hidden)

    def empties(self) -> bool:
        """Whether this list is shown as empty."""
        return self._strikes(self.emptied)

    def calm_down(self) -> None:
        """Stutter no more."""
        self.hidden = self.emptied = 0.0

    def _strikes(self, share: float) -> bool:
        if not share:
            return False
        with self._lock:
            self._dice = self._dice or random.Random(self.seed)
            return self._dice.random() < share

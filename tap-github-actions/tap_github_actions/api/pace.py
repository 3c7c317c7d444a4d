"""So many requests a minute: GitHub refuses everything for a while after the 900th."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

MINUTE = 60.0


@dataclass(slots=True)
class Pace:
    """Counts what was sent; whoever stays below the most of a minute never waits."""

    most: int | None = None
    """Within any sixty seconds; None: as many as may be."""
    _sent: deque[float] = field(default_factory=deque)

    def note(self, now: float) -> None:
        """Count a request that is sent now."""
        if self.most is not None:
            self._sent.append(now)

    def rest(self, now: float) -> float:
        """Return for how many seconds nothing may be sent."""
        if self.most is None:
            return 0.0
        while self._sent and now - self._sent[0] >= MINUTE:
            self._sent.popleft()
        surplus = len(self._sent) - self.most
        return self._sent[surplus] + MINUTE - now if surplus >= 0 else 0.0

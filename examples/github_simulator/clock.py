"""The time inside the simulated world, in whole seconds as GitHub shows it."""

from __future__ import annotations

import threading
import time
from datetime import datetime, timezone
from email.utils import formatdate

Instant = int | datetime


def instant(moment: Instant) -> int:
    """Return seconds since 1970 of a datetime that carries an offset, or of such seconds."""
    if isinstance(moment, datetime):
        if moment.tzinfo is None:
            raise ValueError(f"{moment} carries no offset: give it one, as in UTC")
        return int(moment.timestamp())
    return int(moment)


def iso(seconds: int) -> str:
    """Format an instant as GitHub does."""
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


class Clock:
    """A clock that stands still until it is moved, or ticks along with the real one."""

    def __init__(self, start: Instant | None = None, *, ticking: bool = False) -> None:
        self._base = time.time() if start is None else float(instant(start))
        self._ticking = ticking
        self._zero = time.monotonic()
        self._lock = threading.Lock()

    def exact(self) -> float:
        """Return the time with its fraction."""
        with self._lock:
            return self._base + (time.monotonic() - self._zero if self._ticking else 0.0)

    def now(self) -> int:
        """Return the whole second that it is."""
        return int(self.exact())

    def advance(self, seconds: float) -> int:
        """Move forward, and return the new time."""
        with self._lock:
            self._base += seconds
        return self.now()

    def set(self, moment: Instant) -> int:
        """Move to an instant, and return it."""
        with self._lock:
            self._base = float(instant(moment))
            self._zero = time.monotonic()
        return self.now()

    def http_date(self, offset: float = 0) -> str:
        """Return the time, or one a little later, as the `Date` header writes it."""
        return formatdate(self.exact() + offset, usegmt=True)

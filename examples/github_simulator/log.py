"""What was asked of the simulator, in order of arrival."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field
from functools import partial
from itertools import islice, takewhile


@dataclass(slots=True)
class Entry:
    """One request."""

    number: int
    clock: float
    """The simulated time of its arrival."""
    arrived: float
    """The real time of its arrival, by the monotonic clock."""
    method: str
    path: str
    query: dict[str, str]
    token: str
    in_flight: int
    """How many requests were being answered when it came, itself included."""
    headers: dict[str, str]
    connection: int
    status: int = 0
    fault: str | None = None
    finished: float = 0.0
    answered_clock: float = 0.0
    pause: float = 0.0
    """How many seconds the answer told its caller to wait."""
    withheld: bool = False
    """Whether the answer was a list that lacks what it counts."""


@dataclass(slots=True)
class RequestLog:
    """All requests of one simulator."""

    entries: list[Entry] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, entry: Entry) -> None:
        """Note a request that has arrived."""
        with self._lock:
            entry.number = len(self.entries)
            self.entries.append(entry)

    def clear(self) -> None:
        """Forget everything; the next request has number 0."""
        with self._lock:
            self.entries.clear()

    def matching(self, pattern: str) -> list[Entry]:
        """Return the requests whose path matches a regular expression."""
        return [entry for entry in self.entries if re.search(pattern, entry.path)]

    def count(self, pattern: str = "") -> int:
        """Count the requests whose path matches a regular expression."""
        return len(self.matching(pattern))

    @property
    def max_in_flight(self) -> int:
        """Return the largest number of requests that were being answered at once."""
        return max((entry.in_flight for entry in self.entries), default=0)

    def during_pauses(self) -> list[Entry]:
        """Return the requests that came although an answer had told their caller to wait.

        A pause is over when either clock has passed it.
        """
        offenders: dict[int, Entry] = {}
        for cause in self.entries:
            if cause.pause > 0 and cause.finished:
                later = islice(self.entries, cause.number + 1, None)
                within = takewhile(partial(is_within_pause, cause), later)
                offenders |= {entry.number: entry for entry in within if knew(cause, entry)}
        return list(offenders.values())


def is_within_pause(cause: Entry, entry: Entry) -> bool:
    """Whether a request came before the pause that an earlier answer asked for was over."""
    real = entry.arrived - cause.finished
    simulated = entry.clock - cause.answered_clock
    return max(real, simulated) < cause.pause


def knew(cause: Entry, entry: Entry) -> bool:
    """Whether the caller of a request had read the answer that asked for a pause.

    Whoever uses the connection again has; another worker of the same caller is given some time.
    """
    if entry.token != cause.token:
        return False
    return entry.connection == cause.connection or entry.arrived - cause.finished > READ_SECONDS


READ_SECONDS = 1.0
"""How long a caller's other workers may take to learn that they have to wait."""

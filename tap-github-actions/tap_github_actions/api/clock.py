"""Waiting, so that tests can move time instead of spending it."""

from __future__ import annotations

import threading
import time
from typing import Protocol


class Clock(Protocol):
    """A clock that never runs backwards, and can be waited on."""

    def monotonic(self) -> float:
        """Return seconds since some moment."""
        ...

    def sleep(self, seconds: float) -> None:
        """Return after so many seconds, or earlier when the tap is told to stop."""
        ...


class SystemClock:
    """The computer's clock, whose sleepers can be woken."""

    def __init__(self) -> None:
        self._woken = threading.Event()

    def monotonic(self) -> float:
        """Return seconds since some moment."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Sleep, unless woken."""
        self._woken.wait(seconds)

    def wake(self) -> None:
        """End every sleep now and from now on."""
        self._woken.set()

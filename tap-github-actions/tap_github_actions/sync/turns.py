"""Whose turn it is: every repository's last day first, then each goes deeper a step at a time."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(slots=True)
class Turns(Generic[T]):
    """Hands out tasks to several threads, in turns.

    A task that is given back waits behind all others of its kind; those that do not have their last
    day yet go before those that have.
    """

    _current: deque[T] = field(default_factory=deque)
    _deep: deque[T] = field(default_factory=deque)
    _out: int = 0
    _condition: threading.Condition = field(default_factory=threading.Condition)

    def add(self, task: T) -> None:
        """Add a task before the first one is taken."""
        self._current.append(task)

    def take(self) -> T | None:
        """Wait for a task; None when none will come any more."""
        with self._condition:
            while not self._current and not self._deep:
                if self._out == 0:
                    return None
                self._condition.wait()
            self._out += 1
            return (self._current or self._deep).popleft()

    def give_back(self, task: T, *, has_last_day: bool) -> None:
        """Let a task wait for its next turn."""
        with self._condition:
            (self._deep if has_last_day else self._current).append(task)
            self._out -= 1
            self._condition.notify()

    def end(self) -> None:
        """Note that a task that was taken does not come back."""
        with self._condition:
            self._out -= 1
            if self._out == 0:
                self._condition.notify_all()

    def __len__(self) -> int:
        return len(self._current) + len(self._deep)

"""What the log says while runs are read, and how often."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from tap_github_actions.sync.repository import Window

EVERY_SECONDS = 30
ORDER = ("workflows", "workflow_runs", "workflow_jobs", "workflow_steps")


@dataclass(slots=True)
class Progress:
    """How far one repository is."""

    repository: str
    began: float
    attempts: int = 0
    seen: int = 0
    written: dict[str, int] = field(default_factory=dict)
    last_said: float = 0.0

    def due(self, now: float) -> bool:
        """Whether it is time to say something again."""
        if now - max(self.last_said, self.began) < EVERY_SECONDS:
            return False
        self.last_said = now
        return True

    def line(self, window: Window, low: datetime, now: float, calls_left: int | None) -> str:
        """Say how much of the window is done, and when the rest will be."""
        share = share_done(window, low)
        words = [
            f"{self.repository}: {share:.0%} of the time since {window.start:%Y-%m-%d} is done",
            f"back to {low:%Y-%m-%d %H:%M}",
            f"{self.attempts:,} attempts",
        ]
        if calls_left is not None:
            words.append(f"{calls_left:,} calls left this hour")
        if share > 0:
            rest = (now - self.began) / share * (1 - share)
            words.append(f"done in about {duration(rest)}")
        return ", ".join(words)

    def summary(self, unfinished: int, gaps: int = 0) -> str:
        """Say what was emitted in the end."""
        counts = [
            f"{count:,} {name.replace('workflow_', '').replace('_', ' ')}"
            for name in sorted(self.written, key=place)
            if (count := self.written[name])
        ]
        line = f"summary: {self.repository}: " + (", ".join(counts) or "nothing new")
        line += f"; {unfinished:,} still unfinished" if unfinished else ""
        return line + (f"; {gaps:,} not shown by GitHub so far, see github_gaps" if gaps else "")


def place(name: str) -> int:
    """Return a stream's place in the summary."""
    return ORDER.index(name) if name in ORDER else len(ORDER)


def share_done(window: Window, low: datetime) -> float:
    """Return which share of a window has been read, going back from now."""
    whole = (window.now - window.start).total_seconds()
    if whole <= 0:
        return 1.0
    return min(max((window.now - low).total_seconds() / whole, 0.0), 1.0)


def duration(seconds: float) -> str:
    """Write a duration for people."""
    minutes = round(seconds / 60)
    if minutes < 1:
        return "a minute"
    if minutes < 120:  # noqa: PLR2004 - hours are clearer from here on
        return f"{minutes} min"
    return f"{minutes / 60:.1f} h"

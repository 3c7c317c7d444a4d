"""Which parts of a repository's history a sync has to look at, decided from the bookmark alone.

Every sync looks at what was created since the last look, and at the last hours before it. Re-runs
reach further back, so an hourly sweep looks at three days and a daily one at `rerun_lookback_days`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from tap_github_actions.runs.bookmark import OVERLAP

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tap_github_actions.runs.bookmark import Look

HEAD_REACH = timedelta(hours=3)
HOURLY = timedelta(hours=1)
HOURLY_REACH = timedelta(days=3)
DAILY = timedelta(hours=24)
WORTH_SKIPPING = timedelta(hours=12)
"""A stretch that need not be looked at is walked over when it is shorter than this."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Creations from `low` up to `high` that have to be looked at; no `high`: up to the newest."""

    low: datetime
    high: datetime | None
    reach: datetime | None = None
    """As far as it is worth looking while it costs little."""


def stretches(
    looks: Sequence[Look], now: datetime, start: datetime, rerun_lookback: timedelta
) -> list[Stretch]:
    """Return what has to be looked at, newest first.

    Sweeps reach back from the last look, not from now: after a long break, whatever was re-run
    soon after that look would be out of reach otherwise.

    Args:
        looks: The bookmark's looks.
        now: The present, by GitHub's clock.
        start: The oldest creation that matters.
        rerun_lookback: How far back runs may have been re-run.
    """
    needed: list[tuple[datetime, datetime | None]] = []
    high: datetime | None = None
    for look in looks:
        lows = [look.at - OVERLAP]
        if now - look.at >= HOURLY:
            lows.append(look.at - HOURLY_REACH)
        if now - look.at >= DAILY:
            lows.append(look.at - rerun_lookback)
        low = max(min(lows), look.low, start)
        if high is None or low < high:
            needed.append((low, high))
        high = look.low
        if high <= start:
            break
    if high is None or start < high:
        needed.append((start, high))
    return joined(needed, now)


def joined(needed: list[tuple[datetime, datetime | None]], now: datetime) -> list[Stretch]:
    """Join parts with little between them; the head also gets its reach."""
    parts: list[tuple[datetime, datetime | None]] = []
    for low, high in needed:
        if parts and high is not None and parts[-1][0] - high <= WORTH_SKIPPING:
            parts[-1] = (min(low, parts[-1][0]), parts[-1][1])
        else:
            parts.append((low, high))
    return [
        Stretch(low, high, reach=now - HEAD_REACH if high is None else None) for low, high in parts
    ]

"""What could not be read yet: kept in the bookmark, asked for again later, shown as records."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec

from tap_github_actions.identity import made_id
from tap_github_actions.times import format_time

WAITS = (
    timedelta(minutes=10),
    timedelta(hours=1),
    timedelta(hours=6),
    timedelta(days=1),
    timedelta(days=3),
    timedelta(days=7),
)
"""How long to wait after each try; the last one from then on."""
BELIEVED_AFTER = timedelta(minutes=10)
"""GitHub now and then answers 404 for a run that exists; twice, so far apart, it means it."""
BEGINS_WITHIN = timedelta(hours=1)
NOT_SHOWN = "GitHub answers 404 for it"
MAX_TRIES = 5
MAX_GAPS = 200
"""More of them in one repository are no single runs, but a repository that cannot be read."""
MAX_REASON = 200

RUN, ATTEMPT, JOBS, UNFINISHED, ARTIFACTS = "run", "attempt", "jobs", "unfinished jobs", "artifacts"
ANNOTATIONS = "annotations"
REPOSITORY = "repository"

Key = tuple[int, int, str]


class Gap(msgspec.Struct, array_like=True, frozen=True):
    """Something of a repository that GitHub has not shown so far, and when it was asked for."""

    run: int
    """0 where it is not about a run."""
    attempt: int
    """The attempt; where all of a run is out of reach, the first that has not been read."""
    what: str
    reason: str
    first_seen: datetime
    last_tried: datetime
    tries: int = 1

    @property
    def key(self) -> Key:
        """Tell it from the others: what is missing of an attempt may change from try to try."""
        return key_of(self.run, self.attempt, self.what)

    def is_due(self, now: datetime) -> bool:
        """Whether it is time to ask again."""
        return now - self.last_tried >= WAITS[min(self.tries, len(WAITS)) - 1]

    def again(self, what: str, reason: str, now: datetime) -> Gap:
        """Return the gap after one more try in vain."""
        return Gap(
            self.run,
            self.attempt,
            what,
            reason[:MAX_REASON],
            self.first_seen,
            now,
            self.tries + 1,
        )

    def is_given_up(self, now: datetime) -> bool:
        """Whether it has been asked for often enough to take the answer for GitHub's last word."""
        return self.tries >= MAX_TRIES and now - self.first_seen >= timedelta(days=1)


def key_of(run: int, attempt: int, what: str) -> Key:
    """Return a gap's key."""
    return run, attempt, "" if run else what


def seen(run: int, attempt: int, what: str, reason: str, now: datetime) -> Gap:
    """Return a gap that has just been noticed."""
    return Gap(run, attempt, what, reason[:MAX_REASON], now, now)


def gap_record(
    gap: Gap, *, repository: str, repository_id: int, resolved_at: datetime | None = None
) -> dict[str, Any]:
    """Return the record of a gap; once it is closed it says when."""
    return {
        "gap_id": made_id("tap-gh-gap", repository_id or repository, *gap.key),
        "repository": repository,
        "repository_id": repository_id or None,
        "github_run_id": gap.run or None,
        "run_attempt": gap.attempt or None,
        "what": gap.what,
        "reason": gap.reason,
        "first_seen": format_time(gap.first_seen),
        "last_tried": format_time(gap.last_tried),
        "tries": gap.tries,
        "resolved_at": format_time(resolved_at),
    }

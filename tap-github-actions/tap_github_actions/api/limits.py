"""GitHub's limits: what an answer says about them, and the gate every request passes through.

GitHub has a primary limit (so many requests an hour for each token) and secondary ones (too much at
once), and tells of both with 403 as well as 429. Whoever keeps asking during a pause may be banned,
so all workers share one gate.
"""

from __future__ import annotations

import logging
import re
import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Literal

from tap_github_actions.api.pace import Pace
from tap_github_actions.errors import OutOfQuotaError, StoppedError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tap_github_actions.api.clock import Clock

SECONDARY_SECONDS = 60
ANNOUNCED_SECONDS = 5
SAME_WINDOW_SECONDS = 30
LONGEST_SECONDS = 10 * 366 * 86_400
LIMIT_STATUSES = frozenset({403, 429})
_logger = logging.getLogger("tap-github-actions")
_SECONDARY = re.compile(r"secondary rate|abuse detection", re.IGNORECASE)
_WHOLE = re.compile(r"[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class Limited:
    """An answer that says: not now."""

    kind: Literal["primary", "secondary"]
    retry_after: float | None
    """Seconds to wait, where GitHub says so."""


def server_time(headers: Mapping[str, str]) -> datetime | None:
    """Return the instant of the `Date` header: GitHub's clock, which alone decides."""
    try:
        moment = parsedate_to_datetime(headers.get("Date", ""))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that `Retry-After` asks for, given as a number or as a date."""
    value = headers.get("Retry-After", "").strip()
    seconds = whole(value)
    if not value or seconds is not None:
        return seconds
    try:
        until = parsedate_to_datetime(value)
    except ValueError:
        return None
    if until.tzinfo is None:
        until = until.replace(tzinfo=timezone.utc)
    now = server_time(headers) or datetime.now(timezone.utc)
    return max((until - now).total_seconds(), 0.0)


def reset_in(headers: Mapping[str, str]) -> float | None:
    """Return the seconds until the primary limit's window starts anew, by GitHub's clock."""
    moment = whole(headers.get("X-RateLimit-Reset", ""))
    if moment is None:
        return None
    now = server_time(headers) or datetime.now(timezone.utc)
    return max(moment - now.timestamp(), 0.0)


def whole(text: str) -> int | None:
    """Read a whole number that can be meant; None for anything else."""
    return int(text) if _WHOLE.fullmatch(text) else None


def limited(status: int, headers: Mapping[str, str], body: str) -> Limited | None:
    """Decide whether an answer is about a limit; None for any other answer."""
    if status not in LIMIT_STATUSES:
        return None
    seconds = retry_after(headers)
    if _SECONDARY.search(body):
        return Limited("secondary", seconds)
    if headers.get("X-RateLimit-Remaining") == "0":
        left = reset_in(headers)
        if seconds is None and left is not None:
            seconds = left + 1
        return Limited("primary", seconds)
    if status == 429 or seconds is not None:  # noqa: PLR2004 - Too Many Requests
        return Limited("secondary", seconds)
    return None


@dataclass(slots=True)
class Refusal:
    """Until when GitHub wants no requests; longer each time that the wait was too short."""

    until: float = 0.0
    """By the monotonic clock."""
    strikes: int = 0
    """How often in a row it came after the wait that GitHub had named."""

    def again(self, answer: Limited, now: float) -> None:
        """Take over what an answer says.

        Several requests may have been under way when the limit was hit: that is one strike, and the
        longest wait that any of the answers names.
        """
        if now >= self.until:
            self.strikes += 1
        self.until = max(self.until, now + _seconds(answer, self.strikes - 1))

    def got_through(self, now: float) -> None:
        """Forget the strikes after an answer that came through."""
        if now >= self.until:
            self.strikes = 0


@dataclass(slots=True)
class Quota:
    """What one token may still ask."""

    name: str
    reserve: int = 0
    remaining: int | None = None
    window: int = 0
    """When the window ends, as GitHub writes it."""
    blocked_until: float = 0.0
    """By the monotonic clock."""
    refusal: Refusal = field(default_factory=Refusal)

    def left(self) -> float:
        """Return how many requests may still be made, as far as is known."""
        return float("inf") if self.remaining is None else self.remaining - self.reserve


@dataclass(slots=True)
class Gate:
    """The one door to GitHub: at most so many inside, nobody during a pause."""

    clock: Clock
    quotas: Sequence[Quota]
    max_concurrency: int
    max_wait_seconds: float
    pace: Pace = field(default_factory=Pace)
    _condition: threading.Condition = field(default_factory=threading.Condition)
    _inside: int = 0
    _refusal: Refusal = field(default_factory=Refusal)
    _pause_reason: str = ""
    _sleeping: bool = False
    _stopped: StoppedError | None = None
    _offset: timedelta = timedelta()

    def enter(self) -> Quota:
        """Wait for a place and for quota, and take both.

        Returns:
            The token to use: the one with most requests left.

        Raises:
            StoppedError: When the sync is to end instead.
        """
        with self._condition:
            while True:
                if self._stopped is not None:
                    raise self._stopped
                now = self.clock.monotonic()
                quota = max(self.quotas, key=lambda each: self._rank(each, now))
                wait, reason = self._wait(quota, now)
                if wait > 0:
                    self._pause(wait, reason)
                elif wait < 0:
                    self._condition.wait()
                elif (rest := self.pace.rest(now)) > 0:
                    self._sleep(rest)
                elif self._inside < self.max_concurrency:
                    self._inside += 1
                    self.pace.note(now)
                    if quota.remaining is not None:
                        quota.remaining -= 1
                    return quota
                else:
                    self._condition.wait()

    def count(self) -> None:
        """Note a request that follows from the one that was let in, as a redirect does."""
        with self._condition:
            self.pace.note(self.clock.monotonic())

    def leave(self) -> None:
        """Give the place back."""
        with self._condition:
            self._inside -= 1
            self._condition.notify_all()

    def learn(self, quota: Quota, headers: Mapping[str, str]) -> None:
        """Take over what an answer says about its token's quota."""
        with self._condition:
            if moment := server_time(headers):
                self._offset = moment - datetime.now(timezone.utc)
            remaining = whole(headers.get("X-RateLimit-Remaining", ""))
            window = whole(headers.get("X-RateLimit-Reset", ""))
            seconds = reset_in(headers)
            if remaining is None or window is None or seconds is None:
                return
            if quota.remaining is None or window > quota.window + SAME_WINDOW_SECONDS:
                quota.remaining, quota.window = remaining, window
            elif window >= quota.window - SAME_WINDOW_SECONDS:
                # Answers overtake each other: what is known to be spent stays spent.
                quota.remaining = min(quota.remaining, remaining)
            exhausted = quota.left() <= 0
            quota.blocked_until = self.clock.monotonic() + seconds + 1 if exhausted else 0.0

    def refused(self, quota: Quota, answer: Limited) -> None:
        """Close the gate, or one token's share of it, after a limit was hit."""
        with self._condition:
            now = self.clock.monotonic()
            if answer.kind == "secondary":
                self.pause(answer, "GitHub's secondary rate limit was hit")
                return
            quota.remaining = 0
            quota.refusal.again(answer, now)
            quota.blocked_until = max(quota.blocked_until, quota.refusal.until)
            self._condition.notify_all()

    def pause(self, answer: Limited, reason: str) -> None:
        """Close the gate for everybody."""
        with self._condition:
            self._refusal.again(answer, self.clock.monotonic())
            self._pause_reason = reason
            self._condition.notify_all()

    def hold(self) -> None:
        """Wait for the end of a pause, without taking a place.

        Raises:
            StoppedError: When the sync is to end instead.
        """
        with self._condition:
            while True:
                if self._stopped is not None:
                    raise self._stopped
                wait = self._refusal.until - self.clock.monotonic()
                if wait <= 0:
                    return
                self._pause(wait, self._pause_reason)

    def succeeded(self, quota: Quota) -> None:
        """Forget earlier refusals after an answer that came through."""
        with self._condition:
            now = self.clock.monotonic()
            self._refusal.got_through(now)
            quota.refusal.got_through(now)

    def stop(self, reason: StoppedError) -> None:
        """Let nobody in any more."""
        with self._condition:
            self._stopped = self._stopped or reason
            self._condition.notify_all()

    @property
    def stopped(self) -> StoppedError | None:
        """Why the gate is closed for good, if it is."""
        return self._stopped

    def calls_left(self) -> int | None:
        """Return how many requests all tokens together have left in their present windows."""
        known = [quota.left() for quota in self.quotas if quota.remaining is not None]
        return int(sum(max(left, 0) for left in known)) if known else None

    def _rank(self, quota: Quota, now: float) -> tuple[bool, float, float]:
        blocked = self._is_blocked(quota, now)
        return (not blocked, -quota.blocked_until if blocked else 0.0, quota.left())

    @staticmethod
    def _is_blocked(quota: Quota, now: float) -> bool:
        if quota.blocked_until and now >= quota.blocked_until:
            quota.blocked_until = 0.0
            quota.remaining = None
        return quota.blocked_until > now or quota.left() <= 0

    def _wait(self, quota: Quota, now: float) -> tuple[float, str]:
        """Return how long to stay out and why; below zero: until another request is back."""
        if self._refusal.until > now:
            return self._refusal.until - now, self._pause_reason
        if quota.blocked_until > now:
            reason = f"GitHub's rate limit for {quota.name} is used up"
            if quota.reserve:
                reason += f" (but for the {quota.reserve} requests of rate_limit_reserve)"
            return quota.blocked_until - now, reason
        if quota.left() <= 0:
            # The last requests are under way; their answers say when the window ends.
            return (0.0, "") if self._inside == 0 else (-1.0, "")
        return 0.0, ""

    def _pause(self, wait: float, reason: str) -> None:
        """Wait for a limit, or end the sync where that takes too long."""
        if wait > self.max_wait_seconds:
            resume = (
                datetime.now(timezone.utc)
                + self._offset
                + timedelta(seconds=min(wait, LONGEST_SECONDS))
            )
            self._stopped = OutOfQuotaError(reason, resume)
            self._condition.notify_all()
            raise self._stopped
        if wait >= ANNOUNCED_SECONDS and not self._sleeping:
            _logger.warning("%s: every request waits %d s", reason, round(wait))
        self._sleep(wait)

    def _sleep(self, wait: float) -> None:
        """Sleep once for everybody; called and left with the lock held."""
        if self._sleeping:
            self._condition.wait()
            return
        self._sleeping = True
        self._condition.release()
        try:
            self.clock.sleep(wait)
        finally:
            self._condition.acquire()
            self._sleeping = False
            self._condition.notify_all()


def _seconds(answer: Limited, strikes: int) -> float:
    """Return how long to wait: a refusal right after a wait means that it was too short."""
    wait = SECONDARY_SECONDS if answer.retry_after is None else answer.retry_after
    return float(max(wait, 1.0) * 2**strikes)

"""GitHub's rate limits: the hourly quota of each token, and the secondary limits."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from github_simulator.answers import SECONDARY_LIMIT, Answer, refusal

if TYPE_CHECKING:
    from github_simulator.clock import Clock

HOUR = 3_600
MINUTE = 60


@dataclass(slots=True)
class Quota:
    """One token's hourly quota."""

    limit: int
    used: int = 0
    reset: int = 0

    @property
    def remaining(self) -> int:
        """Return how many requests are left."""
        return max(self.limit - self.used, 0)

    def roll(self, now: int) -> None:
        """Start a new hour when the old one is over."""
        if now >= self.reset:
            self.used, self.reset = 0, now + HOUR

    def headers(self) -> dict[str, str]:
        """Return what every answer says about the quota."""
        return {
            "x-ratelimit-limit": str(self.limit),
            "x-ratelimit-remaining": str(self.remaining),
            "x-ratelimit-reset": str(self.reset),
            "x-ratelimit-used": str(self.used),
            "x-ratelimit-resource": "core",
        }

    def summary(self) -> dict[str, int]:
        """Return the quota as `/rate_limit` shows it."""
        return {
            "limit": self.limit,
            "used": self.used,
            "remaining": self.remaining,
            "reset": self.reset,
        }


@dataclass(slots=True)
class SecondaryLimits:
    """Limits on how fast and how parallel a caller may ask; None means unlimited."""

    max_concurrent: int | None = 100
    points_per_minute: int | None = None
    status: int = 403
    retry_after: int | None = 60
    _recent: list[float] = field(default_factory=list)

    def refuse(self, in_flight: int, clock: Clock) -> Answer | None:
        """Return a refusal when the caller asks too fast or too much at once."""
        now = clock.exact()
        if self.points_per_minute is not None:
            self._recent = [moment for moment in self._recent if now - moment < MINUTE]
            self._recent.append(now)
            if len(self._recent) > self.points_per_minute:
                return secondary_limit(self.status, self.retry_after)
        if self.max_concurrent is not None and in_flight > self.max_concurrent:
            return secondary_limit(self.status, self.retry_after)
        return None


def primary_limit(status: int, quota: Quota, now: int, who: str) -> Answer:
    """Return the refusal of a caller without any requests left."""
    answer = refusal(
        status,
        f"API rate limit exceeded for {who}.",
        "/overview/rate-limits-for-the-rest-api",
    )
    answer.pause = max(quota.reset - now, 0)
    return answer


def secondary_limit(status: int, retry_after: int | None, http_date: str | None = None) -> Answer:
    """Return the refusal of a caller who asks too fast."""
    answer = refusal(
        status,
        SECONDARY_LIMIT,
        "/overview/rate-limits-for-the-rest-api#about-secondary-rate-limits",
    )
    # Without Retry-After the documentation asks for a minute at least.
    answer.pause = MINUTE if retry_after is None else retry_after
    if retry_after is not None:
        answer.headers["Retry-After"] = http_date or str(retry_after)
    return answer


def rate_limit_payload(quota: Quota, api_version: str) -> dict[str, Any]:
    """Return what `/rate_limit` shows; `rate` left with version 2026-03-10."""
    payload: dict[str, Any] = {"resources": {"core": quota.summary()}}
    if api_version < "2026-03-10":
        payload["rate"] = quota.summary()
    return payload

"""What of the store goes onto a page."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from target_telemetry_postgres.errors import ConfigError

#: What a page can be made without, because it may be mailed on.
PERSONAL: Final = ("users", "sessions", "titles", "branches", "prompts", "errors")
#: 90 days are 13 whole weeks, and the period before needs as many again.
DEFAULT_DAYS: Final = 186


@dataclass(frozen=True, slots=True, kw_only=True)
class PageOptions:
    """Which rows a page is made of, and what it leaves out."""

    since: datetime | None = None
    zone: str = "UTC"
    repositories: tuple[str, ...] = ()
    without: frozenset[str] = frozenset()
    now: datetime = field(default_factory=lambda: datetime.now(timezone.utc))

    @property
    def first_day(self) -> date:
        """The first day of the page, in its time zone."""
        if self.since is None:
            return self.last_day - timedelta(days=DEFAULT_DAYS - 1)
        return self.since.astimezone(zone_of(self.zone)).date()

    @property
    def last_day(self) -> date:
        """Today, in the page's time zone."""
        return self.now.astimezone(zone_of(self.zone)).date()

    @property
    def span(self) -> tuple[datetime, datetime]:
        """The instants from which and before which rows count."""
        zone = zone_of(self.zone)
        after = self.last_day + timedelta(days=1)
        return (
            datetime.combine(self.first_day, datetime.min.time(), zone),
            datetime.combine(after, datetime.min.time(), zone),
        )


def zone_of(name: str) -> ZoneInfo:
    """The time zone of that name.

    Raises:
        ConfigError: There is none.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ConfigError(
            f'There is no time zone "{name}"; write one as Europe/Berlin or UTC.'
        ) from error


def check_without(names: str) -> frozenset[str]:
    """Read what a page is to be made without.

    Raises:
        ConfigError: One of the names means nothing.
    """
    wanted = frozenset(name.strip() for name in names.split(",") if name.strip())
    if unknown := sorted(wanted - set(PERSONAL)):
        raise ConfigError(
            f"A page cannot be made without {', '.join(unknown)}; "
            f"possible are {', '.join(PERSONAL)}."
        )
    return wanted

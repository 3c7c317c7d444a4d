"""Billed usage of each owner: read last, at most once a day, and never a reason to fail."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from tap_github_actions.errors import DeniedError, NotFoundError, UnavailableError
from tap_github_actions.extras.billing import BillingReader
from tap_github_actions.runs import gaps
from tap_github_actions.times import format_time, parse_time

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_github_actions.api.client import Client

STREAM = "billing_usage"
ASKED_EVERY = timedelta(hours=20)
_logger = logging.getLogger("tap-github-actions")

Records = list[tuple[str, dict[str, Any]]]


@dataclass(slots=True)
class BillingSync:
    """Keeps in the state when each owner was asked for, and how far."""

    client: Client
    owners: dict[str, dict[str, Any]]
    """The part of the state that is kept by owner."""
    opened: Records = field(default_factory=list)
    """The records of new gaps: they have to follow a state that knows them."""

    def records(self, owner: str, start: datetime, now: datetime) -> Iterator[Records]:
        """Yield what is new about an owner, and note it in the state."""
        known = self.owners.get(owner, {})
        asked = parse_time(known.get("asked_at"))
        if asked is not None and now - asked < ASKED_EVERY:
            return
        reader = BillingReader(self.client)
        try:
            for month in reader.read(owner, start, now, str(known.get("read_to", ""))):
                yield [(STREAM, record) for record in month]
        except (DeniedError, NotFoundError, UnavailableError) as error:
            _logger.warning("%s: no billed usage: %s", owner, error)
            refused = self._refused(owner, str(error), now)
            if "refused_since" in known:
                yield [refused]
            else:
                self.opened.append(refused)
            return
        self.owners[owner] = {"asked_at": format_time(now), "read_to": f"{now:%Y-%m}"}
        if since := parse_time(known.get("refused_since")):
            gap = gaps.Gap(0, 0, STREAM, "", since, now, int(known.get("tries", 1)))
            record = gaps.gap_record(gap, repository=owner, repository_id=0, resolved_at=now)
            yield [("github_gaps", record)]

    def _refused(self, owner: str, reason: str, now: datetime) -> tuple[str, dict[str, Any]]:
        known = self.owners.get(owner, {})
        since = parse_time(known.get("refused_since")) or now
        tries = int(known.get("tries", 0)) + 1
        self.owners[owner] = {
            **known,
            "asked_at": format_time(now),
            "refused_since": format_time(since),
            "tries": tries,
        }
        gap = gaps.Gap(0, 0, STREAM, reason, since, now, tries)
        return "github_gaps", gaps.gap_record(gap, repository=owner, repository_id=0)

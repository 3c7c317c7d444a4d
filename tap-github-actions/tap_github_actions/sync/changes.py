"""Pull requests and deployments of one repository: what changed, or why it is not shown."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tap_github_actions.errors import DeniedError, NotFoundError, UnavailableError
from tap_github_actions.extras.changes import OVERLAP, Changes
from tap_github_actions.runs import gaps
from tap_github_actions.runs.attempts import PAYLOAD_ERRORS
from tap_github_actions.runs.bookmark import Asked

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from tap_github_actions.extras.changes import Part
    from tap_github_actions.runs.attempts import AttemptReader
    from tap_github_actions.sync.ledger import Ledger

PULL_REQUESTS, DEPLOYMENTS, ANNOTATIONS = "pull_requests", "deployments", "job_annotations"
_logger = logging.getLogger("tap-github-actions")


@dataclass(frozen=True, slots=True)
class ChangesSync:
    """Goes on from where the bookmark says; what is refused is a gap and fails nothing."""

    reader: AttemptReader
    ledger: Ledger
    start: datetime

    def parts(self, names: tuple[str, ...]) -> Iterator[list[tuple[str, dict[str, Any]]]]:
        """Yield records, and move the bookmark along with them."""
        for name in names:
            try:
                yield from self._read(name)
            except (DeniedError, NotFoundError, UnavailableError, *PAYLOAD_ERRORS) as error:
                refuse(self.ledger, name, str(error))

    def _read(self, name: str) -> Iterator[list[tuple[str, dict[str, Any]]]]:
        bookmark, now = self.ledger.bookmark, self.ledger.now
        gap = bookmark.gaps.get(gaps.key_of(0, 0, name))
        if gap is not None and not gap.is_due(now):
            return
        asked = bookmark.asked.get(name)
        since = self.start if asked is None else asked.at - OVERLAP
        for part in self._changed(name, since):
            bookmark.asked[name] = Asked(min(part.until, now))
            yield [(name, record) for record in part.records]
        bookmark.asked[name] = Asked(now)
        self.ledger.close(gaps.key_of(0, 0, name))

    def _changed(self, name: str, since: datetime) -> Iterator[Part]:
        reader = self.reader
        changes = Changes(reader.client, reader.path, reader.repository, reader.repository_id)
        if name == PULL_REQUESTS:
            return changes.pull_requests(since)
        return changes.deployments(since)


def refuse(ledger: Ledger, name: str, reason: str) -> None:
    """Note that a stream's data are not shown."""
    _logger.warning("%s: no %s: %s", ledger.repository, name.replace("_", " "), reason)
    ledger.open(0, 0, name, reason)

"""What a repository has besides runs and rarely changes: its workflows, and what it is itself."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from tap_github_actions.api.paging import read_all, read_page
from tap_github_actions.runs.bookmark import Asked
from tap_github_actions.runs.records import repository_record, workflow_record

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from tap_github_actions.runs.attempts import AttemptReader
    from tap_github_actions.runs.bookmark import Bookmark

ASKED_EVERY = timedelta(hours=24)
"""Where nothing else tells that something has changed, and asking is not free."""
WORKFLOWS, REPOSITORY = "workflows", "repository"

Records = list[tuple[str, dict[str, Any]]]


@dataclass(slots=True)
class Surroundings:
    """Emits them when they have changed."""

    bookmark: Bookmark
    about: dict[str, Any] | None
    """What GitHub says about the repository, where it has been asked anyway."""

    def default_branch(self, reader: AttemptReader) -> str | None:
        """Return the default branch; it is asked for when nothing has told it yet."""
        if not self.bookmark.default_branch and self.about is None and reader.wanted.repositories:
            self.about = reader.client.get_object(reader.path)
        branch = (self.about or {}).get("default_branch")
        if isinstance(branch, str):
            self.bookmark.default_branch = branch
        return self.bookmark.default_branch or None

    def records(
        self, reader: AttemptReader, now: datetime, *, has_new_workflow: bool = False
    ) -> Records:
        """Return what has changed.

        Args:
            reader: Knows the repository and which streams are wanted.
            now: The present, by GitHub's clock.
            has_new_workflow: Whether a run is of a workflow that has not been met before.
        """
        found: Records = []
        if reader.wanted.repositories:
            found += self._repository(reader, now)
        if reader.wanted.workflows:
            found += self._workflows(reader, now, is_new=has_new_workflow)
        return found

    def _repository(self, reader: AttemptReader, now: datetime) -> Records:
        asked = self.bookmark.asked.get(REPOSITORY)
        if self.about is None:
            if asked is not None and now - asked.at < ASKED_EVERY:
                return []
            self.about = reader.client.get_object(reader.path)
        record = repository_record(self.about)
        digest = digest_of([record])
        self.bookmark.asked[REPOSITORY] = Asked(now, digest)
        return [("repositories", record)] if asked is None or digest != asked.digest else []

    def _workflows(self, reader: AttemptReader, now: datetime, *, is_new: bool) -> Records:
        """Return the workflows when any of them has changed."""
        asked, client = self.bookmark.asked.get(WORKFLOWS), reader.client
        path = f"{reader.path}/actions/workflows"
        known = None
        if asked is not None:
            is_mine = bool(asked.etag) and asked.token == client.etag_key
            known = asked.etag if is_mine else None
            if known is None and not is_new and now - asked.at < ASKED_EVERY:
                return []
        page = read_page(client, path, WORKFLOWS, etag=known)
        if page.unchanged:
            return []
        found: Iterable[dict[str, Any]] = page.items
        if not page.is_last:
            found = read_all(client, path, WORKFLOWS)
        named: dict[str, Any] = {
            "repository": reader.repository,
            "repository_id": reader.repository_id,
        }
        records = sorted(
            (workflow_record(each, **named) for each in found), key=lambda made: made["workflow_id"]
        )
        # The ETag of a first page says nothing about the others.
        etag = (page.etag or "") if page.is_last else ""
        self.bookmark.asked[WORKFLOWS] = Asked(now, "", etag, client.etag_key or "" if etag else "")
        digest = digest_of(records)
        if digest == self.bookmark.workflows:
            return []
        self.bookmark.workflows = digest
        return [(WORKFLOWS, record) for record in records]


def digest_of(records: list[dict[str, Any]]) -> str:
    """Return a few digits that change with the records."""
    return hashlib.blake2b(msgspec.json.encode(records), digest_size=6).hexdigest()

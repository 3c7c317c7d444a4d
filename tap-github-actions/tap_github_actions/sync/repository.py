"""One repository's sync: what is looked at, what is emitted, and in which order.

Records come in chunks, each with the bookmark as it is true once the chunk is stored. Runs come
newest first, every attempt with its jobs and steps.
"""

from __future__ import annotations

import hashlib
import logging
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from tap_github_actions.api.paging import read_all
from tap_github_actions.errors import RepositoryError
from tap_github_actions.runs.attempts import LONGEST_RUN, Due, began, due, touched
from tap_github_actions.runs.audit import Audit
from tap_github_actions.runs.bookmark import OVERLAP, SECOND, Head
from tap_github_actions.runs.listing import Listing
from tap_github_actions.runs.records import created, workflow_record
from tap_github_actions.runs.stretches import stretches

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from concurrent.futures import Executor

    from tap_github_actions.api.paging import Page
    from tap_github_actions.runs.attempts import AttemptReader, Outcome
    from tap_github_actions.runs.bookmark import Bookmark
    from tap_github_actions.runs.listing import Batch
    from tap_github_actions.runs.records import Run
    from tap_github_actions.runs.stretches import Stretch

CHUNK = 50
_logger = logging.getLogger("tap-github-actions")


class ReplacedError(RepositoryError):
    """Another repository now has the name that the bookmark knows."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Records, and the bookmark that is true once they are stored."""

    bookmark: dict[str, Any]
    records: list[tuple[str, dict[str, Any]]]
    attempts: int = 0
    seen: int = 0
    low: datetime | None = None


@dataclass(slots=True)
class Window:
    """The time that a sync is to cover."""

    start: datetime
    now: datetime


@dataclass(slots=True)
class RepositorySync:
    """Syncs one repository once."""

    reader: AttemptReader
    bookmark: Bookmark
    executor: Executor
    start_date: datetime | None
    default_days: int
    rerun_lookback: timedelta
    params: dict[str, str | int] = field(default_factory=dict)
    chunk_size: int = CHUNK
    window: Window | None = None
    _met: set[int] = field(default_factory=set)

    def chunks(self) -> Iterator[Chunk]:
        """Yield everything new, and move the bookmark along."""
        wanted = self.reader.wanted
        listing: Listing | None = None
        now: datetime | None = None
        if wanted.any_run:
            listing = Listing(
                self.reader.client, self.reader.path, self.params, head=self._usable_head()
            )
            first = listing.open()
            now = first.moment
            self._recognise(first)
            listing.path = self.reader.path
        if wanted.workflows:
            yield from self._workflows()
        if listing is not None and now is not None:
            yield from self._runs(listing, now)

    def _recognise(self, page: Page) -> None:
        """Notice from the first run that the repository has another name now, or is another one."""
        about = page.items[0].get("repository") if page.items else None
        if not isinstance(about, dict):
            return
        if about.get("id") not in (None, self.reader.repository_id):
            raise ReplacedError(
                f"its runs belong to the repository with the id {about['id']}, "
                f"not to {self.reader.repository_id}"
            )
        name = about.get("full_name") or self.reader.repository
        if name != self.reader.repository:
            self.reader = replace(self.reader, repository=name, path=f"/repos/{name}")
            self.bookmark.full_name = name

    def _runs(self, listing: Listing, now: datetime) -> Iterator[Chunk]:
        before = deepcopy(self.bookmark)
        start = self.start_date or now - timedelta(days=self.default_days)
        self.window = Window(start, now)
        audit = Audit(listing, before, now)
        head: Head | None = None
        for number, stretch in enumerate(stretches(before.looks, now, start, self.rerun_lookback)):
            for batch in audit.walk(stretch):
                if number == 0 and head is None:
                    head = self._head(listing, batch)
                self._note_missing(audit)
                yield from self._batch(batch, stretch, before)
            if number == 0:
                yield from self._open_runs(before)
        self.bookmark.head = head
        self.bookmark.trim()
        yield Chunk(self.bookmark.to_state(), [])

    def _batch(self, batch: Batch, stretch: Stretch, before: Bookmark) -> Iterator[Chunk]:
        """Read what is due among the runs of a batch, a chunk at a time."""
        window = self._window()
        runs = [run for run in batch.runs if created(run) >= window.start]
        for at in range(0, max(len(runs), 1), self.chunk_size):
            part = runs[at : at + self.chunk_size]
            tasks = [task for run in part if (task := due(run, before)) is not None]
            outcomes = self._read(tasks)
            self._settle(part, outcomes)
            is_last = at + self.chunk_size >= len(runs)
            low = batch.low if is_last else created(part[-1]) + SECOND
            self.bookmark.look(max(low, window.start), window.now, stretch.high)
            yield self._chunk(outcomes, len(part), low)

    def _open_runs(self, before: Bookmark) -> Iterator[Chunk]:
        """Ask for the unfinished runs that the walk did not meet."""
        left = [run_id for run_id in before.open if run_id not in self._met]
        for at in range(0, len(left), self.chunk_size):
            part = left[at : at + self.chunk_size]
            found = list(self.executor.map(self.reader.refetch, part))
            for run_id, run in zip(part, found, strict=True):
                if run is None:
                    _logger.info(
                        "%s: run %d was deleted before it ended", self.reader.repository, run_id
                    )
                    self.bookmark.open.pop(run_id, None)
            runs = [run for run in found if run is not None]
            outcomes = self._read([Due(run, before.open[run["id"]][0]) for run in runs])
            self._settle(runs, outcomes)
            yield self._chunk(outcomes, len(runs), None)

    def _read(self, tasks: Sequence[Due]) -> list[Outcome]:
        now = self._window().now
        return list(self.executor.map(lambda task: self.reader.read(task, now), tasks))

    def _settle(self, runs: Sequence[Run], outcomes: Sequence[Outcome]) -> None:
        """Bring the bookmark's memory of single runs up to date."""
        bookmark, now = self.bookmark, self._window().now
        by_run = {outcome.run_id: outcome for outcome in outcomes}
        for run in runs:
            run_id = run["id"]
            self._met.add(run_id)
            outcome = by_run.get(run_id)
            final = bookmark.recent.pop(run_id, None)
            bookmark.open.pop(run_id, None)
            if outcome is not None:
                final = outcome.final
                if outcome.open_from is not None:
                    self._keep_open(run_id, outcome.open_from, began(run))
            if final is not None and max(began(run), touched(run)) >= now - OVERLAP:
                bookmark.recent[run_id] = final
            workflow, number = run.get("workflow_id"), run.get("run_number")
            if workflow and number:
                bookmark.audited(workflow, number)
                if bookmark.was_missing(workflow, number):
                    bookmark.found(workflow, number)

    def _keep_open(self, run_id: int, attempt: int, since: datetime) -> None:
        if self._window().now - since > LONGEST_RUN:
            _logger.info(
                "%s: run %d is unfinished since %s, longer than GitHub lets a run live; "
                "it is not waited for any longer",
                *(self.reader.repository, run_id, since.date()),
            )
        else:
            self.bookmark.open[run_id] = (attempt, since)

    def _chunk(self, outcomes: Sequence[Outcome], seen: int, low: datetime | None) -> Chunk:
        self.bookmark.trim()
        return Chunk(
            self.bookmark.to_state(),
            [record for outcome in outcomes for record in outcome.records],
            sum(outcome.attempts for outcome in outcomes),
            seen,
            low,
        )

    def _note_missing(self, audit: Audit) -> None:
        if not audit.missing:
            return
        for gap in audit.missing:
            self.bookmark.missing.setdefault(gap.workflow, []).append((gap.low, gap.high))
            self.bookmark.audited(gap.workflow, gap.high)
        count = sum(gap.high - gap.low + 1 for gap in audit.missing)
        _logger.info(
            "%s: %d run number(s) of %d workflow(s) are not shown by GitHub (deleted or hidden); "
            "they are not asked for again",
            *(self.reader.repository, count, len({gap.workflow for gap in audit.missing})),
        )
        audit.missing.clear()

    def _usable_head(self) -> Head | None:
        """Return the first page's ETag where a 304 would be free and would say enough."""
        head = self.bookmark.head
        if head is None or self.bookmark.open or head.token != self.reader.client.etag_key:
            return None
        return head

    def _head(self, listing: Listing, batch: Batch) -> Head | None:
        key = self.reader.client.etag_key
        if batch.unchanged:
            return self.bookmark.head
        if key is None or listing.etag is None:
            return None
        return Head(listing.etag, key, batch.low)

    def _workflows(self) -> Iterator[Chunk]:
        """Emit the workflows when any of them has changed."""
        reader = self.reader
        found = read_all(reader.client, f"{reader.path}/actions/workflows", "workflows")
        records = [
            workflow_record(each, repository=reader.repository, repository_id=reader.repository_id)
            for each in found
        ]
        records.sort(key=lambda record: record["workflow_id"])
        digest = hashlib.blake2b(msgspec.json.encode(records), digest_size=6).hexdigest()
        if digest != self.bookmark.workflows:
            self.bookmark.workflows = digest
            yield Chunk(self.bookmark.to_state(), [("workflows", record) for record in records])

    def _window(self) -> Window:
        if self.window is None:
            raise RuntimeError("the listing has not been opened")
        return self.window

"""One repository's sync: what is looked at, what is emitted, and in which order.

Records come in chunks, each with the bookmark as it is true once the chunk is stored. Runs come
newest first, every attempt with its jobs and steps. The last day comes first, as chunks of its own,
so that every repository has it before any goes deeper.
"""

from __future__ import annotations

import logging
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from tap_github_actions.errors import RepositoryError
from tap_github_actions.runs import gaps
from tap_github_actions.runs.annotations import AnnotationReader
from tap_github_actions.runs.audit import Audit
from tap_github_actions.runs.bookmark import SECOND, Head
from tap_github_actions.runs.due import Due, due
from tap_github_actions.runs.listing import Listing
from tap_github_actions.runs.records import created
from tap_github_actions.runs.stretches import stretches
from tap_github_actions.sync import again
from tap_github_actions.sync.changes import ANNOTATIONS, ChangesSync, refuse
from tap_github_actions.sync.ledger import Ledger
from tap_github_actions.sync.surroundings import Surroundings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from concurrent.futures import Executor

    from tap_github_actions.api.paging import Page
    from tap_github_actions.runs.attempts import AttemptReader, Outcome
    from tap_github_actions.runs.bookmark import Bookmark
    from tap_github_actions.runs.listing import Batch
    from tap_github_actions.runs.records import Run
    from tap_github_actions.runs.stretches import Stretch
    from tap_github_actions.sync.ledger import Found

CHUNK = 50
LAST_DAY = timedelta(days=1)
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
    opened: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    """Records that have to follow a state with this bookmark."""
    has_last_day: bool = False
    """Whether what follows is no longer the last day."""


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
    about: dict[str, Any] | None = None
    """What GitHub says about the repository, where it has been asked anyway."""
    is_dry_run: bool = False
    """Whether a few of each are enough, and so nothing may come late."""
    window: Window | None = None
    surroundings: Surroundings = field(init=False)

    def __post_init__(self) -> None:
        self.surroundings = Surroundings(self.bookmark, self.about)

    def chunks(self) -> Iterator[Chunk]:
        """Yield everything new, and move the bookmark along."""
        if not self.reader.wanted.any_run:
            now = self.reader.client.now()
            ledger = self._begin(now)
            yield from self._aside(ledger)
            yield self._chunk(ledger)
            return
        listing = Listing(
            self.reader.client, self.reader.path, self.params, head=self._usable_head()
        )
        first = listing.open()
        self._recognise(first)
        listing.path = self.reader.path
        yield from self._runs(listing, first.moment)

    @property
    def is_covered(self) -> bool:
        """Whether all of the window has been looked at."""
        low = self.bookmark.covered_from
        return self.window is None or (low is not None and low <= self.window.start)

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

    def _begin(self, now: datetime) -> Ledger:
        """Decide what this sync is to cover."""
        start = self.bookmark.begin(self.start_date, now - timedelta(days=self.default_days))
        self.window = Window(start, now)
        ledger = Ledger(self.bookmark, self.reader.repository, now)
        ledger.close(gaps.key_of(0, 0, gaps.REPOSITORY))
        return ledger

    def _aside(self, ledger: Ledger, *, is_new: bool = False) -> Iterator[Chunk]:
        """Yield what is not about single runs."""
        window = self._window()
        records = self.surroundings.records(self.reader, window.now, has_new_workflow=is_new)
        if records:
            yield Chunk(self.bookmark.to_state(), records, has_last_day=True)
        changes = ChangesSync(self.reader, ledger, window.start)
        for part in changes.parts(self.reader.wanted.changes):
            yield Chunk(self.bookmark.to_state(), part, has_last_day=True)

    def _annotations(self, ledger: Ledger) -> AnnotationReader | None:
        """Return what reads annotations, unless they were refused a short while ago."""
        if not self.reader.wanted.annotations:
            return None
        gap = self.bookmark.gaps.get(gaps.key_of(0, 0, ANNOTATIONS))
        is_due = gap is None or gap.is_due(ledger.now)
        return AnnotationReader(self.reader.client) if is_due else None

    def _note_annotations(self, ledger: Ledger) -> None:
        """Tell of a refusal once, and of its end."""
        annotations, key = self.reader.annotations, gaps.key_of(0, 0, ANNOTATIONS)
        if annotations is None:
            return
        if annotations.refusal and key not in ledger.tried:
            refuse(ledger, ANNOTATIONS, annotations.refusal)
        elif annotations.was_answered and not annotations.refusal:
            ledger.close(key)

    def _runs(self, listing: Listing, now: datetime) -> Iterator[Chunk]:
        before = deepcopy(self.bookmark)
        ledger = self._begin(now)
        start = self._window().start
        branch = self.surroundings.default_branch(self.reader)
        annotations = self._annotations(ledger)
        self.reader = replace(self.reader, default_branch=branch, annotations=annotations)
        if self.is_dry_run:
            yield from self._aside(ledger)
        audit = Audit(listing, before, now)
        head: Head | None = None
        for number, stretch in enumerate(stretches(before.looks, now, start, self.rerun_lookback)):
            for batch in audit.walk(stretch):
                is_first = number == 0 and head is None
                if is_first:
                    head = self._head(listing, batch)
                if number == 0 and not listing.is_unchanged:
                    ledger.walked_from = batch.low
                self._note_missing(audit)
                yield from self._batch(batch, stretch, before, ledger, is_first=is_first)
                if is_first and not self.is_dry_run:
                    is_new = has_new_workflow(batch.runs, before)
                    yield from self._aside(ledger, is_new=is_new)
            if number == 0:
                yield from self._again(before, ledger)
        self.bookmark.head = head
        yield self._chunk(ledger)

    def _batch(
        self,
        batch: Batch,
        stretch: Stretch,
        before: Bookmark,
        ledger: Ledger,
        *,
        is_first: bool,
    ) -> Iterator[Chunk]:
        """Read what is due among the runs of a batch, a chunk at a time."""
        window = self._window()
        line = window.now - LAST_DAY
        runs = sorted(
            (run for run in batch.runs if created(run) >= window.start), key=created, reverse=True
        )
        fresh = sum(created(run) >= line for run in runs) if is_first else len(runs)
        for part in parts(len(runs), fresh, self.chunk_size):
            tasks = [task for run in runs[part] if (task := due(run, before)) is not None]
            outcomes = self._read(tasks)
            ledger.settle(runs[part], outcomes)
            # What is left of the batch was created before the run that follows.
            low = batch.low if part.stop >= len(runs) else created(runs[part.stop]) + SECOND
            if stretch.high is None or low < stretch.high:
                self.bookmark.look(max(low, window.start), window.now, stretch.high)
            yield self._chunk(ledger, outcomes, part.stop - part.start, low, line)

    def _again(self, before: Bookmark, ledger: Ledger) -> Iterator[Chunk]:
        """Ask for unfinished runs that the walk did not meet, and for what could not be read."""
        now = self._window().now
        for run_ids in chunked(again.unfinished(before, ledger), self.chunk_size):
            yield from self._found(
                ledger,
                lambda run_id: again.read_unfinished(
                    self.reader, run_id, before.open[run_id][0], now
                ),
                run_ids,
            )
        for missing in chunked(again.unread(before, ledger), self.chunk_size):
            yield from self._found(
                ledger, lambda gap: again.read_gap(self.reader, gap, now), missing
            )

    def _found(
        self, ledger: Ledger, ask: Callable[[Any], Found], asked: Sequence[Any]
    ) -> Iterator[Chunk]:
        answers = self.executor.map(ask, asked)
        found = list(again.without_the_deleted(ledger, answers))
        outcomes = [each.outcome for each in found]
        ledger.settle_again(found)
        yield self._chunk(ledger, outcomes, len(found))

    def _read(self, tasks: Sequence[Due]) -> list[Outcome]:
        now = self._window().now
        return list(self.executor.map(lambda task: self.reader.read(task, now), tasks))

    def _chunk(
        self,
        ledger: Ledger,
        outcomes: Sequence[Outcome] = (),
        seen: int = 0,
        low: datetime | None = None,
        line: datetime | None = None,
    ) -> Chunk:
        self.bookmark.trim()
        self._note_annotations(ledger)
        return Chunk(
            self.bookmark.to_state(),
            [*(record for outcome in outcomes for record in outcome.records), *ledger.take()],
            sum(outcome.emitted for outcome in outcomes),
            seen,
            low,
            opened=ledger.take_opened(),
            has_last_day=low is None or line is None or low <= line + SECOND,
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

    def _window(self) -> Window:
        if self.window is None:
            raise RuntimeError("the listing has not been opened")
        return self.window


def parts(count: int, fresh: int, size: int) -> Iterator[slice]:
    """Yield which of so many runs are read together: the fresh ones first, even if none is."""
    for at in range(0, max(fresh, 1), size):
        yield slice(at, min(at + size, fresh))
    for at in range(fresh, count, size):
        yield slice(at, min(at + size, count))


def has_new_workflow(runs: Iterable[Run], before: Bookmark) -> bool:
    """Whether a run is new, and of a workflow that the bookmark does not know."""
    last = before.looks[0].at if before.looks else None
    return any(
        run.get("workflow_id") not in before.numbers
        for run in runs
        if last is None or created(run) > last
    )


def chunked(items: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    """Yield items a few at a time."""
    for at in range(0, len(items), size):
        yield items[at : at + size]

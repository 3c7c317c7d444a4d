"""All repositories: which is read when, writing what they give, and when the state goes out.

Each repository is read by a thread of its own, a few at a time; their requests share one gate. Only
the main thread writes, so records and states stay in order.
"""

from __future__ import annotations

import logging
import queue
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from tap_github_actions.errors import (
    DeniedError,
    NotFoundError,
    RepositoryError,
    StateError,
    StoppedError,
)
from tap_github_actions.runs.attempts import AttemptReader, Wanted
from tap_github_actions.runs.bookmark import Bookmark
from tap_github_actions.runs.coverage_artifacts import CoverageReader
from tap_github_actions.settings import BACKFILL_DAYS
from tap_github_actions.sync.progress import Progress
from tap_github_actions.sync.repositories import Repository, find, resolve
from tap_github_actions.sync.repository import CHUNK, Chunk, ReplacedError, RepositorySync
from tap_github_actions.times import parse_time

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tap_github_actions.api.client import Client
    from tap_github_actions.api.clock import Clock
    from tap_github_actions.emit import Emitter

STATE_EVERY_SECONDS = 10.0
STATE_EVERY_RUNS = 250
DRY_RUN_RUNS = 300
QUEUE_SIZE = 8
_logger = logging.getLogger("tap-github-actions")


class DryRunDoneError(StoppedError):
    """A dry run has seen enough."""


@dataclass(frozen=True, slots=True)
class Started:
    """A repository's first chunk is about to come."""

    repository: Repository
    sync: RepositorySync


@dataclass(frozen=True, slots=True)
class Gave:
    """A repository gave a chunk."""

    repository: Repository
    chunk: Chunk


@dataclass(frozen=True, slots=True)
class Ended:
    """A repository is done, or cannot go on."""

    name: str
    repository: Repository | None = None
    error: Exception | None = None


Event = Started | Gave | Ended


@dataclass(slots=True)
class Engine:
    """Reads every repository once."""

    client: Client
    clock: Clock
    settings: Mapping[str, Any]
    wanted: Wanted
    state: Any
    """The tap's state; its partitions are replaced as chunks are written."""
    emitter: Emitter
    limit: int | None = None
    """In a dry run: how many records of each stream are enough."""
    _events: queue.Queue[Event] = field(default_factory=lambda: queue.Queue(QUEUE_SIZE))
    _todo: list[Repository | str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _bookmarks: dict[int, Bookmark] = field(default_factory=dict)
    _syncs: dict[int, RepositorySync] = field(default_factory=dict)
    _progress: dict[int, Progress] = field(default_factory=dict)
    _problems: list[str] = field(default_factory=list)
    _claimed: set[int] = field(default_factory=set)
    """Repositories that are read: each once, whatever names it is asked for by."""
    _unsaved_runs: int = 0
    _saved_at: float = 0.0

    def run(self) -> None:
        """Read everything, and write it.

        Raises:
            TapError: Something could not be read; everything else has been.
        """
        self._load()
        try:
            total = self._plan()
        except StoppedError:
            total = 0  # which repositories there are could not be found out
        self._saved_at = self.clock.monotonic()
        workers = min(self.settings["max_concurrency"], max(total, 1))
        fatal: Exception | None = None
        with ThreadPoolExecutor(self.settings["max_concurrency"]) as details:
            threads = [
                threading.Thread(target=self._work, args=(details,), daemon=True)
                for _ in range(workers)
            ]
            for thread in threads:
                thread.start()
            try:
                for _ in range(total):
                    error = self._consume()
                    fatal = fatal or error
                    if error is not None:
                        self.client.gate.stop(StoppedError("another repository cannot go on"))
            except BaseException:
                # The output is gone: nothing that is still being read can be written.
                self.client.gate.stop(StoppedError("the output is gone"))
                raise
        self._save()
        if fatal is not None:
            raise fatal
        self._conclude(total)

    # -- in the main thread ----------------------------------------------------------------------

    def _load(self) -> None:
        stream = self.state.get("bookmarks", {}).get("workflow_runs", {})
        partitions = stream.get("partitions", [])
        if not isinstance(partitions, list):
            raise StateError("The state's partitions are not a list.")
        for entry in partitions:
            bookmark = Bookmark.from_state(entry)
            self._bookmarks[bookmark.repository_id] = bookmark

    def _plan(self) -> int:
        """Decide on the order: whoever has a bookmark first, for that gives the newest data."""
        known = {
            mark.repository.lower(): Repository(
                mark.repository_id, mark.full_name or mark.repository
            )
            for mark in self._bookmarks.values()
        }
        found = find(self.client, self.settings, known)
        self._problems += found.problems
        marked = [each for each in found.repositories if each.id in self._bookmarks]
        unmarked = [each for each in found.repositories if each.id not in self._bookmarks]
        self._todo = [*marked, *unmarked, *found.names]
        self._claimed = {each.id for each in found.repositories}
        return len(self._todo)

    def _consume(self) -> Exception | None:
        """Handle events until one repository has ended; return an error that ends everything."""
        while True:
            event = self._events.get()
            if isinstance(event, Started):
                self._syncs[event.repository.id] = event.sync
                began = self.clock.monotonic()
                self._progress[event.repository.id] = Progress(event.repository.name, began)
            elif isinstance(event, Gave):
                self._write(event.repository, event.chunk)
            else:
                return self._end(event)

    def _write(self, repository: Repository, chunk: Chunk) -> None:
        progress = self._progress[repository.id]
        self.emitter.write(chunk.records)
        for name, _ in chunk.records:
            progress.written[name] = progress.written.get(name, 0) + 1
        progress.attempts += chunk.attempts
        progress.seen += chunk.seen
        if self.limit is not None:
            if self.emitter.is_full or progress.seen >= max(DRY_RUN_RUNS, self.limit):
                self.client.gate.stop(DryRunDoneError("a dry run needs no more"))
            return
        self._remember(chunk.bookmark)
        self._unsaved_runs += chunk.seen
        now = self.clock.monotonic()
        late = now - self._saved_at >= STATE_EVERY_SECONDS
        if late or self._unsaved_runs >= STATE_EVERY_RUNS:
            self._save()
        window = self._syncs[repository.id].window
        if chunk.low is not None and window is not None and progress.due(now):
            calls = self.client.gate.calls_left()
            _logger.info("%s", progress.line(window, chunk.low, now, calls))

    def _remember(self, entry: dict[str, Any]) -> None:
        partitions = (
            self.state.setdefault("bookmarks", {})
            .setdefault("workflow_runs", {})
            .setdefault("partitions", [])
        )
        for index, known in enumerate(partitions):
            if known["context"] == entry["context"]:
                partitions[index] = entry
                return
        partitions.append(entry)

    def _save(self) -> None:
        """Send the state; everything it covers has been written before."""
        self.emitter.write_state()
        self._unsaved_runs = 0
        self._saved_at = self.clock.monotonic()

    def _end(self, event: Ended) -> Exception | None:
        error = event.error
        if error is None and event.repository is not None:
            sync = self._syncs.get(event.repository.id)
            unfinished = len(sync.bookmark.open) if sync else 0
            _logger.info("%s", self._progress[event.repository.id].summary(unfinished))
            return None
        if error is None or isinstance(error, StoppedError):
            return None
        if isinstance(error, (RepositoryError, DeniedError, NotFoundError)):
            self._problems.append(f"{event.name} ({error})")
            return None
        return error

    def _conclude(self, total: int) -> None:
        stopped = self.client.gate.stopped
        if stopped is not None and not isinstance(stopped, DryRunDoneError):
            _logger.warning("%s", stopped)
        if self._problems:
            rest = "everything else was" if stopped is None else "the others are not finished"
            raise RepositoryError(
                f"{len(self._problems)} of {max(total, len(self._problems))} repositories could "
                f"not be read, {rest}: {'; '.join(self._problems)}."
            )

    # -- in the repositories' threads ------------------------------------------------------------

    def _work(self, details: ThreadPoolExecutor) -> None:
        while True:
            with self._lock:
                if not self._todo:
                    return
                task = self._todo.pop(0)
            name = task if isinstance(task, str) else task.name
            try:
                repository = self._sync(task, details)
            except Exception as error:  # noqa: BLE001 - the main thread decides what it means
                self._events.put(Ended(name, error=error))
            else:
                self._events.put(Ended(name, repository))

    def _sync(self, task: Repository | str, details: ThreadPoolExecutor) -> Repository | None:
        if isinstance(task, str):
            repository, asked_for = resolve(self.client, task), task
            with self._lock:
                if repository.id in self._claimed:
                    _logger.info("%s is %s, which is read already", task, repository.name)
                    return None
                self._claimed.add(repository.id)
        else:
            repository, asked_for = task, task.asked_for or task.name
        try:
            self._read(repository, asked_for, details)
        except ReplacedError:
            repository = resolve(self.client, repository.name)
            self._read(repository, asked_for, details)
        return repository

    def _read(self, repository: Repository, name: str, details: ThreadPoolExecutor) -> None:
        bookmark = self._bookmarks.get(repository.id) or Bookmark(repository.id, name)
        bookmark.repository, bookmark.full_name = name, repository.name
        reader = AttemptReader(
            self.client,
            repository.path,
            repository.name,
            repository.id,
            self.wanted,
            CoverageReader(self.client, self.settings["coverage_artifacts"])
            if self.wanted.coverage
            else None,
        )
        sync = RepositorySync(
            reader,
            bookmark,
            details,
            parse_time(self.settings.get("start_date")),
            BACKFILL_DAYS,
            timedelta(days=self.settings["rerun_lookback_days"]),
            # GitHub finds large pages hard, and pull requests make up much of them.
            params={} if self.wanted.pull_requests else {"exclude_pull_requests": "true"},
            chunk_size=CHUNK if self.limit is None else min(CHUNK, max(self.limit, 1)),
        )
        self._events.put(Started(repository, sync))
        for chunk in sync.chunks():
            self._events.put(Gave(repository, chunk))

"""All repositories: which is read when, writing what they give, and when the state goes out.

A few threads read the repositories in turns, a chunk at a time; their requests share one gate. Only
the main thread writes, so records and states stay in order.
"""

from __future__ import annotations

import logging
import queue
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from tap_github_actions.errors import (
    DeniedError,
    NotFoundError,
    OutOfQuotaError,
    RepositoryError,
    StateError,
    StoppedError,
)
from tap_github_actions.runs import gaps
from tap_github_actions.runs.attempts import PAYLOAD_ERRORS, AttemptReader
from tap_github_actions.runs.bookmark import Bookmark
from tap_github_actions.runs.coverage_artifacts import CoverageReader
from tap_github_actions.settings import BACKFILL_DAYS
from tap_github_actions.sync.billing import STREAM as BILLING
from tap_github_actions.sync.billing import BillingSync
from tap_github_actions.sync.ledger import Ledger
from tap_github_actions.sync.progress import Progress
from tap_github_actions.sync.repositories import Repository, find, resolve
from tap_github_actions.sync.repository import CHUNK, ReplacedError, RepositorySync
from tap_github_actions.sync.turns import Turns
from tap_github_actions.times import parse_time

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tap_github_actions.api.client import Client
    from tap_github_actions.api.clock import Clock
    from tap_github_actions.emit import Emitter
    from tap_github_actions.runs.attempts import Wanted
    from tap_github_actions.sync.repository import Chunk

STATE_EVERY_SECONDS = 10.0
STATE_EVERY_RUNS = 250
DRY_RUN_RUNS = 300
QUEUE_SIZE = 8
SAFE_FROM_DELETION = timedelta(days=45)
"""Half of what a public repository may keep runs for."""
NEVER = datetime.min.replace(tzinfo=timezone.utc)
_logger = logging.getLogger("tap-github-actions")


class DryRunDoneError(StoppedError):
    """A dry run has seen enough."""


@dataclass(slots=True)
class Task:
    """A repository that is read in turns."""

    repository: Repository | None
    """None where only its name is known."""
    name: str
    sync: RepositorySync | None = None
    chunks: Iterator[Chunk] = field(default_factory=lambda: iter(()))
    progress: Progress | None = None


@dataclass(frozen=True, slots=True)
class Gave:
    """A repository gave a chunk."""

    task: Task
    chunk: Chunk


@dataclass(frozen=True, slots=True)
class Ended:
    """A repository is done, or cannot go on."""

    task: Task
    error: Exception | None = None


Event = Gave | Ended


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
    _turns: Turns[Task] = field(default_factory=Turns)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _bookmarks: dict[int, Bookmark] = field(default_factory=dict)
    _problems: list[str] = field(default_factory=list)
    _refused: list[str] = field(default_factory=list)
    _begun: list[RepositorySync] = field(default_factory=list)
    _details: ThreadPoolExecutor = field(init=False)
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
            self._details = details
            threads = [threading.Thread(target=self._work, daemon=True) for _ in range(workers)]
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
        opened: list[tuple[str, dict[str, Any]]] = []
        if fatal is None and self.wanted.billing and self.limit is None:
            opened = self._read_billing()
        self._save()
        self.emitter.write(opened)
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
        for each in sorted(found.repositories, key=self._last_looked_at):
            self._turns.add(Task(each, each.asked_for or each.name))
        for name in found.names:
            self._turns.add(Task(None, name))
        self._claimed = {each.id for each in found.repositories}
        return len(self._turns)

    def _last_looked_at(self, repository: Repository) -> tuple[datetime, datetime]:
        """Return what puts those first that have waited longest, and among them the shallowest."""
        bookmark = self._bookmarks.get(repository.id)
        if bookmark is None or not bookmark.looks:
            return NEVER, NEVER
        return bookmark.looks[0].at, bookmark.looks[-1].low

    def _consume(self) -> Exception | None:
        """Handle events until one repository has ended; return an error that ends everything."""
        while True:
            event = self._events.get()
            if isinstance(event, Ended):
                return self._end(event)
            self._write(event.task, event.chunk)

    def _write(self, task: Task, chunk: Chunk) -> None:
        if task.sync is None or task.progress is None:
            raise RuntimeError("a repository gave something before it was begun")
        progress = task.progress
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
        if late or chunk.opened or self._unsaved_runs >= STATE_EVERY_RUNS:
            self._save()
            self.emitter.write(chunk.opened)
        window = task.sync.window
        if chunk.low is not None and window is not None and progress.due(now):
            calls = self.client.gate.calls_left()
            _logger.info("%s", progress.line(window, chunk.low, now, calls))

    def _partitions(self) -> list[dict[str, Any]]:
        partitions: list[dict[str, Any]] = (
            self.state.setdefault("bookmarks", {})
            .setdefault("workflow_runs", {})
            .setdefault("partitions", [])
        )
        return partitions

    def _remembered(self, repository_id: int) -> dict[str, Any] | None:
        """Return a repository's bookmark as it was last sent."""
        context = {"repository_id": repository_id}
        return next((each for each in self._partitions() if each["context"] == context), None)

    def _remember(self, entry: dict[str, Any]) -> None:
        partitions = self._partitions()
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
        task, error = event.task, event.error
        if error is None and task.progress is not None and task.sync is not None:
            bookmark = task.sync.bookmark
            summary = task.progress.summary(len(bookmark.open), len(bookmark.gaps))
            _logger.info("%s", summary)
            return None
        if error is None or isinstance(error, StoppedError):
            return None
        if isinstance(error, (DeniedError, NotFoundError)) and self._is_let_pass(task):
            self._tell_of_refused(task, str(error))
            return None
        if isinstance(error, (RepositoryError, DeniedError, NotFoundError)):
            self._problems.append(f"{task.name} ({error})")
            return None
        return error

    def _read_billing(self) -> list[tuple[str, dict[str, Any]]]:
        """Read what was billed to the owners of what was read; return the gaps this opens."""
        kept = self.state.setdefault("bookmarks", {}).setdefault(BILLING, {})
        billing = BillingSync(self.client, kept.setdefault("owners", {}))
        now = self.client.now()
        setting = parse_time(self.settings.get("start_date"))
        start = setting or now - timedelta(days=BACKFILL_DAYS)
        names = [sync.reader.repository.split("/")[0] for sync in self._begun]
        try:
            for owner in sorted({*names, *self.settings.get("organizations", ())}):
                for records in billing.records(owner, start, now):
                    self.emitter.write(records)
        except StoppedError as error:
            _logger.debug("billed usage is left to the next run: %s", error)
        return billing.opened

    def _warn_of_deletion(self) -> None:
        """Say that GitHub may delete old runs before they are read."""
        windows = [
            sync.window
            for sync in self._begun
            if sync.window is not None
            and not sync.is_covered
            and sync.window.now - sync.window.start > SAFE_FROM_DELETION
        ]
        if windows:
            _logger.warning(
                "%d repositories are not read back to %s yet. GitHub deletes runs when the "
                "repository's retention ends, 90 days at most where it is public: what is older by "
                "then cannot be read any more. More tokens or more frequent runs get there sooner.",
                *(len(windows), min(window.start for window in windows).date()),
            )

    def _is_let_pass(self, task: Task) -> bool:
        """Whether a repository may be refused without failing the run."""
        is_discovered = task.repository is not None and task.repository.is_discovered
        return is_discovered and self.settings["on_repository_error"] == "continue"

    def _tell_of_refused(self, task: Task, reason: str) -> None:
        """Keep in mind that a repository was not shown, beside what was read of it before."""
        repository = task.repository
        if repository is None or self.limit is not None:
            return
        self._refused.append(f"{repository.name} ({reason})")
        entry = self._remembered(repository.id)
        bookmark = Bookmark.from_state(entry) if entry else Bookmark(repository.id, task.name)
        ledger = Ledger(bookmark, repository.name, self.client.now())
        ledger.open(0, 0, gaps.REPOSITORY, reason)
        self.emitter.write(ledger.take())
        self._remember(bookmark.to_state())
        self._save()
        self.emitter.write(ledger.take_opened())

    def _conclude(self, total: int) -> None:
        stopped = self.client.gate.stopped
        if stopped is not None and not isinstance(stopped, DryRunDoneError):
            _logger.warning("%s", stopped)
        if isinstance(stopped, OutOfQuotaError):
            self._warn_of_deletion()
        if self._refused:
            _logger.warning(
                "%d of %d repositories are not shown to this token, and are named in github_gaps: "
                "%s. Leave them out with exclude_repositories, or let the token read them.",
                *(len(self._refused), total, "; ".join(self._refused)),
            )
        if self._problems:
            rest = "everything else was" if stopped is None else "the others are not finished"
            raise RepositoryError(
                f"{len(self._problems)} of {max(total, len(self._problems))} repositories could "
                f"not be read, {rest}: {'; '.join(self._problems)}."
            )

    # -- in the repositories' threads ------------------------------------------------------------

    def _work(self) -> None:
        while (task := self._turns.take()) is not None:
            try:
                chunk = self._advance(task)
            except PAYLOAD_ERRORS as error:
                _logger.debug("%s", task.name, exc_info=True)
                problem = f"an answer of GitHub has an unexpected form ({error!r})"
                self._events.put(Ended(task, RepositoryError(problem)))
            except Exception as error:  # noqa: BLE001 - the main thread decides what it means
                self._events.put(Ended(task, error))
            else:
                if chunk is not None:
                    self._events.put(Gave(task, chunk))
                    self._turns.give_back(task, has_last_day=chunk.has_last_day)
                    continue
                self._events.put(Ended(task))
            self._turns.end()

    def _advance(self, task: Task) -> Chunk | None:
        """Read a repository's next chunk; None when there is none."""
        if task.sync is None and not self._begin(task):
            return None
        try:
            return next(task.chunks, None)
        except ReplacedError:
            if task.repository is None:
                raise
            task.repository = resolve(self.client, task.repository.name)
            self._open(task, task.repository)
            return next(task.chunks, None)

    def _begin(self, task: Task) -> bool:
        """Find out which repository a task is about; False when that one is read already."""
        if task.repository is None:
            repository = resolve(self.client, task.name)
            with self._lock:
                if repository.id in self._claimed:
                    _logger.info("%s is %s, which is read already", task.name, repository.name)
                    return False
                self._claimed.add(repository.id)
            task.repository = repository
        self._open(task, task.repository)
        return True

    def _open(self, task: Task, repository: Repository) -> None:
        bookmark = self._bookmarks.get(repository.id) or Bookmark(repository.id, task.name)
        bookmark.repository, bookmark.full_name = task.name, repository.name
        bookmark.rerun_lookback = lookback = timedelta(days=self.settings["rerun_lookback_days"])
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
        task.sync = RepositorySync(
            reader,
            bookmark,
            self._details,
            parse_time(self.settings.get("start_date")),
            BACKFILL_DAYS,
            lookback,
            # GitHub finds large pages hard, and pull requests make up much of them.
            params={} if self.wanted.pull_requests else {"exclude_pull_requests": "true"},
            chunk_size=CHUNK if self.limit is None else min(CHUNK, max(self.limit, 1)),
            about=repository.about,
            is_dry_run=self.limit is not None,
        )
        self._begun.append(task.sync)
        task.progress = Progress(repository.name, self.clock.monotonic())
        task.chunks = task.sync.chunks()

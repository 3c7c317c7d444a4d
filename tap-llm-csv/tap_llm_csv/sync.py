"""One run: survey the files, read what was added to each, keep the state and the ledger."""

from __future__ import annotations

import logging
import time
from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import IO, TYPE_CHECKING, Any

from tap_llm_csv.errors import FileError, InterruptedSyncError
from tap_llm_csv.files.bookmark import READ_ERRORS, Bookmark, Counts, unreadable
from tap_llm_csv.files.memory import Memory, is_past
from tap_llm_csv.files.rotation import chain_of
from tap_llm_csv.files.survey import Survey, Unchanged
from tap_llm_csv.files.watch import RewrittenError, Watch
from tap_llm_csv.loading.notices import Notices
from tap_llm_csv.loading.opening import Opening
from tap_llm_csv.loading.prepare import Preparer
from tap_llm_csv.loading.recount import Recounter, fresh_bookmark
from tap_llm_csv.loading.replay import Replay
from tap_llm_csv.output.ledger import Ledger, Summary
from tap_llm_csv.plans.choose import Planner
from tap_llm_csv.pricing.pricer import pricer_for
from tap_llm_csv.records.identity import Ordinals, short_hash

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_llm_csv.files.job import Found, Matched, Ready
    from tap_llm_csv.loading.file_load import FileLoad
    from tap_llm_csv.output.emit import Output
    from tap_llm_csv.settings import Settings

logger = logging.getLogger("tap-llm-csv")

STATE_SECONDS = 10.0
PROGRESS_SECONDS = 10.0
# How often a file that is written anew while it is read is begun again, and the first wait.
PASSES = 5
PASS_SECONDS = 0.1


@dataclass(slots=True)
class _End:
    """How the reading of a file ended."""

    watch: Watch | None = None
    held: str | None = None
    failure: FileError | None = None
    is_rewritten: bool = False

    @property
    def is_good(self) -> bool:
        return self.failure is None and not self.is_rewritten


class Sync:
    """Reads all files once."""

    def __init__(
        self,
        settings: Settings,
        bookmarks: dict[str, dict[str, Any]],
        output: Output,
        write_state: Callable[[], None],
        *,
        is_test: bool = False,
    ) -> None:
        """Prepare a run.

        Args:
            settings: The tap's settings.
            bookmarks: The `bookmarks` of the Singer state, by stream; kept up to date in place.
            output: Where records go.
            write_state: Sends the state as it is now.
            is_test: Look into the beginning of each file and remember nothing.
        """
        self.summary = Summary()
        self.is_interrupted = False
        self._settings = settings
        self._output = output
        self._write_state = write_state
        self._is_test = is_test
        self._memory = Memory(bookmarks)
        self._ledger = Ledger(output, self._memory, self.summary)
        self._in_use: set[str] = set()
        self.pricer = pricer_for(*settings.prices)
        self._planner = Planner(self.pricer)
        self._preparer = Preparer(self._planner)
        self._recounter = Recounter(self._planner, settings, self._preparer)
        self._seen_at = datetime.now(timezone.utc).isoformat(timespec="seconds")
        self._opening = Opening(self._planner, settings, self._seen_at, Notices())
        self._rewritten: list[Ready] = []
        self._state_at = self._told_at = self._begun_at = time.monotonic()
        self._rows = 0

    def run(self) -> None:
        """Read every file that changed, oldest first.

        Raises:
            InterruptedSyncError: A signal came; the state covers what was read before it.
        """
        try:
            self._read_all()
        except InterruptedSyncError:
            self._send_state()
            raise
        for job in self._rewritten:
            why = "it is written anew whenever it is read; run again when its writer is done"
            self._ledger.fail(job.path, FileError("rewritten", why), size=job.disk.size)
        self._send_state()

    def _read_all(self) -> None:
        """Look at the files until none was written anew while it was read, or for long enough."""
        for turn in range(PASSES):
            before, self._rewritten = {job.path for job in self._rewritten}, []
            self._pass(before, is_first=turn == 0)
            if not self._rewritten:
                return
            time.sleep(PASS_SECONDS * 2**turn)

    def _pass(self, rewritten: set[str], *, is_first: bool) -> None:
        """Look at all files, and read those of which something is new."""
        work = Survey(self._settings, self._memory, rewritten)
        jobs = []
        for matched in work.jobs():
            self._stop_if_asked("while looking for new files")
            if (job := self._to_read(matched, work)) is not None:
                jobs.append(job)
        for path, error in work.failed:
            if is_first:
                self._ledger.fail(path, error)
        jobs += self._older_exports(work, jobs)
        if is_first:
            self.summary.unchanged += len(work.unchanged) + len(work.resting)
        self._note_ends(work, jobs)
        for one in work.unchanged:
            self._note_whereabouts(one)
        for found, _, ended in work.resting:
            self._recounter.ends.note_finished(found, ended)
        self._part_ties(jobs)
        # A log's live file has the shortest name, and goes on after those that were rotated.
        for job in sorted(jobs, key=lambda job: (job.order, -len(job.path), job.path)):
            try:
                self._read(job, work)
            except FileError as error:
                self._ledger.fail(job.path, error, file_id=job.file_id, size=job.disk.size)
            finally:
                self._preparer.release(job)
        self._forget(work)

    # --- before reading ---------------------------------------------------------------------------

    def _to_read(self, job: Matched, work: Survey) -> Ready | None:
        """Return a file in which there is anything new, ready to be read."""
        try:
            if job.bookmark is not None and job.file_id is not None:
                self._in_use.add(job.file_id)
                if job.is_unchanged and not self._settings.replay_rejects:
                    self._touch(job, job.bookmark)
                    found = job.as_found(job.disk, is_idle=job.is_idle)
                    work.unchanged.append(Unchanged(found, job.file_id, job.bookmark))
                    return None
            ready = self._preparer.ready(job)
        except FileError as error:
            self._ledger.fail(job.path, error, file_id=job.file_id, size=job.disk.size)
            return None
        if ready is None:
            return None
        plan = ready.plan
        if not any(map(self._output.wants, (plan.stream, *plan.beside))):
            logger.info("%s: its stream %s is not selected", job.path, plan.stream)
            self._preparer.release(ready)
            return None
        ready.order = ready.first or ""
        return ready

    def _note_ends(self, work: Survey, jobs: list[Ready]) -> None:
        """Note where the files end that were read before, in the order in which they are found."""
        known: list[Unchanged] = list(work.unchanged)
        known += [
            Unchanged(job, job.file_id, job.bookmark)
            for job in jobs
            if job.file_id is not None and job.bookmark is not None
        ]
        for found, file_id, bookmark in sorted(known, key=work.place_of):
            self._in_use.add(file_id)
            self._recounter.ends.note(file_id, found, bookmark)

    def _touch(self, found: Matched, bookmark: Bookmark) -> None:
        """Note that a file is what it was, though the file system says that it changed."""
        if self._is_test or not is_past(found.disk):
            return
        bookmark.disk = found.disk
        if bookmark.stored is not None:
            bookmark.stored = found.stored
        if found.file_id is not None:
            self._memory.keep(found.file_id)

    def _note_whereabouts(self, one: Unchanged) -> None:
        """Keep and tell where an unchanged file is, if it was elsewhere or nowhere."""
        if self._is_test:
            return
        found, file_id, bookmark = one
        if (bookmark.path, bookmark.missing) != (found.path, None):
            bookmark.path, bookmark.missing = found.path, None
            self._memory.keep(file_id)
            self._ledger.tell(found, file_id, bookmark)
        self._memory.settle(file_id, found, bookmark)

    def _older_exports(self, work: Survey, jobs: list[Ready]) -> list[Ready]:
        """Put summed exports into the order in which they were made, the newest last.

        It replaces what the others say of the same hours, so where one is new the others of its
        kind are sent again before it.
        """
        kinds = {job.plan.dialect for job in jobs if job.plan.key == "grain"}
        if not kinds:
            return []
        others: list[Found] = [one.found for one in work.resting if one.dialect in kinds]
        others += [
            one.found
            for one in work.unchanged
            if one.bookmark.stored is not None and one.bookmark.dialect in kinds
        ]
        again = []
        for found in others:
            matched = work.again(found)
            ready = self._preparer.ready(matched) if matched is not None else None
            if ready is not None and ready.stored is not None:
                again.append(ready)
        for job in (*jobs, *again):
            if job.plan.key == "grain":
                job.order = self._recounter.last_time(job)
        paths = {job.path for job in again}
        work.unchanged[:] = [one for one in work.unchanged if one.found.path not in paths]
        work.resting[:] = [one for one in work.resting if one.found.path not in paths]
        return again

    def _part_ties(self, jobs: list[Ready]) -> None:
        """Put a log's files that begin at the same instant into order by where they end."""
        begins = Counter((chain_of(job.path), job.order) for job in jobs)
        for job in jobs:
            is_tied = begins[chain_of(job.path), job.order] > 1
            if is_tied and job.order and job.stored is None:
                job.order += self._recounter.last_time(job)

    def _begin(self, job: Ready, work: Survey) -> Bookmark:
        """Return the bookmark to go on from: the file's own, or a new one at its first row."""
        known = job.bookmark
        if known is not None and job.stored is None:
            if known.path != job.path:
                logger.info("%s is what was read as %s before", job.path, known.path)
            known.path, known.missing = job.path, None
            return known
        if known is None:
            return fresh_bookmark(job, work.generation_of(job.path))
        return fresh_bookmark(job, known.generation + int(_hash_of(known) != _hash_of(job)))

    def _name(self, job: Ready, bookmark: Bookmark) -> str | None:
        """Give a file an id of its own that it would get again from lost state."""
        if job.file_id is None:
            if job.named is None:
                return None
            is_taken = job.named in self._in_use
            job.file_id = short_hash(job.named, job.path) if is_taken else job.named
            replaced = self._memory.bookmarks.get(job.file_id)
            if replaced is not None:
                bookmark.generation = replaced.generation + 1
        self._in_use.add(job.file_id)
        self._ledger.streams[job.file_id] = job.plan.stream
        return job.file_id

    # --- reading ----------------------------------------------------------------------------------

    def _read(self, job: Ready, work: Survey) -> None:
        """Read one file to its end, sending states on the way.

        Raises:
            FileError: It cannot be opened.
        """
        self._stop_if_asked(f"before {job.path}")
        bookmark = self._begin(job, work)
        file_id = self._name(job, bookmark)
        if file_id is None:
            return
        before = replace(bookmark.counts) if job.stored is None else Counts()
        known = job.bookmark or work.replaced.get(file_id)
        end = _End()
        with job.open() as file:
            try:
                self._replay(job, file_id, bookmark)
                end.watch = Watch(job, file, bookmark)
                load = self._load(job, file_id, bookmark, file, end.watch)
                self._follow(job, file_id, load, end.watch)
                end.held = load.held
                bookmark.stored, bookmark.packed = job.stored, job.packed
                self._recounter.keep(file_id, bookmark, load.ordinals)
                if known is not None and known is not bookmark:
                    self._replayer().settle(job, file_id, known, bookmark)
            except READ_ERRORS as error:
                end.failure = unreadable(job.path, error)
            except FileError as error:
                end.failure = error
            except RewrittenError:
                logger.warning("%s is written anew while it is read: once more", job.path)
                end.is_rewritten, bookmark.disk = True, None
                self._rewritten.append(job)
                self._in_use.discard(file_id)
            finally:
                self.summary.add(before, bookmark.counts)
        self._conclude(job, file_id, bookmark, end)
        if time.monotonic() - self._state_at >= STATE_SECONDS:
            self._send_state()

    def _conclude(self, job: Ready, file_id: str, bookmark: Bookmark, end: _End) -> None:
        """Keep how far a file was read, and tell what became of it."""
        is_log = job.stored is None and not job.compressed
        # Without a row it could be any file with this header; half an export is none.
        if end.watch is not None and bookmark.counts.read and (end.is_good or is_log):
            if end.is_good and is_past(job.disk):
                bookmark.disk = job.disk
            self._save(job, file_id, bookmark, end.watch)
            self._recounter.ends.note(file_id, job, bookmark)
        if end.failure is not None:
            self._ledger.fail(
                job.path, end.failure, file_id=file_id, size=job.disk.size, bookmark=bookmark
            )
        elif end.is_good and bookmark.counts.read:
            self.summary.files += 1
            self._ledger.tell(job, file_id, bookmark, end.held and f"{end.held} waits")
            self._memory.settle(file_id, job, bookmark)

    def _replayer(self) -> Replay:
        return Replay(self._planner, self._settings, self._output, self._seen_at)

    def _replay(self, job: Ready, file_id: str, bookmark: Bookmark) -> None:
        if self._settings.replay_rejects and job.stored is None and bookmark.rejects:
            self._replayer().run(job, file_id, bookmark)

    def _load(
        self, job: Ready, file_id: str, bookmark: Bookmark, file: IO[bytes], watch: Watch
    ) -> FileLoad:
        ordinals, window = Ordinals(), bookmark.window
        if job.stored is None and job.plan.ordinals:
            ordinals, window = self._recounter.ordinals(job, bookmark)
        load = self._opening.load(
            job, bookmark, file, self._output, ordinals, file_id=file_id,
            limit=None if job.compressed else job.disk.size, final=job.is_final, watch=watch,
        )  # fmt: skip
        load.next_window = window
        return load

    def _follow(self, job: Ready, file_id: str, load: FileLoad, watch: Watch) -> None:
        for batch in load.run():
            if self._is_test:
                return
            self._rows += len(batch.rows)
            self._tell_progress(job, load)
            is_due = time.monotonic() - self._state_at >= STATE_SECONDS
            is_log = job.stored is None and not job.compressed
            if is_log and (is_due or self.is_interrupted):
                load.bookmark.disk = None
                self._save(job, file_id, load.bookmark, watch)
                self._send_state()
            self._stop_if_asked(f"in {job.path} at byte {load.bookmark.offset:,}")

    def _stop_if_asked(self, where: str) -> None:
        if self.is_interrupted:
            raise InterruptedSyncError(
                f"stopped {where}; the next run goes on from the last state that was kept"
            )

    def _tell_progress(self, job: Ready, load: FileLoad) -> None:
        now = time.monotonic()
        if now - self._told_at < PROGRESS_SECONDS:
            return
        self._told_at = now
        there = f" of {job.disk.size:,} bytes" if not job.compressed else " bytes unpacked"
        logger.info(
            "%s: %s%s read, %s rows/s, %s rejected",
            job.path,
            f"{load.bookmark.offset:,}",
            there,
            f"{self._rows / (now - self._begun_at):,.0f}",
            f"{load.bookmark.counts.rejected:,}",
        )

    # --- what is left behind ----------------------------------------------------------------------

    def _save(self, job: Ready, file_id: str, bookmark: Bookmark, watch: Watch) -> None:
        """Put a bookmark into the state; its anchors are made of the bytes that were read."""
        if self._is_test:
            return
        if bookmark.stored is None:
            bookmark.head, bookmark.tail = watch.anchors(bookmark.offset)
        self._memory.save(file_id, job.plan.stream, bookmark)

    def _send_state(self) -> None:
        if not self._is_test:
            self._memory.fold()
        self._write_state()
        self._state_at = time.monotonic()

    def _forget(self, work: Survey) -> None:
        """Tell which files are not there any more, and drop their bookmarks in good time."""
        if self._is_test:
            return
        if not work.failed:
            self._memory.finished.drop_unseen()
        for file_id in self._memory.rotated_long_ago(work.unchanged):
            self._memory.drop(file_id)
        for file_id, bookmark in work.replaced.items():
            if file_id not in self._in_use:
                self._ledger.tell_gone(file_id, bookmark, "replaced")
                self._memory.drop(file_id)
        today = datetime.now(timezone.utc).date()
        for file_id in self._memory.miss(work.vanished, today):
            bookmark = work.vanished[file_id]
            logger.warning("%s is not there any more", bookmark.path)
            self._ledger.tell_gone(file_id, bookmark, "missing")


def _hash_of(known: Bookmark | Ready) -> str | None:
    return known.stored[2] if known.stored is not None else None

"""One run: survey the files, read what was added to each, keep the state and the ledger."""

from __future__ import annotations

import logging
import time
from collections import Counter
from dataclasses import replace
from datetime import datetime, timezone
from typing import IO, TYPE_CHECKING, Any

from tap_llm_csv.errors import FileError, InterruptedSyncError
from tap_llm_csv.files import rotation
from tap_llm_csv.files.bookmark import (
    READ_ERRORS,
    Bookmark,
    Counts,
    Window,
    anchors,
    open_data,
    unreadable,
)
from tap_llm_csv.files.memory import Memory
from tap_llm_csv.files.survey import Survey, survey
from tap_llm_csv.loading.notices import Notices
from tap_llm_csv.loading.opening import Opening
from tap_llm_csv.loading.prepare import file_id_of, prepare
from tap_llm_csv.loading.recount import Recounter
from tap_llm_csv.loading.replay import Replay
from tap_llm_csv.output.ledger import Ledger, Summary
from tap_llm_csv.plans.choose import Planner
from tap_llm_csv.pricing.pricer import pricer_for
from tap_llm_csv.records.identity import Ordinals, short_hash

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tap_llm_csv.files.job import Job
    from tap_llm_csv.loading.file_load import FileLoad
    from tap_llm_csv.output.emit import Output
    from tap_llm_csv.settings import Settings

logger = logging.getLogger("tap-llm-csv")

STATE_SECONDS = 5.0
STATE_ROWS = 50_000
PROGRESS_SECONDS = 10.0


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
        self._ends = rotation.Ends()
        self._recounter = Recounter(self._planner, settings, self._ends)
        self._seen_at = datetime.now(timezone.utc).isoformat(timespec="seconds")
        self._opening = Opening(self._planner, settings, self._seen_at, Notices())
        self._state_at = self._told_at = self._begun_at = time.monotonic()
        self._rows_since_state = self._rows = 0

    def run(self) -> None:
        """Read every file that changed, oldest first.

        Raises:
            InterruptedSyncError: A signal came; the state covers what was read before it.
        """
        work = survey(self._settings, self._memory.bookmarks)
        self._in_use = {job.file_id for job in work.jobs if job.file_id}
        jobs = [job for job in work.jobs if self._is_to_read(job)]
        for job in work.jobs:
            if job.bookmark is not None and job.file_id is not None:
                self._ends.note(job.file_id, job, job.bookmark)
        jobs += self._older_exports(work, jobs)
        # A log's live file has the shortest name, and goes on after those that were rotated.
        for job in sorted(jobs, key=lambda job: (job.order, -len(job.path), job.path)):
            try:
                self._read(job, work.replaced)
            except FileError as error:
                self._ledger.fail(job, error)
        self._forget(work)
        self._send_state()

    # --- before reading ---------------------------------------------------------------------------

    def _is_to_read(self, job: Job) -> bool:
        """Tell whether there is anything new in a file; note what its header says."""
        try:
            if job.error is not None:
                raise job.error
            if job.bookmark is not None:
                job.first = job.bookmark.first
                if job.is_unchanged and not self._settings.replay_rejects:
                    self.summary.unchanged += 1
                    self._note_whereabouts(job, job.bookmark)
                    return False
            if not prepare(job, self._planner):
                return False
        except FileError as error:
            self._ledger.fail(job, error)
            return False
        plan = job.plan
        if plan is not None and not any(map(self._output.wants, (plan.stream, *plan.beside))):
            logger.info("%s: its stream %s is not selected", job.path, plan.stream)
            return False
        return True

    def _note_whereabouts(self, job: Job, bookmark: Bookmark) -> None:
        """Keep and tell where an unchanged file is, if it was elsewhere or nowhere."""
        if job.file_id is None or self._is_test:
            return
        if (bookmark.path, bookmark.missing) != (job.path, None):
            bookmark.path, bookmark.missing = job.path, None
            self._memory.keep(job.file_id)
            self._ledger.tell(job, bookmark)

    def _older_exports(self, work: Survey, jobs: list[Job]) -> list[Job]:
        """Put summed exports into the order in which they were made, the newest last.

        It replaces what the others say of the same hours, so where one is new the others of its
        kind are sent again before it.
        """
        kinds = {job.plan.dialect for job in jobs if job.plan and job.plan.key == "grain"}
        again = [
            job
            for job in work.jobs
            if job.plan is None and job.bookmark is not None and job.bookmark.dialect in kinds
        ]
        again = [job for job in again if job.stored and prepare(job, self._planner)]
        for job in (*jobs, *again):
            job.order = job.first or ""
            if job.plan is not None and job.plan.key == "grain":
                job.order = self._recounter.last_time(job)
        self.summary.unchanged -= len(again)
        self._part_ties(jobs)
        return again

    def _part_ties(self, jobs: list[Job]) -> None:
        """Put files that begin at the same instant into order by where they end."""
        begins = Counter(job.order for job in jobs)
        for job in jobs:
            if begins[job.order] > 1 and job.order and job.stored is None:
                job.order += self._recounter.last_time(job)

    def _begin(self, job: Job) -> Bookmark:
        """Return the bookmark to go on from: the file's own, or a new one at its first row."""
        known, header = job.bookmark, job.header
        if known is not None and job.stored is None:
            if known.path != job.path:
                logger.info("%s is what was read as %s before", job.path, known.path)
            known.path, known.missing = job.path, None
            return known
        start, line = (header.span[1], header.lines) if header else (0, 0)
        span = header.span if header else (0, 0)
        fresh = Bookmark(
            path=job.path, offset=start, line=line, header=span,
            window=Window(start, line, 0, span), generation=job.generation,
        )  # fmt: skip
        if known is not None and known.stored != job.stored:
            fresh.generation = known.generation + 1
        return fresh

    def _name(self, job: Job) -> str | None:
        """Give a file an id of its own that it would get again from lost state."""
        file_id = job.file_id or file_id_of(job)
        if file_id is None:
            return None
        if job.file_id is None and file_id in self._in_use:
            file_id = short_hash(file_id, job.path)
        replaced = self._memory.bookmarks.get(file_id)
        if job.bookmark is None and replaced is not None:
            job.generation = replaced.generation + 1
        self._in_use.add(file_id)
        job.file_id = file_id
        return file_id

    # --- reading ----------------------------------------------------------------------------------

    def _read(self, job: Job, replaced: Mapping[str, Bookmark]) -> None:
        """Read one file to its end, sending states on the way.

        Raises:
            FileError: It cannot be opened.
        """
        file_id = self._name(job)
        if file_id is None:
            return
        bookmark = self._begin(job)
        before = replace(bookmark.counts) if job.stored is None else Counts()
        failure: FileError | None = None
        held: str | None = None
        with open_data(job.path, compressed=job.compressed) as file:
            try:
                replay = Replay(self._planner, self._settings, self._output, self._seen_at)
                if self._settings.replay_rejects and job.stored is None and bookmark.rejects:
                    replay.run(job, file_id, bookmark)
                load = self._load(job, file_id, bookmark, file)
                self._follow(job, file, load)
                held = load.held
                bookmark.stored, bookmark.packed = job.stored, job.packed
                known = job.bookmark or replaced.get(file_id)
                if known is not None and known is not bookmark:
                    replay.settle(job, file_id, known, bookmark)
            except READ_ERRORS as error:
                failure = unreadable(job.path, error)
            except FileError as error:
                failure = error
            finally:
                self.summary.add(before, bookmark.counts)
            is_log = job.stored is None and not job.compressed
            # Without a row it could be any file with this header; half an export is none.
            if bookmark.counts.read and (failure is None or is_log):
                self._save(job, bookmark, file)
                self._ends.note(file_id, job, bookmark)
        if failure is not None:
            self._ledger.fail(job, failure, bookmark)
        elif bookmark.counts.read:
            self.summary.files += 1
            self._ledger.tell(job, bookmark, held and f"{held} waits")

    def _load(self, job: Job, file_id: str, bookmark: Bookmark, file: IO[bytes]) -> FileLoad:
        plan = job.plan
        if plan is None:
            raise FileError("unreadable", f"{job.path} has not been prepared")
        ordinals, window = Ordinals(), bookmark.window
        if job.stored is None and plan.ordinals:
            ordinals, window = self._recounter.ordinals(job, bookmark)
        load = self._opening.load(
            job, bookmark, file, self._output, ordinals, file_id=file_id,
            limit=None if job.compressed else job.size, final=job.is_final,
        )  # fmt: skip
        load.next_window = window
        return load

    def _follow(self, job: Job, file: IO[bytes], load: FileLoad) -> None:
        for batch in load.run():
            if self._is_test:
                return
            self._rows_since_state += len(batch.rows)
            self._rows += len(batch.rows)
            self._tell_progress(job, load)
            is_due = (
                self._rows_since_state >= STATE_ROWS
                or time.monotonic() - self._state_at >= STATE_SECONDS
            )
            if job.stored is None and not job.compressed and (is_due or self.is_interrupted):
                self._save(job, load.bookmark, file)
                self._send_state()
            if self.is_interrupted:
                raise InterruptedSyncError(
                    f"stopped in {job.path} at byte {load.bookmark.offset:,}; "
                    "the next run goes on from the last state that was kept"
                )

    def _tell_progress(self, job: Job, load: FileLoad) -> None:
        now = time.monotonic()
        if now - self._told_at < PROGRESS_SECONDS:
            return
        self._told_at = now
        there = f" of {job.size:,} bytes" if not job.compressed else " bytes unpacked"
        logger.info(
            "%s: %s%s read, %s rows/s, %s rejected",
            job.path,
            f"{load.bookmark.offset:,}",
            there,
            f"{self._rows / (now - self._begun_at):,.0f}",
            f"{load.bookmark.counts.rejected:,}",
        )

    # --- what is left behind ----------------------------------------------------------------------

    def _save(self, job: Job, bookmark: Bookmark, file: IO[bytes]) -> None:
        """Put a bookmark into the state; its anchors are taken from the file that was read."""
        if self._is_test or job.plan is None or job.file_id is None:
            return
        if bookmark.stored is None:
            place = file.tell()
            bookmark.head, bookmark.tail = anchors(file, bookmark.offset)
            file.seek(place)
        self._memory.save(job.file_id, job.plan.stream, bookmark)

    def _send_state(self) -> None:
        self._write_state()
        self._state_at = time.monotonic()
        self._rows_since_state = 0

    def _forget(self, work: Survey) -> None:
        """Tell which files are not there any more, and drop their bookmarks in good time."""
        if self._is_test:
            return
        for file_id in self._memory.rotated_long_ago(work.jobs):
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

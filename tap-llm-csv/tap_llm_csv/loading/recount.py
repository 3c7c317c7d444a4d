"""Counting again the rows just before a bookmark, so that equal rows go on being numbered right.

A bookmark keeps where the block of lines before its own begins; the rows from there on are read
once more, without sending them. A log that was rotated goes on from the end of the file before.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tap_llm_csv.errors import FileError
from tap_llm_csv.files.bookmark import READ_ERRORS, Bookmark, Counts, Window, open_data
from tap_llm_csv.loading.opening import Opening
from tap_llm_csv.loading.prepare import first_calls, header_of, prepare
from tap_llm_csv.records.identity import Ordinals

if TYPE_CHECKING:
    from tap_llm_csv.files.job import Job
    from tap_llm_csv.files.rotation import Ends
    from tap_llm_csv.loading.file_load import FileLoad
    from tap_llm_csv.plans.choose import Planner
    from tap_llm_csv.settings import Settings

MAX_DEPTH = 8


class _Nowhere:
    """An output that wants everything and sends nothing."""

    def wants(self, _stream: str) -> bool:
        return True

    def write(self, _stream: str, _records: list[dict[str, Any]]) -> None:
        return


class Recounter:
    """Knows how the rows before a bookmark were numbered."""

    def __init__(self, planner: Planner, settings: Settings, ends: Ends) -> None:
        self._planner = planner
        self._opening = Opening.again(planner, settings)
        self._ends = ends

    def ordinals(self, job: Job, bookmark: Bookmark, depth: int = 0) -> tuple[Ordinals, Window]:
        """Return the counter to go on with from a bookmark, and where its current block begins.

        Raises:
            FileError: A file cannot be read.
        """
        window = bookmark.window
        previous: dict[bytes, int] = {}
        if window.block == 0 and job.first is not None and depth < MAX_DEPTH:
            if not bookmark.counts.read:
                bookmark.follows = self._ends.before(job, job.first, self._begin_alike)
            if (before := self._ends.get(bookmark.follows)) is not None:
                previous = self.ordinals(*before, depth + 1)[0].counts()
        counter = Ordinals(previous, block=window.block, recalled=window.seen)
        if bookmark.offset <= window.offset:
            return counter, window
        if job.header is None and not prepare(job, self._planner):
            return counter, window
        past = replace(
            bookmark, offset=window.offset, line=window.line, header=window.header,
            counts=Counts(), rejects=[],
        )  # fmt: skip
        return counter, self._read_silently(job, past, bookmark.offset, counter).next_window

    def _begin_alike(self, one: Job, other: Job) -> bool:
        """Tell whether the calls of two files begin alike: one log, exported anew or corrected.

        Equal calls of one moment under one header may as well be different ones: they do not tell.
        """
        if not all(job.plan or prepare(job, self._planner) for job in (one, other)):
            return False
        mine, yours = first_calls(one), first_calls(other)
        length = min(len(mine), len(yours))
        is_telling = len(set(mine[:length])) > 1 or header_of(one) != header_of(other)
        return length > 0 and is_telling and mine[:length] == yours[:length]

    def last_time(self, job: Job) -> str:
        """Return the latest time in a file; nothing where it cannot be read to its end."""
        header = job.header
        if header is None:
            return ""
        past = Bookmark(
            path=job.path, offset=header.span[1], line=header.lines, header=header.span,
            window=Window(header.span[1], header.lines, 0, header.span),
        )  # fmt: skip
        limit = None if job.compressed else job.size
        try:
            self._read_silently(job, past, limit, Ordinals())
        except (FileError, *READ_ERRORS):
            # Reading it in earnest says what is wrong.
            return ""
        return past.last or ""

    def _read_silently(
        self, job: Job, past: Bookmark, limit: int | None, counter: Ordinals
    ) -> FileLoad:
        with open_data(job.path, compressed=job.compressed) as file:
            load = self._opening.load(job, past, file, _Nowhere(), counter, limit=limit)
            for _ in load.run():
                pass
        return load

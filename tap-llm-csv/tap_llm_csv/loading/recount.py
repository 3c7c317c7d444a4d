"""Counting again the rows just before a bookmark, so that equal rows go on being numbered right.

A bookmark keeps where the block of lines before its own begins; the rows from there on are read
once more, without sending them. A log that was rotated goes on from the end of the file before.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tap_llm_csv.errors import FileError
from tap_llm_csv.files.bookmark import READ_ERRORS, Bookmark, Counts, Window
from tap_llm_csv.files.job import Matched, Ready
from tap_llm_csv.files.look import looked
from tap_llm_csv.files.rotation import Ends
from tap_llm_csv.loading.opening import Opening
from tap_llm_csv.loading.prepare import Preparer, beginning_of
from tap_llm_csv.records.identity import Ordinals

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tap_llm_csv.files.job import Found
    from tap_llm_csv.loading.file_load import FileLoad
    from tap_llm_csv.plans.choose import Planner
    from tap_llm_csv.settings import Settings

MAX_DEPTH = 8
# Counts of files that were just read, so that the next one need not open them again.
COUNTS_KEPT = 50_000


class _Nowhere:
    """An output that wants everything and sends nothing."""

    def wants(self, _stream: str) -> bool:
        return True

    def write(self, _stream: str, _records: list[dict[str, Any]]) -> None:
        return


class Recounter:
    """Knows how the rows before a bookmark were numbered."""

    def __init__(self, planner: Planner, settings: Settings, preparer: Preparer) -> None:
        self._opening = Opening.again(planner, settings)
        self._preparer = preparer
        self._idle_seconds = settings.idle_seconds
        self.ends = Ends(self._read_finished)
        self._counts: OrderedDict[str | None, tuple[str | None, Mapping[bytes, int]]] = (
            OrderedDict()
        )
        self._counted = 0

    def ordinals(self, job: Found, bookmark: Bookmark, depth: int = 0) -> tuple[Ordinals, Window]:
        """Return the counter to go on with from a bookmark, and where its current block begins.

        Raises:
            FileError: A file cannot be read.
        """
        window = bookmark.window
        previous: Mapping[bytes, int] = {}
        if window.block == 0 and depth < MAX_DEPTH:
            if not bookmark.counts.read and isinstance(job, Ready) and job.first is not None:
                bookmark.follows = self.ends.before(job, job.first, self._begin_alike)
            previous = self._counts_of(bookmark.follows, depth)
        counter = Ordinals(previous, block=window.block, recalled=window.seen)
        if bookmark.offset <= window.offset or (ready := self._ready(job)) is None:
            return counter, window
        past = replace(
            bookmark, offset=window.offset, line=window.line, header=window.header,
            counts=Counts(), rejects=[],
        )  # fmt: skip
        return counter, self._read_silently(ready, past, bookmark.offset, counter).next_window

    def keep(self, file_id: str, bookmark: Bookmark, ordinals: Ordinals) -> None:
        """Remember how a file's last rows were numbered, and which file came before it."""
        counts = ordinals.own_counts()
        before = bookmark.follows if ordinals.block == 0 else None
        self._counted += len(counts) - len(self._counts.pop(file_id, (None, {}))[1])
        self._counts[file_id] = before, counts
        while self._counted > COUNTS_KEPT:
            self._counted -= len(self._counts.popitem(last=False)[1][1])

    def _counts_of(self, file_id: str | None, depth: int) -> Mapping[bytes, int]:
        """How many equal rows a file ended with, those of the files before it included."""
        if file_id in self._counts and depth < MAX_DEPTH:
            before, counts = self._counts[file_id]
            older = self._counts_of(before, depth + 1)
            return {**older, **counts} if older else counts
        known = self.ends.get(file_id)
        if known is None or depth >= MAX_DEPTH:
            return {}
        return self.ordinals(*known, depth + 1)[0].counts()

    def _ready(self, found: Found) -> Ready | None:
        """Make a file ready to be read once more, whatever bookmark it has."""
        if isinstance(found, Ready):
            return found
        with looked(found, self._idle_seconds) as look:
            matched = Matched(
                **vars(look.found), head=look.head, is_whole=False, packed=look.packed
            )
        return self._preparer.ready(matched)

    def _read_finished(self, found: Found) -> None:
        """Read a finished file again, for what a file that goes on from it must know."""
        if (ready := self._ready(found)) is None or ready.named is None:
            return
        fresh = fresh_bookmark(ready)
        load = self._read_silently(ready, fresh, None, Ordinals())
        self.ends.note(ready.named, found, fresh)
        self.keep(ready.named, fresh, load.ordinals)

    def _begin_alike(self, one: Found, other: Ready) -> bool:
        """Tell whether two files begin alike: a copy, one log exported anew, or corrected.

        Equal calls of one moment under one header may as well be different ones: they do not tell.
        """
        ready = self._ready(one)
        if ready is None or ready.first_call is None or ready.first_call != other.first_call:
            return False
        if ready.head_mark == other.head_mark:
            return True
        mine, yours = beginning_of(ready), beginning_of(other)
        length = min(len(mine.head), len(yours.head))
        if mine.head[:length] == yours.head[:length]:
            return True
        length = min(len(mine.calls), len(yours.calls))
        calls = mine.calls[:length]
        is_telling = len(set(calls)) > 1 or ready.plan.header != other.plan.header
        return length > 0 and is_telling and calls == yours.calls[:length]

    def last_time(self, job: Ready) -> str:
        """Return the latest time in a file; nothing where it cannot be read to its end."""
        past = fresh_bookmark(job)
        limit = None if job.compressed else job.disk.size
        try:
            self._read_silently(job, past, limit, Ordinals())
        except (FileError, *READ_ERRORS):
            # Reading it in earnest says what is wrong.
            return ""
        return past.last or ""

    def _read_silently(
        self, job: Ready, past: Bookmark, limit: int | None, counter: Ordinals
    ) -> FileLoad:
        with job.open() as file:
            load = self._opening.load(job, past, file, _Nowhere(), counter, limit=limit)
            for _ in load.run():
                pass
        return load


def fresh_bookmark(job: Ready, generation: int = 1) -> Bookmark:
    """Return the bookmark of a file of which nothing was read: it stands at its first row."""
    header = job.header
    start = header.span[1]
    return Bookmark(
        path=job.path, offset=start, line=header.lines, header=header.span,
        window=Window(start, header.lines, 0, header.span), generation=generation,
    )  # fmt: skip

"""Which file a rotated log continues in.

Equal calls are numbered along the file. Where a writer rotates its log in the middle of a second,
the equal calls of that second stand in two files, and the second file has to go on counting where
the first one ended. Copies and exports that overlap must not: they show the same calls again.
"""

from __future__ import annotations

import os
import re
import time
from bisect import bisect_right, insort
from collections import defaultdict
from datetime import datetime, timedelta
from fnmatch import fnmatch
from typing import TYPE_CHECKING

from tap_llm_csv.files.finished import unit_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_llm_csv.files.bookmark import Bookmark
    from tap_llm_csv.files.job import Found, Ready

# A log's rows are in order of time but for calls that ran beside each other.
OVERLAP = timedelta(seconds=60)
# More files than this that end within a minute and begin alike are copies of one another.
MOST_COMPARED = 16
# Who has not written to a log for so long will not rotate it either.
_RESTING_SECONDS = 7 * 86_400

_STEM = re.compile(r"[A-Za-z]+")


def chain_of(path: str) -> tuple[str, str]:
    """Return what a log's files have in common: the folder, and how their names begin.

    `usage.csv`, `usage_backup_20260131.csv` and `usage.csv.1` are one log.
    """
    folder, name = os.path.split(path)
    found = _STEM.match(name)
    return folder, found[0].lower() if found else name


def may_escape(found: Found) -> bool:
    """Tell whether a file may be renamed to where its entry of the settings does not find it."""
    path = found.spec.path
    folder = os.path.dirname(found.path)  # noqa: PTH120 - the text of the settings
    if folder == path.rstrip("/") or fnmatch(f"{found.path}.1", path):
        return False
    return time.time() - found.disk.mtime / 1e9 < _RESTING_SECONDS


class Ends:
    """The files that a log may go on from, as far as this run knows them."""

    def __init__(self, read: Callable[[Found], str | None]) -> None:
        """Know no file yet; `read` reads a finished one again, and returns its id."""
        self._read = read
        self._files: dict[str, tuple[Found, Bookmark]] = {}
        # By chain: when each file ended, the order of reading, and its id; sorted.
        self._ends: defaultdict[tuple[str, str], list[tuple[str, int, str]]] = defaultdict(list)
        self._orders: dict[str, tuple[tuple[str, str], tuple[str, int, str]]] = {}
        self._followers: defaultdict[str, set[str]] = defaultdict(set)
        self._finished: list[tuple[int, Found]] = []
        self._by_unit: dict[tuple[tuple[str, str], int], list[Found]] | None = None

    def note(self, file_id: str, found: Found, bookmark: Bookmark) -> None:
        """Remember a file that is there and was read, at least in part."""
        self._files[file_id] = (found, bookmark)
        if bookmark.follows:
            self._followers[bookmark.follows].add(file_id)
        order = len(self._orders)
        if file_id in self._orders:
            chain, entry = self._orders.pop(file_id)
            order = entry[1]
            self._ends[chain].remove(entry)
        if bookmark.last is not None and not bookmark.is_snapshot:
            chain, entry = chain_of(found.path), (bookmark.last, order, file_id)
            insort(self._ends[chain], entry)
            self._orders[file_id] = chain, entry

    def note_finished(self, found: Found, ended: int) -> None:
        """Remember a file of which no more is known than about when it ended."""
        self._finished.append((ended, found))
        self._by_unit = None

    def get(self, file_id: str | None) -> tuple[Found, Bookmark] | None:
        """Return a file by its id, if it is still there."""
        return self._files.get(file_id) if file_id else None

    def before(
        self, job: Ready, first: str, begin_alike: Callable[[Found, Ready], bool]
    ) -> str | None:
        """Return the id of the file that a new one, whose first row is at `first`, goes on from.

        It is the last of its log that ended by then, and within a minute of it: only there can the
        two hold equal calls. Files that follow one another are told by what their bookmarks say,
        files that were read in this run by the order of reading. Files whose calls begin alike are
        copies or exports of one log.
        """
        chain = chain_of(job.path)
        begin = datetime.fromisoformat(first)
        earliest, latest = (begin - OVERLAP).isoformat(), (begin + OVERLAP).isoformat()
        self._read_finished(chain, earliest, latest)
        ends = self._ends[chain]
        compared = 0
        for place in range(bisect_right(ends, (latest, len(self._orders), "")) - 1, -1, -1):
            last, _, file_id = ends[place]
            if last < earliest or compared >= MOST_COMPARED:
                return None
            found = self._files[file_id][0]
            if found.path == job.path or self._is_followed(file_id, latest):
                continue
            if not begin_alike(found, job):
                return file_id
            compared += 1
        return None

    def _is_followed(self, file_id: str, latest: str) -> bool:
        """Tell whether another file that ended by then goes on from this one."""
        followers = self._followers.get(file_id, ())
        known = (self._files.get(name) for name in followers)
        return any(entry is not None and (entry[1].last or "9") <= latest for entry in known)

    def _read_finished(self, chain: tuple[str, str], earliest: str, latest: str) -> None:
        """Read those finished files of a log again that ended within a minute."""
        if self._by_unit is None:
            self._by_unit = {}
            for ended, found in self._finished:
                self._by_unit.setdefault((chain_of(found.path), ended), []).append(found)
        if not self._by_unit:
            return
        for unit in range(unit_of(earliest), unit_of(latest) + 1):
            near = self._by_unit.pop((chain, unit), [])
            for found in near[-MOST_COMPARED:]:
                self._read(found)

"""Which file a rotated log continues in.

Equal calls are numbered along the file. Where a writer rotates its log in the middle of a second,
the equal calls of that second stand in two files, and the second file has to go on counting where
the first one ended. Copies and exports that overlap must not: they show the same calls again.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from tap_llm_csv.files.bookmark import HEAD_BYTES, Bookmark, open_data

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_llm_csv.files.job import Job

# A log's rows are in order of time but for calls that ran beside each other.
OVERLAP = timedelta(seconds=60)

_STEM = re.compile(r"[A-Za-z]+")


def chain_of(path: str) -> tuple[str, str]:
    """Return what a log's files have in common: the folder, and how their names begin.

    `usage.csv`, `usage_backup_20260131.csv` and `usage.csv.1` are one log.
    """
    folder, name = os.path.split(path)
    found = _STEM.match(name)
    return folder, found[0].lower() if found else name


@dataclass(slots=True)
class Ends:
    """The files that a log may go on from, as far as this run knows them."""

    _files: dict[str, tuple[Job, Bookmark]] = field(default_factory=dict)
    _by_chain: dict[tuple[str, str], list[str]] = field(default_factory=dict)

    def note(self, file_id: str, job: Job, bookmark: Bookmark) -> None:
        """Remember a file that is there and was read, at least in part."""
        if file_id not in self._files:
            self._by_chain.setdefault(chain_of(job.path), []).append(file_id)
        self._files[file_id] = (job, bookmark)

    def get(self, file_id: str | None) -> tuple[Job, Bookmark] | None:
        """Return a file by its id, if it is still there."""
        return self._files.get(file_id) if file_id else None

    def before(self, job: Job, first: str, begin_alike: Callable[[Job, Job], bool]) -> str | None:
        """Return the id of the file that a new one, whose first row is at `first`, goes on from.

        It is the last of its log that ended by then; files that follow one another are told by
        what their bookmarks say, files that were read in this run by the order of reading. Files
        whose calls begin alike are copies or exports of one log.
        """
        latest = datetime.fromisoformat(first) + OVERLAP
        ended = []
        for order, file_id in enumerate(self._by_chain.get(chain_of(job.path), ())):
            other, bookmark = self._files[file_id]
            if (
                other is not job
                and not bookmark.is_snapshot
                and bookmark.last is not None
                and datetime.fromisoformat(bookmark.last) <= latest
                and not _share_content(other, job)
                and not begin_alike(other, job)
            ):
                ended.append((bookmark.last, order, file_id))
        followed = {self._files[file_id][1].follows for _, _, file_id in ended}
        open_ends = [entry for entry in ended if entry[2] not in followed]
        return max(open_ends)[2] if open_ends else None


def _share_content(one: Job, other: Job) -> bool:
    """Tell whether two files begin alike beyond their header: a copy, not a continuation."""
    heads = []
    for job in (one, other):
        with open_data(job.path, compressed=job.compressed) as file:
            heads.append(file.read(HEAD_BYTES))
    length = min(map(len, heads))
    return heads[0][:length] == heads[1][:length]

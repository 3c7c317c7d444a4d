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

from tap_llm_csv.files import HEAD_BYTES, Bookmark, open_data

if TYPE_CHECKING:
    from tap_llm_csv.worklist import Job

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
    """The files that a log may continue, as far as this run knows them."""

    _by_chain: dict[tuple[str, str], list[tuple[Job, Bookmark]]] = field(default_factory=dict)

    def note(self, job: Job, bookmark: Bookmark) -> None:
        """Remember a file that is there and was read, at least in part."""
        files = self._by_chain.setdefault(chain_of(job.path), [])
        if all(known is not job for known, _ in files):
            files.append((job, bookmark))

    def before(self, job: Job, first: str) -> tuple[Job, Bookmark] | None:
        """Return the file that `job`, whose first row is at `first`, goes on from."""
        earliest = datetime.fromisoformat(first) + OVERLAP
        found = [
            (bookmark.last, other.path, other, bookmark)
            for other, bookmark in self._by_chain.get(chain_of(job.path), ())
            if other is not job
            and not bookmark.is_snapshot
            and bookmark.last is not None
            and bookmark.first is not None
            and datetime.fromisoformat(bookmark.last) <= earliest
            and (bookmark.first, other.path) < (first, job.path)
            and not _share_content(other, job)
        ]
        if not found:
            return None
        _, _, other, bookmark = max(found, key=lambda entry: entry[:2])
        return other, bookmark


def _share_content(one: Job, other: Job) -> bool:
    """Tell whether two files begin alike beyond their header: a copy, not a continuation."""
    heads = []
    for job in (one, other):
        with open_data(job.path, compressed=job.compressed) as file:
            heads.append(file.read(HEAD_BYTES))
    length = min(map(len, heads))
    return heads[0][:length] == heads[1][:length]

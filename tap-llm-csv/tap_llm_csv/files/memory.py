"""What a run knows of earlier ones: the bookmarks, kept in the Singer state as it changes."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from tap_llm_csv.files import rotation, state

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tap_llm_csv.files.bookmark import Bookmark
    from tap_llm_csv.files.job import Job

MISSING_DAYS = 30


class Memory:
    """All bookmarks by file id, and the `bookmarks` of the Singer state that they are kept in."""

    def __init__(self, saved: dict[str, dict[str, Any]]) -> None:
        """Read the bookmarks; what makes no sense is dropped, and its file is read again."""
        self.bookmarks: dict[str, Bookmark] = {}
        self.streams: dict[str, str] = {}
        self._state = saved
        for stream, entry in list(saved.items()):
            files = entry.get("files") if isinstance(entry, dict) else None
            if not isinstance(files, dict):
                saved.pop(stream)
                continue
            for file_id, known in list(files.items()):
                if (bookmark := state.from_json(known)) is None:
                    files.pop(file_id)
                else:
                    self.bookmarks[file_id] = bookmark
                    self.streams[file_id] = stream

    def save(self, file_id: str, stream: str, bookmark: Bookmark) -> None:
        """Put a bookmark into the state."""
        if self.streams.get(file_id, stream) != stream:
            self.drop(file_id)
        self.bookmarks[file_id] = bookmark
        self.streams[file_id] = stream
        entry = self._state.setdefault(stream, {})
        entry.setdefault("files", {})[file_id] = state.to_json(bookmark)

    def keep(self, file_id: str) -> None:
        """Put a bookmark that changed into the state again."""
        self.save(file_id, self.streams[file_id], self.bookmarks[file_id])

    def drop(self, file_id: str) -> None:
        """Forget a file."""
        self.bookmarks.pop(file_id, None)
        stream = self.streams.pop(file_id, "")
        self._state.get(stream, {}).get("files", {}).pop(file_id, None)

    def miss(self, vanished: Mapping[str, Bookmark], today: date) -> list[str]:
        """Note which files are not there any more; return those that were there last time."""
        new = []
        for file_id, bookmark in vanished.items():
            if bookmark.missing is None:
                bookmark.missing = today.isoformat()
                new.append(file_id)
            if (today - date.fromisoformat(bookmark.missing)).days > MISSING_DAYS:
                self.drop(file_id)
            else:
                self.keep(file_id)
        return new

    def rotated_long_ago(self, jobs: Iterable[Job]) -> list[str]:
        """Return the files outside the configured paths that no log goes on from any more."""
        followed = {bookmark.follows for bookmark in self.bookmarks.values()}
        chained: dict[tuple[str, str], list[tuple[str, bool, str]]] = {}
        for job in jobs:
            if job.is_rotated and job.file_id and job.bookmark and job.is_unchanged:
                chain = chained.setdefault(rotation.chain_of(job.path), [])
                chain.append((job.bookmark.last or "", job.file_id not in followed, job.file_id))
        return [file_id for chain in chained.values() for _, _, file_id in sorted(chain)[:-1]]

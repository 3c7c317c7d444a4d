"""What a run knows of earlier ones: the bookmarks, kept in the Singer state as it changes."""

from __future__ import annotations

import time
from datetime import date
from typing import TYPE_CHECKING, Any

from tap_llm_csv.files import rotation, state
from tap_llm_csv.files.finished import Finished, Past, mark_of, unit_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tap_llm_csv.files.bookmark import Bookmark
    from tap_llm_csv.files.job import Disk, Found

MISSING_DAYS = 30
# So many of the files that ended last keep their bookmarks, whether or not they are finished.
BOOKMARKS_KEPT = 16
# A file system may give two writes within so many seconds the same time.
_TICK, _COARSE_TICK = 0.1, 2.0


class Memory:
    """All bookmarks by file id, and the `bookmarks` of the Singer state that they are kept in."""

    def __init__(self, saved: dict[str, dict[str, Any]]) -> None:
        """Read the bookmarks; what makes no sense is dropped, and its file is read again."""
        self.bookmarks: dict[str, Bookmark] = {}
        self.streams: dict[str, str] = {}
        self.finished = Finished()
        # Files of this run that need no bookmark any more → their marks.
        self._settled: dict[str, int] = {}
        self._state = saved
        for stream, entry in list(saved.items()):
            files = entry.get("files") if isinstance(entry, dict) else None
            if not isinstance(files, dict):
                saved.pop(stream)
                continue
            if not isinstance(entry.setdefault("finished", {}), dict):
                entry["finished"] = {}
            self.finished.load(stream, entry["finished"])
            if not entry["finished"]:
                entry.pop("finished")
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
        self._settled.pop(file_id, None)
        self.bookmarks.pop(file_id, None)
        stream = self.streams.pop(file_id, "")
        self._state.get(stream, {}).get("files", {}).pop(file_id, None)

    # --- finished files ---------------------------------------------------------------------------

    def settle(self, file_id: str, found: Found, bookmark: Bookmark) -> None:
        """Note that a file was read to its end as it is on the disk, if it was."""
        disk = bookmark.disk if bookmark.stored is None else bookmark.stored[:2]
        if disk != found.disk:
            return
        waits = bookmark.stored is None and bookmark.packed is None and (
            bookmark.offset != found.disk.size
        )  # fmt: skip
        if not waits and not bookmark.rejects and not rotation.may_escape(found):
            self._settled[file_id] = mark_of(found.path, found.disk)

    def fold(self) -> None:
        """Keep of most finished files nothing but their mark."""
        if len(self._settled) > BOOKMARKS_KEPT:
            by_end = sorted(self._settled, key=lambda name: self.bookmarks[name].last or "")
            kept = set(by_end[-BOOKMARKS_KEPT:])
            # Where a file that keeps its bookmark goes on from another, that one keeps its, too.
            followed = {
                bookmark.follows
                for name, bookmark in self.bookmarks.items()
                if name in kept or name not in self._settled
            }
            for file_id in by_end:
                if file_id not in kept and file_id not in followed:
                    bookmark, mark = self.bookmarks[file_id], self._settled[file_id]
                    past = Past(self.streams[file_id], bookmark.dialect, unit_of(bookmark.last))
                    self.drop(file_id)
                    self.finished.add(mark, past)
        for stream, dialect, text in self.finished.changes():
            groups = self._state.setdefault(stream, {"files": {}}).setdefault("finished", {})
            if text:
                groups[dialect] = text
            else:
                groups.pop(dialect, None)

    # --- files that are gone ----------------------------------------------------------------------

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

    def rotated_long_ago(self, files: Iterable[tuple[Found, str, Bookmark]]) -> list[str]:
        """Return the unchanged files outside the configured paths that no log goes on from."""
        followed = {bookmark.follows for bookmark in self.bookmarks.values()}
        chained: dict[tuple[str, str], list[tuple[str, bool, str]]] = {}
        for found, file_id, bookmark in files:
            if found.is_rotated:
                chain = chained.setdefault(rotation.chain_of(found.path), [])
                chain.append((bookmark.last or "", file_id not in followed, file_id))
        return [file_id for chain in chained.values() for _, _, file_id in sorted(chain)[:-1]]


def is_past(disk: Disk) -> bool:
    """Tell whether a write from now on would give a file another time."""
    tick = _COARSE_TICK if disk.mtime % 10**9 == 0 else _TICK
    return time.time() - disk.mtime / 1e9 > tick

"""Bookmarks by what their files begin with, to find the one of a file that has another name now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_llm_csv.files.bookmark import digest_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tap_llm_csv.files.bookmark import Bookmark
    from tap_llm_csv.files.look import Look


class Heads:
    """An index of bookmarks; those that were read the most come first."""

    def __init__(self, bookmarks: Mapping[str, Bookmark]) -> None:
        self._by_head: dict[int, dict[str, list[str]]] = {}
        self._packed: dict[tuple[int, str], str] = {}
        self._offsets = {name: bookmark.offset for name, bookmark in bookmarks.items()}
        for file_id in sorted(self._offsets, key=lambda name: -self._offsets[name]):
            bookmark = bookmarks[file_id]
            if bookmark.packed is not None:
                self._packed[bookmark.packed] = file_id
            if not bookmark.is_snapshot:
                length, digest = bookmark.head
                self._by_head.setdefault(length, {}).setdefault(digest, []).append(file_id)

    def like(self, look: Look) -> Iterator[str]:
        """Yield the bookmarks of files that begin like this one."""
        if look.packed in self._packed:
            yield self._packed[look.packed]
        found = [
            file_id
            for length, digests in self._by_head.items()
            if length <= len(look.head)
            for file_id in digests.get(digest_of(look.head[:length]), ())
        ]
        yield from sorted(found, key=lambda name: -self._offsets[name])

"""Which files a run looks into, and which bookmark holds for each.

What the file system says tells whether a file changed: one that did not is not opened. The others
are opened once, and compared with what is known: by their path first, then by their contents. A
bookmark whose file is gone from its path is looked for among that path's neighbours, because a
writer that rotates its log moves away what was not read yet.
"""

# Paths stay the text that the settings give: it is what the ledger and the ids show.
# ruff: noqa: PTH113, PTH120

from __future__ import annotations

import logging
import os
from fnmatch import fnmatch
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from tap_llm_csv.errors import FileError, SourceError
from tap_llm_csv.files import sources
from tap_llm_csv.files.bookmark import Bookmark, is_same, stored_as
from tap_llm_csv.files.finished import mark_of
from tap_llm_csv.files.heads import Heads
from tap_llm_csv.files.job import Found, Matched
from tap_llm_csv.files.look import Look, find, looked
from tap_llm_csv.files.rotation import chain_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from tap_llm_csv.files.memory import Memory
    from tap_llm_csv.settings import Settings, SourceSpec

logger = logging.getLogger("tap-llm-csv")


class Unchanged(NamedTuple):
    """A file that need not be opened, and the bookmark that says so."""

    found: Found
    file_id: str
    bookmark: Bookmark


class Resting(NamedTuple):
    """A finished file: of which dialect, and about when it ended."""

    found: Found
    dialect: str
    ended: int


class Survey:
    """One look at all files.

    Attributes:
        unchanged: Files of which nothing is new.
        resting: Finished files, which are not known by a bookmark any more.
        failed: Paths that cannot be read, and why.
        vanished: Bookmarks whose file is not there any more.
        replaced: Bookmarks whose file was replaced by another of its path.
    """

    def __init__(self, settings: Settings, memory: Memory, rewritten: Collection[str] = ()) -> None:
        """Prepare to look; `rewritten` are paths at which nothing is what was read any more."""
        self.unchanged: list[Unchanged] = []
        self.resting: list[Resting] = []
        self.failed: list[tuple[str, FileError]] = []
        self.vanished: dict[str, Bookmark] = {}
        self.replaced: dict[str, Bookmark] = {}
        self._settings = settings
        self._memory = memory
        self._rewritten = rewritten
        self._unclaimed = dict(memory.bookmarks)
        self._found: dict[str, SourceSpec] = {}
        self._begun: set[str] = set()
        self._places: dict[str, int] = {}
        self._order: dict[str, int] = {}

    def jobs(self) -> Iterator[Matched]:
        """Look into the files that are new or changed, one after the other."""
        self._find()
        changed, new = self._by_path()
        for found, file_ids in changed:
            matched = self._look(found, partial(self._of_path, file_ids))
            if matched is not None and matched.bookmark is None:
                new.append(found)
            elif matched is not None:
                yield matched
        heads = Heads(self._unclaimed)
        for found in new:
            matched = self._look(found, partial(self._of_content, heads))
            if matched is not None:
                if matched.bookmark is None:
                    self._begun.add(found.path)
                yield matched
        yield from self._moved_away()
        self._part_unclaimed()

    def again(self, found: Found) -> Matched | None:
        """Look into a file that need not be opened for its own sake."""
        known = {one.found.path: one for one in self.unchanged}.get(found.path)
        matched = self._look(found, lambda _look: None)
        if matched is not None and known is not None:
            matched.file_id, matched.bookmark = known.file_id, known.bookmark
            if known.bookmark.stored is not None:
                matched.stored = stored_as(found.path, known.bookmark.stored)
        return matched

    # --- without opening anything --------------------------------------------------------------

    def _find(self) -> None:
        """Map each file to the first entry that names it; tell the entries that name none."""
        specs, seen = self._settings.sources, set[str]()
        for spec in specs:
            try:
                paths = sources.find(spec)
            except SourceError as error:
                if not self._was_read(spec):
                    self.failed.append((spec.path, FileError("missing", str(error))))
                    continue
                paths = []
            if not paths and not spec.is_default:
                logger.warning("%s: nothing to read there", spec.path)
            for path, real in paths:
                # Two names of one file are one file.
                if real not in seen:
                    seen.add(real)
                    self._found[path] = spec
        if not self._found and all(spec.is_default for spec in specs):
            logger.warning("%s: nothing to read there", ", ".join(spec.path for spec in specs))

    def _was_read(self, spec: SourceSpec) -> bool:
        """Tell whether there was a file before, which may be away for a moment."""
        return any(
            chain_of(bookmark.path) == chain_of(spec.path) or fnmatch(bookmark.path, spec.path)
            for bookmark in self._memory.bookmarks.values()
        )

    def _by_path(self) -> tuple[list[tuple[Found, list[str]]], list[Found]]:
        """Tell the files that did not change from those to look into."""
        by_path: dict[str, list[str]] = {}
        for file_id, bookmark in self._unclaimed.items():
            by_path.setdefault(bookmark.path, []).append(file_id)
        changed: list[tuple[Found, list[str]]] = []
        new: list[Found] = []
        for path, spec in self._found.items():
            try:
                found = find(path, spec)
            except FileError as error:
                self.failed.append((path, error))
                continue
            file_ids = by_path.get(path, [])
            past = None if file_ids else self._memory.finished.find(mark_of(path, found.disk))
            same = next((name for name in file_ids if self._is_as_it_was(found, name)), None)
            if past is not None:
                self.resting.append(Resting(found, past.dialect, past.ended))
            elif same is not None:
                self.unchanged.append(Unchanged(found, same, self._unclaimed.pop(same)))
            elif file_ids:
                changed.append((found, file_ids))
            else:
                new.append(found)
        return changed, new

    def _is_as_it_was(self, found: Found, file_id: str) -> bool:
        bookmark = self._unclaimed[file_id]
        if self._settings.replay_rejects or found.path in self._rewritten:
            return False
        if bookmark.stored is not None:
            return bookmark.stored[:2] == found.disk
        is_read = bookmark.packed is not None or bookmark.offset == found.disk.size
        return bookmark.disk == found.disk and is_read

    # --- one opening a file --------------------------------------------------------------------

    def _look(self, found: Found, file_id_of: Callable[[Look], str | None]) -> Matched | None:
        """Look into a file and say which bookmark is its own; None where it cannot be read."""
        try:
            with looked(found, self._settings.idle_seconds) as look:
                file_id = file_id_of(look)
                matched = Matched(
                    **vars(look.found), head=look.head, is_whole=look.is_whole, packed=look.packed
                )
                if file_id is not None:
                    bookmark = self._unclaimed.pop(file_id)
                    matched.file_id, matched.bookmark = file_id, bookmark
                    if bookmark.stored is not None:
                        matched.stored = stored_as(found.path, bookmark.stored)
                return matched
        except FileError as error:
            self.failed.append((found.path, error))
            return None

    def _of_path(self, file_ids: Sequence[str], look: Look) -> str | None:
        return next((name for name in file_ids if self._is_same(look, name)), None)

    def _of_content(self, heads: Heads, look: Look) -> str | None:
        """Return the bookmark that covers most of a file, if any covers some of it."""
        return next((name for name in heads.like(look) if self._is_same(look, name)), None)

    def _is_same(self, look: Look, file_id: str) -> bool:
        bookmark = self._unclaimed.get(file_id)
        path = look.found.path
        if bookmark is None or (bookmark.path == path and path in self._rewritten):
            return False
        if bookmark.stored is not None:
            return bookmark.path == path
        if bookmark.packed is not None and bookmark.packed == look.packed:
            return True
        size = None if look.packed is not None else look.found.disk.size
        return is_same(look.data, size, bookmark)

    def _moved_away(self) -> Iterator[Matched]:
        """Find what was moved away from a configured path before it was read to its end."""
        moved: dict[str, dict[str, SourceSpec]] = {}
        for file_id, bookmark in self._unclaimed.items():
            spec = self._found.get(bookmark.path) or self._spec_of(bookmark.path)
            if spec is not None and not bookmark.is_snapshot:
                moved.setdefault(os.path.dirname(bookmark.path), {})[file_id] = spec
        for lost in moved.values():
            heads = Heads({file_id: self._unclaimed[file_id] for file_id in lost})
            paths = {self._unclaimed[file_id].path for file_id in lost}
            spec = next(iter(lost.values()))
            beside = (path for one in paths for path in sources.siblings(one))
            for path in dict.fromkeys((*paths, *beside)):
                if path in self._found or not os.path.isfile(path):
                    continue
                try:
                    found = find(path, spec, is_rotated=True)
                except FileError:
                    continue
                matched = self._look(found, partial(self._of_content, heads))
                if matched is not None and matched.file_id is not None:
                    yield Matched(**{**vars(matched), "spec": lost[matched.file_id]})
                if self._unclaimed.keys().isdisjoint(lost):
                    break

    def _spec_of(self, path: str) -> SourceSpec | None:
        """The entry under which a file was read that is not there any more."""
        folder = os.path.dirname(path)
        return next(
            (
                spec
                for spec in self._settings.sources
                if folder in {spec.path, os.path.dirname(spec.path)}
            ),
            None,
        )

    def _part_unclaimed(self) -> None:
        failed = {path for path, _ in self.failed}
        for file_id, bookmark in self._unclaimed.items():
            if bookmark.path in self._begun:
                self.replaced[file_id] = bookmark
            elif bookmark.path not in self._found and bookmark.path not in failed:
                self.vanished[file_id] = bookmark

    def place_of(self, known: Unchanged) -> tuple[int, int]:
        """Sort files by where they were found, those that moved away by when they were read."""
        if not self._places:
            self._places = {path: place for place, path in enumerate(self._found)}
            self._order = {name: place for place, name in enumerate(self._memory.bookmarks)}
        place = self._places.get(known.found.path)
        if place is not None and not known.found.is_rotated:
            return 0, place
        return 1, self._order.get(known.file_id, 0)

    def generation_of(self, path: str) -> int:
        """How often a file that is new was begun under its path, this time included."""
        replaced = [mark.generation for mark in self.replaced.values() if mark.path == path]
        return max(replaced, default=0) + 1

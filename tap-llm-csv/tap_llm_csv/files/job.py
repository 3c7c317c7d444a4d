"""One file of a run in its stages: found, matched with what is known of it, ready to be read."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, NamedTuple

from tap_llm_csv.files.bookmark import open_data

if TYPE_CHECKING:
    from tap_llm_csv.files.bookmark import Bookmark
    from tap_llm_csv.plans.plan import RowPlan
    from tap_llm_csv.reading.text_format import TextFormat
    from tap_llm_csv.settings import SourceSpec


@dataclass(slots=True)
class Header:
    """A file's first line: what it says and where it is; of NDJSON only where rows begin."""

    text: TextFormat
    delimiter: str
    cells: tuple[str, ...]
    span: tuple[int, int]
    lines: int
    # What follows it, as far as the first look went; nothing once the file is ready.
    after: bytes = b""
    # The file is one JSON document over several lines.
    is_document: bool = False


class Disk(NamedTuple):
    """What the file system says of a file: where none of it changed, neither did the file."""

    size: int
    mtime: int


class Beginning(NamedTuple):
    """A file's first bytes, and what its first calls were, without their ordinals."""

    head: bytes
    calls: list[bytes]


@dataclass(kw_only=True)
class Found:
    """A file that is there.

    Attributes:
        path: Its path, in the words of the settings.
        spec: The settings' entry that it was found by.
        disk: Its size and time.
        is_idle: Nobody has written to it for a while: its last line is complete.
        is_rotated: It was found beside a configured path, where it was rotated to.
    """

    path: str
    spec: SourceSpec
    disk: Disk
    is_idle: bool
    is_rotated: bool = False

    def as_found(self, disk: Disk, *, is_idle: bool) -> Found:
        """The same file as it is now, and nothing of what was in it."""
        return Found(
            path=self.path, spec=self.spec, disk=disk, is_idle=is_idle, is_rotated=self.is_rotated
        )


@dataclass(kw_only=True)
class Matched(Found):
    """A file that was looked into, and the bookmark that holds for it, if one does.

    Attributes:
        head: Its first bytes, unpacked.
        is_whole: They are all of it.
        packed: Of a compressed file: its size, and a hash of its last bytes.
        stored: Of an export: its size, time and hash.
        file_id: What it is called, where that is known.
        bookmark: How far it was read.
    """

    head: bytes
    is_whole: bool
    packed: tuple[int, str] | None
    stored: tuple[int, int, str] | None = None
    file_id: str | None = None
    bookmark: Bookmark | None = None

    @property
    def compressed(self) -> bool:
        """Whether the file is stored compressed, and so complete."""
        return self.packed is not None

    @property
    def is_unchanged(self) -> bool:
        """Nothing was added since the bookmark was made."""
        bookmark = self.bookmark
        if bookmark is None:
            return False
        if bookmark.stored is not None:
            return self.stored is not None and bookmark.stored[2] == self.stored[2]
        if self.compressed:
            return bookmark.packed == self.packed
        return bookmark.offset == self.disk.size

    @property
    def is_final(self) -> bool:
        """Nobody writes to the file any more."""
        return self.compressed or self.stored is not None or self.is_idle

    def open(self) -> IO[bytes]:
        """Open the file; offsets count what is in it, not how it is stored.

        Raises:
            FileError: It cannot be opened.
        """
        if self.is_whole:
            return io.BytesIO(self.head)
        return open_data(self.path, compressed=self.compressed)


@dataclass(kw_only=True)
class Ready(Matched):
    """A file whose rows can be read.

    Attributes:
        header: Its first line.
        plan: How the rows under it are read.
        first: The time of its first row.
        first_call: What its first row was; None for a file without one.
        head_mark: What stands for its first bytes.
        named: What it is called by its first lines; None for a file without a row.
        order: Files are read in this order, which is one of time.
        beginning: What it is compared with others by, once that was asked for.
    """

    header: Header
    plan: RowPlan
    first: str | None
    first_call: bytes | None
    head_mark: str
    named: str | None
    order: str = ""
    beginning: Beginning | None = None

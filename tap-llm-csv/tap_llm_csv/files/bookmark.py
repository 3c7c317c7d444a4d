"""A file's identity and bookmark: what was read of it, and whether it still is the same file.

Names, inodes and times say little: the files are rotated, copied, and live in git checkouts. So a
bookmark carries anchors, hashes of the first bytes and of the bytes just before its offset. A file
that has both is the one that was read, whatever it is called now.
"""

# Paths stay the text that the settings give: it is what the ledger and the ids show.
# ruff: noqa: PTH116, PTH123

from __future__ import annotations

import gzip
import os
import zlib
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import pairwise
from typing import IO, cast

from tap_llm_csv.errors import FileError

HEAD_BYTES = 4096
TAIL_BYTES = 256
MAX_REJECT_RANGES = 100

# What reading may raise; a damaged compressed file has errors of its own.
READ_ERRORS = (OSError, EOFError, zlib.error)


def digest_of(data: bytes) -> str:
    """Return 16 hexadecimal digits that stand for the bytes."""
    return blake2b(data, digest_size=8).hexdigest()


@dataclass(slots=True)
class Counts:
    """What became of a file's rows; `read` is the sum of the three that follow it."""

    read: int = 0
    emitted: int = 0
    rejected: int = 0
    skipped: int = 0
    recovered: int = 0


@dataclass(slots=True)
class Window:
    """Where to begin counting equal rows again.

    Attributes:
        offset: A row's place, at the beginning of the block or somewhat before.
        line: Its line.
        block: The block of lines whose rows count.
        header: The header that is in force there.
        seen: The few rows of the block that were counted on from the block before.
    """

    offset: int = 0
    line: int = 0
    block: int = 0
    header: tuple[int, int] = (0, 0)
    seen: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Bookmark:
    """What a run leaves behind about one file.

    Attributes:
        header: Where the header begins and ends that is in force at `offset`.
        head: How many of the first bytes were hashed, and their hash.
        tail: The hash of the last bytes before `offset`.
        disk: Size and time of the file on the disk when it was read up to here, where a later write
            would have changed them.
        stored: Of a file that is read as a whole: its size, time and hash on the disk.
        packed: Of a compressed file that was read: its size, and a hash of its last bytes, which
            hold the checksum and length of what is in it.
        rejects: Offset, length, line and rows of the ranges that were rejected.
        follows: The id of the file that this one goes on from, where a log was rotated.
        missing: The day on which the file was first not there any more.
        generation: How often the file was begun anew.
    """

    path: str
    dialect: str = ""
    offset: int = 0
    line: int = 0
    header: tuple[int, int] = (0, 0)
    head: tuple[int, str] = (0, "")
    tail: str = ""
    window: Window = field(default_factory=Window)
    counts: Counts = field(default_factory=Counts)
    first: str | None = None
    last: str | None = None
    disk: tuple[int, int] | None = None
    stored: tuple[int, int, str] | None = None
    packed: tuple[int, str] | None = None
    rejects: list[tuple[int, int, int, int]] = field(default_factory=list)
    follows: str | None = None
    missing: str | None = None
    generation: int = 1

    @property
    def is_snapshot(self) -> bool:
        """Whether the file is read as a whole or not at all."""
        return self.stored is not None


def open_data(path: str, *, compressed: bool) -> IO[bytes]:
    """Open a file so that offsets count what is in it, not how it is stored.

    Raises:
        FileError: It cannot be opened.
    """
    try:
        if compressed:
            return cast("IO[bytes]", gzip.open(path, "rb"))
        # Without a buffer: it would keep what a writer has replaced meanwhile.
        return cast("IO[bytes]", open(path, "rb", buffering=0))
    except OSError as error:
        raise unreadable(path, error) from error


def unreadable(path: str, error: Exception) -> FileError:
    """Word an operating system's error for a person."""
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return FileError("unreadable", f"{path} cannot be read: {reason}")


def anchors(file: IO[bytes], offset: int) -> tuple[tuple[int, str], str]:
    """Return the head and tail anchors of the first `offset` bytes of an open file."""
    file.seek(0)
    size = min(offset, HEAD_BYTES)
    head = (size, digest_of(file.read(size)))
    file.seek(max(0, offset - TAIL_BYTES))
    return head, digest_of(file.read(min(offset, TAIL_BYTES)))


def is_same(file: IO[bytes], size: int | None, bookmark: Bookmark) -> bool:
    """Tell whether an open file begins with all that the bookmark covers.

    Args:
        file: The file; of a compressed one its contents.
        size: How long it is, None where that is not known before it is read.
        bookmark: What was read.
    """
    if size is not None and size < bookmark.offset:
        return False
    length, head = bookmark.head
    file.seek(0)
    if digest_of(file.read(length)) != head:
        return False
    return anchors(file, bookmark.offset)[1] == bookmark.tail


def hash_file(path: str) -> str:
    """Return a hash of all bytes of a file as it is stored."""
    digest = blake2b(digest_size=16)
    with open(path, "rb") as file:
        while data := file.read(1 << 20):
            digest.update(data)
    return digest.hexdigest()


def stored_as(
    path: str, known: tuple[int, int, str] | None, data: bytes | None = None
) -> tuple[int, int, str]:
    """Return a file's size, time and hash; the hash is `known` where nothing speaks against it.

    Args:
        path: The file.
        known: What it was before.
        data: All that is in it, where that is at hand.
    """
    status = os.stat(path)
    if known is not None and known[:2] == (status.st_size, status.st_mtime_ns):
        return known
    if data is not None and len(data) == status.st_size:
        return status.st_size, status.st_mtime_ns, blake2b(data, digest_size=16).hexdigest()
    return status.st_size, status.st_mtime_ns, hash_file(path)


def remember_reject(bookmark: Bookmark, offset: int, length: int, line: int) -> None:
    """Note a rejected range for `replay_rejects`, joining neighbours and, past a limit, more.

    A joined range also covers rows that were read well; to read those again changes nothing.
    """
    ranges = bookmark.rejects
    ranges.append((offset, length, line, 1))
    if len(ranges) > 1 and ranges[-2][0] + ranges[-2][1] == offset:
        _join(ranges, len(ranges) - 2)
    elif len(ranges) > MAX_REJECT_RANGES:
        gaps = [two[0] - one[0] - one[1] for one, two in pairwise(ranges)]
        _join(ranges, gaps.index(min(gaps)))


def _join(ranges: list[tuple[int, int, int, int]], index: int) -> None:
    one, two = ranges[index : index + 2]
    ranges[index : index + 2] = [(one[0], two[0] + two[1] - one[0], one[2], one[3] + two[3])]

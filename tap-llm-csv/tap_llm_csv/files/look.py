"""The first look into a file: one opening, some kilobytes, and what they are the beginning of."""

# Paths stay the text that the settings give: it is what the ledger and the ids show.
# ruff: noqa: PTH116, PTH123

from __future__ import annotations

import gzip
import os
import stat
import time
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, cast

from tap_llm_csv.errors import FileError
from tap_llm_csv.files.bookmark import READ_ERRORS, TAIL_BYTES, digest_of, unreadable
from tap_llm_csv.files.job import Disk, Found

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_llm_csv.settings import SourceSpec

PEEK_BYTES = 64 * 1024
_GZIP = b"\x1f\x8b"
_LINES = "convert it to CSV or to a line of JSON a row"
# First bytes → what a file is that is not read, and what to do.
_OTHERS = (
    (b"PK\x03\x04", "a zip archive or a workbook", "unpack it, or save the sheet as CSV"),
    (b"\x89PNG", "a picture", "name the files to read"),
    (b"\xff\xd8\xff", "a picture", "name the files to read"),
    (b"%PDF", "a PDF", "name the files to read"),
    (b"SQLite format 3\0", "a SQLite database", "export its table as CSV"),
    (b"PAR1", "a Parquet file", _LINES),
    (b"\x28\xb5\x2f\xfd", "compressed by zstd", "unpack it, or compress it by gzip"),
    (b"BZh", "compressed by bzip2", "unpack it, or compress it by gzip"),
    (b"\xfd7zXZ\0", "compressed by xz", "unpack it, or compress it by gzip"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it, or compress it by gzip"),
    (b"\xd0\xcf\x11\xe0", "an old Office document", "save the sheet as CSV"),
    (b"\x7fELF", "a program", "name the files to read"),
)
_MARKUP = (b"<?xml", b"<!doctype", b"<html", b"<coverage", b"<svg")


class Look:
    """What an open file begins with.

    Attributes:
        found: The file, as it was when it was opened.
        data: Its contents, unpacked.
        head: Their first bytes.
        is_whole: They are all of it.
        packed: Of a compressed file: its size, and a hash of its last bytes.
    """

    def __init__(self, found: Found, file: IO[bytes], idle_seconds: int) -> None:
        disk = disk_of(os.fstat(file.fileno()))
        # Judged by the moment of its size: much may be written while other files are read.
        is_idle = is_old(disk, idle_seconds)
        self.found = found.as_found(disk, is_idle=is_idle)
        self.data = file
        self.packed: tuple[int, str] | None = None
        self.head = file.read(PEEK_BYTES)
        self.is_whole = False
        if self.head.startswith(_GZIP):
            file.seek(max(0, disk.size - TAIL_BYTES))
            self.packed = disk.size, digest_of(file.read())
            file.seek(0)
            self.data = cast("IO[bytes]", gzip.GzipFile(fileobj=file))
            self.head = self.data.read(PEEK_BYTES)
        elif len(self.head) == disk.size:
            # Nobody wrote to it meanwhile: then this is the file, and need not be read again.
            self.is_whole = disk_of(os.fstat(file.fileno())) == disk


def disk_of(status: os.stat_result) -> Disk:
    """Size and time of a file."""
    return Disk(status.st_size, status.st_mtime_ns)


def is_old(disk: Disk, seconds: float) -> bool:
    """Tell whether nobody has written to a file for so long."""
    return time.time() - disk.mtime / 1e9 >= seconds


def find(path: str, spec: SourceSpec, *, is_rotated: bool = False) -> Found:
    """Return a file that is there.

    Raises:
        FileError: It cannot be found, or is no file.
    """
    try:
        status = os.stat(path)
    except OSError as error:
        raise unreadable(path, error) from error
    if not stat.S_ISREG(status.st_mode):
        raise FileError(
            "not_a_file",
            f"{path} is {_kind_of(status.st_mode)} and no file, and never ends; write what comes "
            "through it to a file, and name that",
        )
    return Found(path=path, spec=spec, disk=disk_of(status), is_idle=False, is_rotated=is_rotated)


def _kind_of(mode: int) -> str:
    kinds = (
        (stat.S_ISFIFO, "a named pipe"), (stat.S_ISSOCK, "a socket"), (stat.S_ISCHR, "a device"),
        (stat.S_ISBLK, "a device"), (stat.S_ISDIR, "a folder"),
    )  # fmt: skip
    return next((name for is_one, name in kinds if is_one(mode)), "something else")


@contextmanager
def looked(found: Found, idle_seconds: int) -> Iterator[Look]:
    """Open a file and look at its first bytes.

    Raises:
        FileError: It cannot be read.
    """
    try:
        with open(found.path, "rb") as file:
            yield Look(found, file, idle_seconds)
    except READ_ERRORS as error:
        raise unreadable(found.path, error) from error


def refuse_others(head: bytes) -> None:
    """Name a file that is of another format for what it is.

    Raises:
        FileError: It is none that holds rows.
    """
    for begin, what, todo in _OTHERS:
        if head.startswith(begin):
            raise FileError("other_format", f"it is {what}, and no CSV: {todo}")
    if head[:64].lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(_MARKUP):
        raise FileError("other_format", f"it is XML or HTML, and no CSV: {_LINES}")

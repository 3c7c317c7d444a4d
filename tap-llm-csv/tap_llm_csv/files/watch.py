"""Whether a file still holds what is being read of it.

Somebody may write a file anew while it is read. What was read then is in no file any more, and the
bookmark would speak of bytes that nobody saw. So anchors are made of the bytes that were read, and
before a batch is sent the file is asked whether it changed; if it did, whether the batch and the
anchors are still there.
"""

from __future__ import annotations

import os
from typing import IO, TYPE_CHECKING

from tap_llm_csv.files.bookmark import HEAD_BYTES, TAIL_BYTES, digest_of
from tap_llm_csv.files.look import disk_of

if TYPE_CHECKING:
    from tap_llm_csv.files.bookmark import Bookmark
    from tap_llm_csv.files.job import Ready
    from tap_llm_csv.reading.reader import Batch


class RewrittenError(Exception):
    """What was read of a file is not there any more."""


class Watch:
    """Follows one reading of one file."""

    def __init__(self, job: Ready, file: IO[bytes], bookmark: Bookmark) -> None:
        """Note what the file begins with, and what comes before the bookmark.

        Raises:
            RewrittenError: It is not the file that was looked at.
        """
        # What was kept of the first look cannot change.
        self._file = None if job.is_whole else file
        self._is_log = job.stored is None and not job.compressed
        self._path = job.path
        self._disk = job.disk
        self._doubtful = 0
        offset = bookmark.offset
        file.seek(0)
        self._head = file.read(min(offset, HEAD_BYTES))
        file.seek(max(0, offset - TAIL_BYTES))
        self._tail = file.read(min(offset, TAIL_BYTES))
        file.seek(offset)
        length, head = bookmark.head
        begins = job.head[: len(self._head)]
        is_other = length and (
            digest_of(self._head[:length]) != head or digest_of(self._tail) != bookmark.tail
        )
        if is_other or self._head[: len(begins)] != begins:
            raise RewrittenError
        self.check(None)

    def check(self, batch: Batch | None) -> None:
        """Look whether the file changed, and if so whether a batch of it is what it was.

        Raises:
            RewrittenError: It is not.
        """
        if self._file is None:
            if batch is None:
                self._check_path()
            return
        handle = self._file.fileno()
        disk = disk_of(os.fstat(handle))
        if disk != self._disk:
            # An export is read as it is or not at all; a log that changed has grown.
            if not self._is_log or disk.size <= self._disk.size:
                raise RewrittenError
            self._disk = disk
            if os.pread(handle, len(self._head), 0) != self._head:
                raise RewrittenError
            # What was fetched before the change may be in this batch and in the next one.
            self._doubtful = 2
        if self._doubtful and batch is not None:
            self._doubtful -= 1
            begin = max(0, batch.offset - len(self._tail))
            expected = self._tail + batch.data
            if os.pread(handle, len(expected), begin) != expected:
                raise RewrittenError

    def _check_path(self) -> None:
        """Look whether a file that was kept in memory was corrected in its place meanwhile."""
        try:
            disk = disk_of(os.stat(self._path))  # noqa: PTH116 - the text of the settings
        except OSError:
            return
        if disk.size == self._disk.size and disk != self._disk:
            raise RewrittenError

    def passed(self, batch: Batch, offset: int) -> None:
        """Note that a batch was read, up to an offset in it or at its end."""
        length = offset - batch.offset
        data = batch.data[:length]
        if len(self._head) < HEAD_BYTES:
            self._head = (self._head + data)[:HEAD_BYTES]
        # A batch holds only the beginning of a line that is too long.
        is_cut = len(data) < length
        self._tail = self._before(offset) if is_cut else (self._tail + data)[-TAIL_BYTES:]

    def _before(self, offset: int) -> bytes:
        file = self._file
        if file is None or not self._is_log:
            return b""
        return os.pread(file.fileno(), TAIL_BYTES, max(0, offset - TAIL_BYTES))

    def anchors(self, offset: int) -> tuple[tuple[int, str], str]:
        """Return the head and tail anchors of what was read, up to `offset`."""
        size = min(offset, HEAD_BYTES)
        return (size, digest_of(self._head[:size])), digest_of(self._tail)

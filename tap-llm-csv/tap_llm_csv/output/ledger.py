"""What a run says about files: a record of each in `llm_csv_files`, and the summary."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tap_llm_csv.files.bookmark import Bookmark, Counts
from tap_llm_csv.output.ledger_records import file_record
from tap_llm_csv.records.identity import short_hash

if TYPE_CHECKING:
    from tap_llm_csv.errors import FileError
    from tap_llm_csv.files.job import Found
    from tap_llm_csv.files.memory import Memory
    from tap_llm_csv.output.emit import Output

logger = logging.getLogger("tap-llm-csv")


@dataclass(slots=True)
class Summary:
    """What a run did, for its last log line and its exit code."""

    files: int = 0
    unchanged: int = 0
    counts: Counts = field(default_factory=Counts)
    failures: list[str] = field(default_factory=list)

    def add(self, before: Counts, after: Counts) -> None:
        """Count what was read of a file in this run."""
        for name in ("read", "emitted", "rejected", "skipped", "recovered"):
            grown = getattr(after, name) - getattr(before, name)
            setattr(self.counts, name, getattr(self.counts, name) + grown)

    def text(self) -> str:
        """Say it in one line."""
        counts = self.counts
        return (
            f"{counts.read:,} rows read = {counts.emitted:,} emitted + {counts.rejected:,} rejected"
            f" + {counts.skipped:,} skipped"
            + (f" ({counts.recovered:,} recovered)" if counts.recovered else "")
            + f"; files: {self.files:,} read, {self.unchanged:,} unchanged, "
            f"{len(self.failures):,} failed"
        )


class Ledger:
    """Tells what became of each file."""

    def __init__(self, output: Output, memory: Memory, summary: Summary) -> None:
        self._output = output
        self._memory = memory
        self._summary = summary
        # Where the rows of this run's files go, before their bookmarks say so.
        self.streams: dict[str, str] = {}

    def tell(
        self, found: Found, file_id: str, bookmark: Bookmark, message: str | None = None
    ) -> None:
        """Write the record of a file that is there."""
        status = "active"
        if found.is_rotated:
            status = "rotated"
        elif bookmark.stored is not None or bookmark.packed is not None:
            status = "complete"
        self._write(file_id, bookmark, status, found.disk.size, message)

    def tell_gone(self, file_id: str, bookmark: Bookmark, status: str) -> None:
        """Write the record of a file that is `missing`, or `replaced` by another of its path."""
        self._write(file_id, bookmark, status, None, None)

    def fail(
        self,
        path: str,
        error: FileError,
        *,
        file_id: str | None = None,
        size: int = 0,
        bookmark: Bookmark | None = None,
    ) -> None:
        """Note that a file could not be read (on); the others still are."""
        message = str(error)
        text = message if path in message else f"{path}: {message}"
        logger.error("%s", text)
        self._summary.failures.append(text)
        file_id = file_id or short_hash("path", path)
        bookmark = bookmark or self._memory.bookmarks.get(file_id) or Bookmark(path=path)
        self._write(file_id, bookmark, "failed", size, message)

    def _write(
        self, file_id: str, bookmark: Bookmark, status: str, size: int | None, message: str | None
    ) -> None:
        if not self._output.wants("llm_csv_files"):
            return
        stream = self.streams.get(file_id) or self._memory.streams.get(file_id)
        record = file_record(file_id, stream, bookmark, status=status, size=size, message=message)
        self._output.write("llm_csv_files", [record])

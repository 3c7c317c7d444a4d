"""The lines of one file that cannot be read: noted, counted, and when they are too many."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tap_llm_csv.errors import FileError
from tap_llm_csv.files.bookmark import remember_reject
from tap_llm_csv.output.ledger_records import reject_record

if TYPE_CHECKING:
    from tap_llm_csv.files.bookmark import Bookmark, Counts
    from tap_llm_csv.reading.reader import Batch
    from tap_llm_csv.records.cells import RowReject
    from tap_llm_csv.settings import Settings

RATIO_ROWS = 1000
RATIO_MINIMUM = 50


@dataclass(frozen=True, slots=True)
class Place:
    """What a file is called in the ledger, and how its bytes are read."""

    file_id: str
    path: str
    encoding: str
    seen_at: str


class Refusals:
    """What could not be read of one file since its bookmark.

    Attributes:
        rejected: How many lines.
        stop: Why the file is given up, once it is; the batch that led to it is written first.
        hides_lines: A column of the file holds secrets, so that no line of it is kept as it is.
    """

    def __init__(self, place: Place, settings: Settings) -> None:
        self.rejected = 0
        self.stop: FileError | None = None
        self.hides_lines = False
        self._place = place
        self._settings = settings
        self._records: list[dict[str, Any]] = []
        self._ranges: list[tuple[int, int, int]] = []

    def refuse(self, batch: Batch, index: int, reject: RowReject, counts: Counts) -> None:
        """Put a line into the ledger, or stop before it where the settings say so."""
        if reject.skip:
            counts.skipped += 1
            return
        self.note(batch, index, reject, "rejected")
        line = batch.line + batch.first_line(index) + 1
        # As much of the line as the settings allow.
        message = self._records[-1]["message"]
        limit = self._settings.max_rejects
        if self._settings.on_reject == "fail":
            self.stop = FileError(
                "rejected",
                f"line {line} cannot be read: {message}; correct it, or set on_reject to continue",
            )
            return
        if limit is not None and self.rejected >= limit:
            self.stop = FileError(
                "too_many_rejects",
                f"more than {limit} lines cannot be read, the last is line {line}: "
                f"{message}; correct them, or raise max_rejects",
            )
            return
        self.rejected += 1
        counts.rejected += 1
        begin, end = batch.span(index)
        self._ranges.append((begin, end - begin, line - 1))

    def note(self, batch: Batch, index: int, reject: RowReject, severity: str) -> None:
        """Put a line into the ledger."""
        policy = self._settings.reject_raw
        if self.hides_lines and policy != "none":
            policy = "hash"
        self._records.append(
            reject_record(
                file_id=self._place.file_id,
                path=self._place.path,
                line=batch.line + batch.first_line(index) + 1,
                offset=batch.span(index)[0],
                code=reject.code,
                column=reject.column,
                message=reject.message,
                raw=batch.raw(index),
                encoding=self._place.encoding,
                policy=policy,
                mask=self._settings.mask,
                seen_at=self._place.seen_at,
                severity=severity,
            )
        )

    def check_ratio(self, counts: Counts, *, before: int, done: int) -> None:
        """Give up a file that is mostly unreadable before anything of it is sent.

        Raises:
            FileError: With the first problem.
        """
        read = before + done
        ratio = self._settings.max_reject_ratio
        if before < RATIO_ROWS and read >= RATIO_MINIMUM and counts.rejected > ratio * read:
            raise FileError(
                "too_many_rejects",
                f"{counts.rejected:,} of its first {read:,} rows cannot be read, so the dialect is "
                f"probably wrong; the first problem is in line {self._records[0]['line_number']}: "
                f"{self._records[0]['message']} (max_reject_ratio is {ratio:g})",
            )

    def take(self) -> list[dict[str, Any]]:
        """The ledger's new lines."""
        records, self._records = self._records, []
        return records

    def remember(self, bookmark: Bookmark) -> None:
        """Let the bookmark know where the refused lines are, once they are written."""
        for entry in self._ranges:
            remember_reject(bookmark, *entry)
        self._ranges = []

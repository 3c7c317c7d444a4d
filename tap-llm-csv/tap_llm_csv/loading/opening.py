"""The beginning of every reading of a file: from a bookmark on, by the header in force there."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import IO, TYPE_CHECKING

from tap_llm_csv.files.header import header_at
from tap_llm_csv.loading.file_load import FileLoad
from tap_llm_csv.loading.refusals import Place
from tap_llm_csv.reading.document import DocumentReader
from tap_llm_csv.reading.reader import Reader

if TYPE_CHECKING:
    from tap_llm_csv.files.bookmark import Bookmark
    from tap_llm_csv.files.job import Ready
    from tap_llm_csv.files.watch import Watch
    from tap_llm_csv.loading.notices import Notices
    from tap_llm_csv.output.emit import Output
    from tap_llm_csv.plans.choose import Planner
    from tap_llm_csv.records.identity import Ordinals
    from tap_llm_csv.settings import Settings


class Opening:
    """Begins to read files, all by the same settings."""

    def __init__(
        self,
        planner: Planner,
        settings: Settings,
        seen_at: str = "",
        notices: Notices | None = None,
    ) -> None:
        self._planner = planner
        self._settings = settings
        self._seen_at = seen_at
        self._notices = notices

    @classmethod
    def again(cls, planner: Planner, settings: Settings, seen_at: str = "") -> Opening:
        """What was read before is read again whatever was refused of it."""
        lenient = replace(settings, on_reject="continue", max_rejects=None, max_reject_ratio=1.0)
        return cls(planner, lenient, seen_at)

    def load(
        self, job: Ready, bookmark: Bookmark, file: IO[bytes], output: Output, ordinals: Ordinals,
        *, limit: int | None, final: bool = True, file_id: str = "", watch: Watch | None = None,
    ) -> FileLoad:  # fmt: skip
        """Return what reads an open file from a bookmark on, once it is told to run.

        Args:
            job: The file, prepared.
            bookmark: Where to begin; it moves along.
            file: The file, open.
            output: Where its records go.
            ordinals: How equal rows before were numbered.
            limit: Where to end; None reads on to the file's end.
            final: A last line without an end is a line.
            file_id: What the ledger calls the file.
            watch: Whoever knows whether the file is still what it was.

        Raises:
            FileError: Its header is not there, or no dialect knows it.
        """
        header = job.header
        file.seek(bookmark.offset)
        if header.is_document:
            reader: Reader = DocumentReader(
                file, header.text, offset=bookmark.offset, line=bookmark.line
            )
        else:
            reader = Reader(
                file, header.text, delimiter=header.delimiter, offset=bookmark.offset,
                line=bookmark.line, limit=limit, final=final,
                max_record_lines=self._settings.max_record_lines,
            )  # fmt: skip
        load = FileLoad(
            bookmark, Place(file_id, job.path, header.text.encoding, self._seen_at), reader,
            partial(self._planner.plan, job.spec), self._settings, output, ordinals,
            paths=job.spec.plan.paths, notices=self._notices, watch=watch,
        )  # fmt: skip
        if header.delimiter:
            names = header_at(job, bookmark.header, header)
            load.adopt(self._planner.for_file(job.spec, names))
        return load

"""A file's first rows: which dialect it is, how it is read, and what it is called in the ledger."""

from __future__ import annotations

import io
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from tap_llm_csv.errors import FileError
from tap_llm_csv.files.bookmark import HEAD_BYTES, digest_of, stored_as
from tap_llm_csv.files.header import read_header
from tap_llm_csv.files.job import Beginning, Ready
from tap_llm_csv.files.look import PEEK_BYTES
from tap_llm_csv.plans.parts import Parts
from tap_llm_csv.reading.document import read_document
from tap_llm_csv.reading.reader import MAX_RECORD_BYTES, Broken, Reader
from tap_llm_csv.records import objects
from tap_llm_csv.records.cells import RowReject
from tap_llm_csv.records.identity import short_hash

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_llm_csv.files.job import Header, Matched
    from tap_llm_csv.plans.choose import Planner
    from tap_llm_csv.plans.plan import RowPlan

CALLS_COMPARED = 32
# Small files are kept until they are read, as long as they take no more than this together.
CONTENT_BYTES = 32 * 1024 * 1024


class Preparer:
    """Makes files ready; keeps small ones in memory, so that they need not be opened again."""

    def __init__(self, planner: Planner) -> None:
        self._planner = planner
        self._room = CONTENT_BYTES

    def ready(self, job: Matched) -> Ready | None:
        """Look at a file's first rows and note what they say; None where there are none yet.

        Raises:
            FileError: It cannot be read, or no dialect knows it.
        """
        header = read_header(job)
        if header is None or (header.is_document and not _is_whole(job, header)):
            return None
        if header.delimiter:
            plan = self._planner.for_file(job.spec, header.cells)
        else:
            plan = _plan_of_objects(job, header, self._planner)
        ready = Ready(
            **vars(job), header=header, plan=plan, first=None, first_call=None, named=None,
            head_mark=digest_of(job.head[:HEAD_BYTES]),
        )  # fmt: skip
        if is_snapshot(job, header, plan) and ready.stored is None:
            ready.stored = stored_as(job.path, None, job.head if job.is_whole else None)
        known = job.bookmark.first if job.bookmark is not None else None
        ready.first = _first_time(header, plan) or known
        ready.first_call = next(iter(_first_calls(header, plan)), None)
        ready.named = _name_of(ready)
        header.after = b""
        self._keep(ready)
        return ready

    def _keep(self, job: Ready) -> None:
        size = len(job.head)
        if job.is_whole and size <= self._room:
            self._room -= size
        else:
            job.is_whole = False
            # Enough to tell whether it still is this file when it is read.
            job.head = job.head[:HEAD_BYTES]

    def release(self, job: Ready) -> None:
        """Forget a file's contents, once they were read."""
        if job.is_whole:
            self._room += len(job.head)
        job.head, job.is_whole = b"", False


def is_snapshot(job: Matched, header: Header, plan: RowPlan) -> bool:
    """Tell whether a file is read as a whole: an export, or one whose rows are summed."""
    if plan.key == "grain" or header.is_document:
        return True
    return job.spec.mode == "snapshot" if job.spec.mode else not plan.appended


def _is_whole(job: Matched, header: Header) -> bool:
    """Have all of a document at hand; False where it is still being written.

    Raises:
        FileError: It will not become one that can be read.
    """
    with job.open() as file:
        file.seek(header.span[1])
        header.after, value = read_document(file, header.text)
    if isinstance(value, Broken):
        if value.code == "bad_json" and not job.is_final:
            return False
        raise FileError(value.code, value.message)
    try:
        is_trace = any(part.dialect for part in Parts().of(value))
    except RowReject as reject:
        raise FileError(reject.code, reject.message) from reject
    if not is_trace:
        raise FileError(
            "json_document",
            "it is one JSON document and not an object a line; only traces of pull requests are "
            "read like that: write each object on a line of its own",
        )
    return True


def _plan_of_objects(job: Matched, header: Header, planner: Planner) -> RowPlan:
    """Return the plan for the first JSON object that has one; what comes before is for the ledger.

    Raises:
        FileError: There is none in what the first look saw.
    """
    wrong: FileError | None = None
    lines = [header.after] if header.is_document else header.text.split(header.after)
    for line in lines:
        if not line.strip():
            continue
        try:
            parts = Parts().of(objects.decode(line.decode(header.text.encoding)))
            if parts:
                names = objects.names_of(parts[-1].row, job.spec.plan.paths)
                return planner.for_file(job.spec, names, parts[-1].dialect)
        except FileError as error:
            wrong = error if wrong is None or wrong.code == "bad_json" else wrong
        except (RowReject, ValueError, RecursionError) as error:
            why = f"none of its first lines is a JSON object: {error}"
            wrong = wrong or FileError("bad_json", why)
    raise wrong or FileError("bad_json", "none of its first lines holds anything")


def _first_time(header: Header, plan: RowPlan) -> str | None:
    """Return the time of the first row that can be read."""
    times = (record.get(plan.time_column) for record in _first_records(header, plan))
    return next((str(time) for time in times if time), None)


def beginning_of(job: Ready) -> Beginning:
    """Return what a file is compared with others by.

    Raises:
        FileError: It cannot be read.
    """
    if job.beginning is None:
        with job.open() as file:
            head = file.read(PEEK_BYTES)
        header = read_header(replace(job, head=head))
        calls = () if header is None else islice(_first_calls(header, job.plan), CALLS_COMPARED)
        job.beginning = Beginning(head[:HEAD_BYTES], list(calls))
    return job.beginning


def _first_calls(header: Header, plan: RowPlan) -> Iterator[bytes]:
    return (plan.identity(record) for record in _first_records(header, plan))


def _first_records(header: Header, plan: RowPlan) -> Iterator[dict[str, Any]]:
    reader = Reader(
        io.BytesIO(header.after), header.text, delimiter=header.delimiter, width=plan.field_count
    )
    for batch in reader.batches():
        for cells in batch.rows:
            if (record := _record(cells, header, plan)) is not None:
                yield record


def _record(cells: list[str], header: Header, plan: RowPlan) -> dict[str, Any] | None:
    if isinstance(cells, Broken) or not cells:
        return None
    try:
        if not header.delimiter:
            return plan.convert_object(Parts().of(objects.decode(cells[0]))[-1].row)
        return plan.convert(cells) if len(cells) == plan.field_count else None
    except (RowReject, ValueError, IndexError, RecursionError):
        return None


def _name_of(job: Ready) -> str | None:
    """Name a file by its header and first row, an export by its path; None for one without rows."""
    if job.stored is not None:
        return short_hash("export", job.path)
    header = job.header
    text, after = header.text, header.after
    is_whole = job.is_final or len(after) > MAX_RECORD_BYTES
    for line in text.split(after if is_whole else after[: text.cut(after)]):
        if line.strip():
            return short_hash(
                "log", *(name.encode() for name in header.cells), line[:MAX_RECORD_BYTES]
            )
    return None

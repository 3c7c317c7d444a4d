"""A file's first rows: which dialect it is, how it is read, and what it is called in the ledger."""

from __future__ import annotations

import io
from itertools import islice
from typing import TYPE_CHECKING, Any

from tap_llm_csv.errors import FileError
from tap_llm_csv.files.bookmark import open_data, stored_as
from tap_llm_csv.files.header import read_header
from tap_llm_csv.plans.parts import Parts
from tap_llm_csv.reading.document import read_document
from tap_llm_csv.reading.reader import MAX_RECORD_BYTES, Broken, Reader
from tap_llm_csv.records import objects
from tap_llm_csv.records.cells import RowReject
from tap_llm_csv.records.identity import short_hash

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_llm_csv.files.job import Header, Job
    from tap_llm_csv.plans.choose import Planner
    from tap_llm_csv.plans.plan import RowPlan

CALLS_COMPARED = 32


def prepare(job: Job, planner: Planner) -> bool:
    """Look at a file's first rows and note what they say; False where there are none yet.

    Raises:
        FileError: It cannot be read, or no dialect knows it.
    """
    job.header = header = read_header(job)
    if header is None:
        return False
    if header.is_document and not _is_whole(job, header):
        return False
    if header.delimiter:
        plan = planner.for_file(job.spec, header.cells)
    else:
        plan = _plan_of_objects(job, header, planner)
    job.plan = plan
    if is_snapshot(job, plan):
        known = job.bookmark.stored if job.bookmark is not None else None
        job.stored = job.stored or stored_as(job.path, known)
    job.first = _first_time(header, plan) or job.first
    return True


def is_snapshot(job: Job, plan: RowPlan) -> bool:
    """Tell whether a file is read as a whole: an export, or one whose rows are summed."""
    if plan.key == "grain" or (job.header is not None and job.header.is_document):
        return True
    return job.spec.mode == "snapshot" if job.spec.mode else not plan.appended


def _is_whole(job: Job, header: Header) -> bool:
    """Have all of a document at hand; False where it is still being written.

    Raises:
        FileError: It will not become one that can be read.
    """
    with open_data(job.path, compressed=job.compressed) as file:
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


def _plan_of_objects(job: Job, header: Header, planner: Planner) -> RowPlan:
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


def first_calls(job: Job) -> list[bytes]:
    """Return what the first few calls of a prepared file were, without their ordinals."""
    header, plan = job.header, job.plan
    if header is None or plan is None:
        return []
    return [
        plan.identity(record) for record in islice(_first_records(header, plan), CALLS_COMPARED)
    ]


def header_of(job: Job) -> tuple[str, ...]:
    """Return the names under which a prepared file's first row is read."""
    return job.plan.header if job.plan is not None else ()


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


def file_id_of(job: Job) -> str | None:
    """Name a file by its header and first row, an export by its path; None for one without rows."""
    if job.stored is not None:
        return short_hash("export", job.path)
    header = job.header
    if header is None:
        return None
    text, after = header.text, header.after
    is_whole = job.is_final or len(after) > MAX_RECORD_BYTES
    for line in text.split(after if is_whole else after[: text.cut(after)]):
        if line.strip():
            return short_hash(
                "log", *(name.encode() for name in header.cells), line[:MAX_RECORD_BYTES]
            )
    return None

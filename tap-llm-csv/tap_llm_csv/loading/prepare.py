"""A file's first rows: which dialect it is, how it is read, and what it is called in the ledger."""

from __future__ import annotations

import io
from itertools import islice
from typing import TYPE_CHECKING, Any

import msgspec

from tap_llm_csv.errors import FileError
from tap_llm_csv.files.bookmark import stored_as
from tap_llm_csv.files.header import read_header
from tap_llm_csv.reading.reader import MAX_RECORD_BYTES, Broken, Reader
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
    try:
        names = header.cells if header.delimiter else _names(header)
    except ValueError as error:
        raise FileError("bad_json", f"none of its first lines is a JSON object: {error}") from error
    job.plan = plan = planner.for_file(job.spec, names)
    if is_snapshot(job, plan):
        known = job.bookmark.stored if job.bookmark is not None else None
        job.stored = job.stored or stored_as(job.path, known)
    job.first = _first_time(header, plan) or job.first
    return True


def is_snapshot(job: Job, plan: RowPlan) -> bool:
    """Tell whether a file is read as a whole: an export, or one whose rows are summed."""
    if plan.key == "grain":
        return True
    return job.spec.mode == "snapshot" if job.spec.mode else not plan.appended


def _names(header: Header) -> tuple[str, ...]:
    """Return the keys of the first JSON object; lines before it that are none are for the ledger.

    Raises:
        ValueError: There is none in what the first look saw.
    """
    wrong: ValueError | None = None
    for line in header.text.split(header.after):
        if not line.strip():
            continue
        try:
            row = msgspec.json.decode(line.decode(header.text.encoding))
        except (msgspec.DecodeError, ValueError) as error:
            wrong = wrong or ValueError(str(error))
        except RecursionError:
            wrong = wrong or ValueError("it is nested too deeply")
        else:
            if isinstance(row, dict):
                return tuple(row)
    raise wrong or ValueError("they hold other values")


def _first_time(header: Header, plan: RowPlan) -> str | None:
    """Return the time of the first row that can be read."""
    times = (record[plan.time_column] for record in _first_records(header, plan))
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
            return plan.convert_object(msgspec.json.decode(cells[0]))
        return plan.convert(cells) if len(cells) == plan.field_count else None
    except (RowReject, msgspec.DecodeError, ValueError, AttributeError, RecursionError):
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

"""The ledger: what became of each file, and which lines could not be read and why."""

from __future__ import annotations

import base64
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from tap_llm_csv.records.identity import uuid_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_llm_csv.files.bookmark import Bookmark

RAW_BYTES = 2048

# What is said instead of a message that quotes the line, where nothing of it may be kept.
_PLAIN = {
    "too_few_fields": "the line has fewer cells than the header",
    "too_many_fields": "the line has more cells than the header",
    "bad_timestamp": "a cell is no time that can be read",
    "bad_integer": "a cell is no whole number",
    "bad_number": "a cell is no number",
    "bad_boolean": "a cell is neither true nor false",
    "bad_json": "a cell is no JSON",
    "negative_value": "a cell holds a negative number where none can be",
    "out_of_range": "a cell holds a number that is too large",
    "missing_required": "a cell is empty that the row needs",
}


def reject_record(
    *,
    file_id: str,
    path: str,
    line: int,
    offset: int,
    code: str,
    column: str | None,
    message: str,
    raw: bytes,
    encoding: str,
    policy: str,
    seen_at: str,
    severity: str = "rejected",
    mask: Callable[[str], str] = str,
) -> dict[str, Any]:
    """Build a record of `llm_csv_rejects`; the same line always has the same `reject_id`."""
    if policy in {"none", "hash"}:
        message = _PLAIN.get(code, "the line cannot be read")
    return {
        "reject_id": uuid_of(f"reject|{file_id}|{offset}".encode()),
        "file_id": file_id,
        "path": path,
        "line_number": line,
        "byte_offset": offset,
        "code": code,
        "column_name": column,
        "message": mask(message.replace("\0", "\\0")),
        "raw": _kept(raw, encoding, policy, mask),
        "severity": severity,
        "seen_at": seen_at,
    }


def _kept(raw: bytes, encoding: str, policy: str, mask: Callable[[str], str]) -> str | None:
    if policy == "none":
        return None
    if policy == "hash":
        return "blake2b:" + blake2b(raw, digest_size=16).hexdigest()
    if policy == "truncated" and len(raw) > RAW_BYTES:
        raw = raw[:RAW_BYTES]
        text = raw.decode(encoding, "ignore")
        if "\0" not in text and len(text.encode(encoding)) > RAW_BYTES - 8:
            return mask(text) + " …"
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError:
        return "base64:" + base64.b64encode(raw).decode()
    # A NUL is a character that databases refuse.
    return mask(text) if "\0" not in text else "base64:" + base64.b64encode(raw).decode()


def file_record(
    file_id: str,
    stream: str | None,
    bookmark: Bookmark,
    *,
    status: str,
    size: int | None,
    message: str | None = None,
) -> dict[str, Any]:
    """Build a record of `llm_csv_files`: a file's figures over its whole life."""
    counts = bookmark.counts
    return {
        "file_id": file_id,
        "path": bookmark.path,
        "stream": stream,
        "dialect": bookmark.dialect or None,
        "status": status,
        "size_bytes": size,
        "offset_bytes": bookmark.offset,
        "generation": bookmark.generation,
        "rows_read": counts.read,
        "rows_emitted": counts.emitted,
        "rows_rejected": counts.rejected,
        "rows_skipped": counts.skipped,
        "rows_recovered": counts.recovered,
        "first_timestamp": bookmark.first,
        "last_timestamp": bookmark.last,
        "message": message,
    }

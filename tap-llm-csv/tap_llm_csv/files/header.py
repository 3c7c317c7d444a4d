"""A file's first lines: their encoding, what separates cells, and the names of the columns."""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING

from tap_llm_csv.errors import FileError
from tap_llm_csv.files.bookmark import READ_ERRORS, unreadable
from tap_llm_csv.files.job import Header
from tap_llm_csv.files.look import PEEK_BYTES, refuse_others
from tap_llm_csv.reading.document import is_document
from tap_llm_csv.reading.reader import MAX_OBJECT_BYTES, MAX_RECORD_BYTES
from tap_llm_csv.reading.text_format import detect, sniff_delimiter, split_line

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tap_llm_csv.files.job import Matched
    from tap_llm_csv.reading.text_format import TextFormat

# A header, and a first row as long as any may be.
PEEK_LIMIT = MAX_RECORD_BYTES + 4 * PEEK_BYTES
_SEPARATOR_LINE = re.compile(r'^"?sep=([^"])"?$', re.IGNORECASE)


def read_header(job: Matched) -> Header | None:
    """Read a file's header and first row; None where the header is not complete yet.

    Raises:
        FileError: The file cannot be read or decoded.
    """
    head = job.head
    refuse_others(head)
    text = detect(head, job.spec.encoding)
    limit = PEEK_LIMIT
    if head[text.start :].lstrip()[:1] in {b"{", b"["}:
        limit += MAX_OBJECT_BYTES
    header = _header_in(head, text, job.spec.delimiter)
    if (header is None or not text.first_cut(header.after)) and not job.is_whole:
        head, header = _look_further(job, text, limit)
    if header is None and (job.is_final or len(head) >= limit):
        header = _header_in(head, text, job.spec.delimiter, closing=True)
    return header


def _look_further(job: Matched, text: TextFormat, limit: int) -> tuple[bytes, Header | None]:
    """Read as much of a file as its header and first row take, and look for them in it."""
    try:
        with job.open() as file:
            head = file.read(PEEK_BYTES)
            while True:
                header = _header_in(head, text, job.spec.delimiter)
                if header is not None and text.first_cut(header.after):
                    return head, header
                more = file.read(max(4 * PEEK_BYTES, len(head))) if len(head) < limit else b""
                if not more:
                    return head, header
                head += more
    except READ_ERRORS as error:
        raise unreadable(job.path, error) from error


def _header_in(
    head: bytes, text: TextFormat, delimiter: str | None, *, closing: bool = False
) -> Header | None:
    """Find the header in a file's first bytes; with `closing` a line without an end counts."""
    for number, (begin, end, line) in enumerate(_lines_of(head, text, closing=closing)):
        plain = line.strip("\r\n")
        if not plain.strip():
            continue
        if separator := _SEPARATOR_LINE.match(plain):
            delimiter = delimiter or separator[1]
            continue
        if plain.lstrip().startswith(("{", "[")):
            after = head[begin:]
            lines = _lines_of(after, text, closing=closing, start=0)
            second = next(islice(lines, 1, None), (0, 0, None))[2]
            whole = is_document(plain, second)
            return Header(text, "", (), (begin, begin), number, after, whole)
        delimiter = delimiter or sniff_delimiter(plain)
        cells = split_line(line, delimiter)
        if cells is None:
            raise FileError("unknown_header", "its first line, the header, has a quote left open")
        return Header(text, delimiter, tuple(cells), (begin, end), number + 1, head[end:])
    return None


def _lines_of(
    head: bytes, text: TextFormat, *, closing: bool, start: int | None = None
) -> Iterable[tuple[int, int, str]]:
    begin = text.start if start is None else start
    complete = head[begin:] if closing else head[begin : begin + text.cut(head[begin:])]
    for raw in text.split(complete):
        try:
            line = raw.decode(text.encoding)
        except UnicodeDecodeError as error:
            raise FileError(
                "bad_encoding",
                f"its first line is not {text.encoding}: set the encoding of the file",
            ) from error
        yield begin, begin + len(raw), line
        begin += len(raw)


def header_at(job: Matched, span: tuple[int, int], header: Header) -> tuple[str, ...]:
    """Read a header again that a bookmark says is in force.

    Raises:
        FileError: The file cannot be read, or there is no header any more.
    """
    if span == header.span:
        return header.cells
    try:
        with job.open() as file:
            file.seek(span[0])
            line = file.read(span[1] - span[0]).decode(header.text.encoding)
    except (*READ_ERRORS, UnicodeDecodeError) as error:
        raise unreadable(job.path, error) from error
    cells = split_line(line, header.delimiter)
    if not cells:
        raise FileError("unknown_header", "its header is not where it was; read it from lost state")
    return tuple(cells)

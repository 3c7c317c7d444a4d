"""Bytes → rows, each at an exact line and byte offset, however broken the file is.

The reader hands out batches: all rows of a piece of the file, some hundred kilobytes. Offsets are
worked out only for the rows that ask for one, so a clean file costs what `csv.reader` costs.

What is broken costs its own physical line and nothing else. A quote that was never meant as one
makes `csv.reader` swallow the lines that follow; when the record then fails, has the wrong number
of cells, or holds a line that is a row by itself, only its first line is given up and reading
starts again at the second.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from itertools import accumulate
from typing import IO, TYPE_CHECKING, TypeAlias

from tap_llm_csv.reading.columns import split_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tap_llm_csv.reading.text_format import TextFormat

CHUNK = 128 * 1024
MAX_RECORD_BYTES = 1024 * 1024
#: A JSON object may be a whole batch.
MAX_OBJECT_BYTES = 16 * MAX_RECORD_BYTES


class Broken(list[str]):
    """Stands in a batch where a line could not be split; it has no cells."""

    __slots__ = ("code", "message")

    def __init__(self, code: str, message: str) -> None:
        super().__init__()
        self.code = code
        self.message = message


Row: TypeAlias = "list[str] | Broken"


@dataclass(slots=True)
class Batch:
    """Consecutive rows, and where in the file they are."""

    rows: Sequence[Row]
    offset: int
    line: int
    data: bytes
    text: TextFormat
    # The physical line after each row, counted from 0 in this batch; None: a line a row.
    ends: list[int] | None = None
    _starts: list[int] = field(default_factory=list)

    def first_line(self, index: int) -> int:
        """Return the row's first physical line, counted from 0 in this batch."""
        if self.ends is None:
            return index
        return self.ends[index - 1] if index else 0

    def line_starts(self) -> Sequence[int]:
        """Return each row's line in the file, counted from 0."""
        if self.ends is None:
            return range(self.line, self.line + len(self.rows))
        return [self.line, *(self.line + end for end in self.ends[:-1])]

    def offset_of_line(self, line: int) -> int:
        """Return the byte offset in the file of a physical line of this batch."""
        if not self._starts:
            lengths = (len(line) for line in self.text.split(self.data))
            self._starts = list(accumulate(lengths, initial=0))
        return self.offset + self._starts[line]

    def keep_lines(self, count: int) -> None:
        """Leave the lines from `count` on to the next batch."""
        self.data = self.data[: self.offset_of_line(count) - self.offset]
        self._starts = self._starts[: count + 1]

    def span(self, index: int) -> tuple[int, int]:
        """Return the byte offsets in the file where the row begins and ends."""
        end = index + 1 if self.ends is None else self.ends[index]
        return self.offset_of_line(self.first_line(index)), self.offset_of_line(end)

    def raw(self, index: int) -> bytes:
        """Return the row's bytes without its line end."""
        begin, end = self.span(index)
        return self.text.bare(self.data[begin - self.offset : end - self.offset])

    @property
    def end(self) -> int:
        """The byte offset after the batch."""
        return self.offset + (self._starts[-1] if self._starts else len(self.data))

    @property
    def line_count(self) -> int:
        """How many physical lines the batch holds."""
        return self.first_line(len(self.rows))


class Reader:
    """Reads rows from an open file, from an offset to where the file ended when it was opened."""

    def __init__(
        self,
        stream: IO[bytes],
        text: TextFormat,
        *,
        delimiter: str = ",",
        width: int = 0,
        is_row: Callable[[str], bool] | None = None,
        offset: int = 0,
        line: int = 0,
        limit: int | None = None,
        final: bool = False,
        max_record_lines: int = 1000,
        chunk: int = CHUNK,
    ) -> None:
        """Prepare to read; nothing is read yet.

        Args:
            stream: The file, open in binary mode at `offset`.
            text: How its bytes become lines.
            delimiter: What separates cells; empty for lines that are not CSV (NDJSON).
            width: The number of cells that a row should have.
            is_row: Tells whether a physical line is a good row by itself.
            offset: Where in the file to begin.
            line: How many physical lines come before.
            limit: Where the file ended when it was opened; None reads on to the end.
            final: Nobody writes to the file any more: a last line without an end is a line.
            max_record_lines: How long an open quote may go on.
            chunk: Bytes to read at once.
        """
        csv.field_size_limit(MAX_RECORD_BYTES)
        self.delimiter = delimiter
        self.width = width
        self.is_row = is_row or _never
        self.offset = offset
        self.line = line
        self.held: str | None = None
        self._stream = stream
        self._text = text
        self._limit = limit
        self._final = final
        self._max_record_lines = max_record_lines
        self._chunk = chunk
        self._most = MAX_RECORD_BYTES if delimiter else MAX_OBJECT_BYTES
        self._pending = b""
        self._fetched = offset

    def rewind(self, batch: Batch, index: int) -> None:
        """Give back the rows of `batch` from `index` on: they need another width."""
        begin = batch.first_line(index)
        offset = batch.offset_of_line(begin)
        self._pending = batch.data[offset - batch.offset :] + self._pending
        self.offset = offset
        self.line = batch.line + begin

    def batches(self) -> Iterator[Batch]:
        """Yield what is complete, until the end; `held` then says what was left and why."""
        need = self._chunk
        while True:
            at_end = self._fill(need)
            data = self._pending
            if not data:
                return
            cut = self._text.cut(data)
            if at_end and self._final:
                cut = len(data)
            if cut == 0:
                if len(data) > self._most:
                    oversized = self._skip_oversized()
                    if oversized is None:
                        self.held = "a line without an end"
                        return
                    yield oversized
                    continue
                if at_end:
                    self.held = "a last line without an end"
                    return
                need = 2 * len(data) + self._chunk
                continue
            batch = self._parse(data[:cut], closing=at_end and self._final)
            if not batch.rows:
                if at_end:
                    self.held = "a quote that is still open"
                    return
                need = len(data) + self._chunk
                continue
            need = self._chunk
            self._pending = data[len(batch.data) :]
            self._advance(batch)
            yield batch

    def _fill(self, need: int) -> bool:
        """Read until `need` bytes are pending; tell whether the end was reached."""
        while len(self._pending) < need:
            data = self._read()
            if not data:
                return True
            self._pending += data
        return self._limit is not None and self._fetched >= self._limit

    def _skip_oversized(self) -> Batch | None:
        """Give up a line that is longer than any record may be, without holding it all.

        None where its end is not there yet and may still be written.
        """
        unit = self._text.unit
        kept = self._pending[:MAX_RECORD_BYTES]
        length, rest = 0, self._pending
        while not (cut := self._text.first_cut(rest)):
            whole = len(rest) - len(rest) % unit
            length, rest = length + whole, rest[whole:]
            data = self._read()
            if not data:
                if not self._final:
                    return None
                cut = len(rest)
                break
            rest += data
        length += cut
        broken = Broken("field_too_large", f"the line is longer than {self._most:,} bytes")
        batch = Batch([broken], self.offset, self.line, kept, self._text, None, [0, length])
        self._pending = rest[cut:]
        self._advance(batch)
        return batch

    def _read(self) -> bytes:
        size = self._chunk
        if self._limit is not None:
            size = min(size, self._limit - self._fetched)
        data = self._stream.read(size) if size > 0 else b""
        self._fetched += len(data)
        return data

    def _advance(self, batch: Batch) -> None:
        self.offset = batch.end
        self.line += batch.line_count

    def _parse(self, data: bytes, *, closing: bool) -> Batch:
        """Split whole lines into rows; a record whose quote is open stays for the next call."""
        batch = Batch([], self.offset, self.line, data, self._text)
        table = split_table(data, self._text, self.delimiter, self.width, MAX_RECORD_BYTES)
        if table is not None:
            batch.rows = table
            return batch
        lines, unreadable = self._decode(data)
        if not unreadable and b'"' not in data and self.delimiter:
            try:
                batch.rows = list(csv.reader(lines, delimiter=self.delimiter, strict=True))
            except csv.Error:
                batch.rows = []
            if len(batch.rows) == len(lines):
                return batch
        rows: list[Row] = []
        ends: list[int] = []
        done = 0
        for index in sorted(unreadable):
            self._split(lines[done:index], done, rows, ends, hold=False)
            rows.append(unreadable[index])
            done = index + 1
            ends.append(done)
        done += self._split(lines[done:], done, rows, ends, hold=not closing)
        batch.rows, batch.ends = rows, ends
        if done < len(lines):
            batch.keep_lines(done)
        return batch

    def _decode(self, data: bytes) -> tuple[list[str], dict[int, Broken]]:
        """Decode whole lines; those that cannot be text are told by their index."""
        unreadable: dict[int, Broken] = {}
        try:
            lines = self._text.decode_lines(data)
        except UnicodeDecodeError:
            lines = []
            for index, line in enumerate(self._text.split(data)):
                try:
                    lines.append(line.decode(self._text.encoding))
                except UnicodeDecodeError as error:
                    lines.append("")
                    unreadable[index] = Broken(*_undecodable(error))
        if b"\0" in data:
            for index, text in enumerate(lines):
                if "\0" in text:
                    unreadable[index] = Broken("nul_byte", "the line holds a NUL character")
        return lines, unreadable

    def _split(
        self, lines: list[str], base: int, rows: list[Row], ends: list[int], *, hold: bool
    ) -> int:
        """Split lines of text, giving up single ones; return how many lines are done with."""
        if not self.delimiter:
            rows.extend([line] if line.strip() else [] for line in lines)
            ends.extend(range(base + 1, base + len(lines) + 1))
            return len(lines)
        begin = 0
        keep, mark = rows.append, ends.append
        while begin < len(lines):
            reader = csv.reader(lines[begin:], delimiter=self.delimiter, strict=True)
            first = begin
            broken = None
            try:
                for cells in reader:
                    end = first + reader.line_num
                    if end - begin > 1 and self._is_glued(cells, lines[begin + 1 : end]):
                        broken = Broken(
                            "stray_quote", "a quote opens a cell and closes some lines later"
                        )
                        break
                    keep(cells)
                    mark(base + end)
                    begin = end
            except csv.Error as error:
                broken = _broken(str(error))
                if broken.code == "unterminated_quote" and hold and self._may_close(lines[begin:]):
                    return begin
            if broken is not None:
                keep(broken)
                begin += 1
                mark(base + begin)
        return begin

    def _is_glued(self, cells: list[str], swallowed: list[str]) -> bool:
        """Tell whether a record of several lines is several rows stuck together by a quote."""
        return (self.width and len(cells) != self.width) or any(map(self.is_row, swallowed))

    def _may_close(self, lines: list[str]) -> bool:
        """Tell whether an open quote may still be closed by what is not written yet."""
        return (
            len(lines) <= self._max_record_lines
            and sum(map(len, lines)) <= MAX_RECORD_BYTES
            and not any(map(self.is_row, lines[1:]))
        )


def _never(_line: str) -> bool:
    return False


def _undecodable(error: UnicodeDecodeError) -> tuple[str, str]:
    code = "invalid_utf8" if error.encoding == "utf-8" else "invalid_encoding"
    return code, f"byte {error.start + 1} of the line is not {error.encoding}: {error.reason}"


def _broken(error: str) -> Broken:
    if error == "unexpected end of data":
        return Broken("unterminated_quote", "a quote opens a cell and never closes")
    if "field limit" in error:
        return Broken("field_too_large", f"a cell is longer than {MAX_RECORD_BYTES:,} characters")
    if "new-line character" in error:
        return Broken("bare_cr", "a carriage return stands alone in the middle of the line")
    if "expected after" in error:
        return Broken("stray_quote", "a closing quote is followed by more text in the same cell")
    return Broken("csv_syntax", f"the line is not CSV: {error}")

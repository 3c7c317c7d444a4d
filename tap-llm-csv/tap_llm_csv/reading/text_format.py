"""How the bytes of a file become lines of text: encoding, line ends and delimiter."""

from __future__ import annotations

import codecs
import csv
import io
from dataclasses import dataclass

from tap_llm_csv.errors import FileError

DELIMITERS = (",", ";", "\t", "|")

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    # UTF-32's mark starts with UTF-16's, so it is looked for first.
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


@dataclass(frozen=True, slots=True)
class TextFormat:
    """Splits bytes into lines and decodes them; `start` is where the first line begins."""

    encoding: str = "utf-8"
    newline: bytes = b"\n"
    start: int = 0

    @property
    def unit(self) -> int:
        """Bytes of a code unit: lines of UTF-16 end at even offsets only."""
        return len(self.newline)

    def bare(self, line: bytes) -> bytes:
        """Return a physical line without its end."""
        if self.unit == 1:
            return line.rstrip(b"\r\n")
        return line.removesuffix(self.newline).removesuffix("\r".encode(self.encoding))

    def cut(self, data: bytes) -> int:
        """Return where the last complete line of `data` ends; 0 where none does."""
        end = len(data)
        while (found := data.rfind(self.newline, 0, end)) != -1:
            if found % self.unit == 0:
                return found + self.unit
            end = found + self.unit - 1
        return 0

    def first_cut(self, data: bytes) -> int:
        """Return where the first line of `data` ends; 0 where it does not."""
        begin = 0
        while (found := data.find(self.newline, begin)) != -1:
            if found % self.unit == 0:
                return found + self.unit
            begin = found + 1
        return 0

    def split(self, data: bytes) -> list[bytes]:
        """Split into physical lines that keep their ends."""
        if self.newline == b"\n":
            return io.BytesIO(data).readlines()
        lines = []
        begin = 0
        while begin < len(data):
            end = begin + self.first_cut(data[begin:]) if self.unit > 1 else self._next(data, begin)
            if end == begin:
                end = len(data)
            lines.append(data[begin:end])
            begin = end
        return lines

    def _next(self, data: bytes, begin: int) -> int:
        found = data.find(self.newline, begin)
        return begin if found == -1 else found + self.unit

    def decode_lines(self, data: bytes) -> list[str]:
        """Decode whole lines at once; as many as `split` makes.

        Raises:
            UnicodeDecodeError: A byte does not belong; the caller then goes line by line.
        """
        text = data.decode(self.encoding)
        if self.newline == b"\r":
            lines = [line + "\r" for line in text.split("\r")]
            lines[-1] = lines[-1][:-1]
            return lines if lines[-1] else lines[:-1]
        return io.StringIO(text, newline="\n").readlines()


def detect(head: bytes, encoding: str | None = None) -> TextFormat:
    """Find encoding and line end from a file's first bytes.

    Args:
        head: The first bytes of the file, some kilobytes.
        encoding: The encoding that the settings name; a byte order mark wins over it.

    Raises:
        FileError: The encoding is unknown or one that cannot be read line by line.
    """
    start = 0
    found = encoding or "utf-8"
    for mark, name in _BOMS:
        if head.startswith(mark):
            found, start = name, len(mark)
            break
    try:
        # The mark, where there is one, has been dealt with.
        found = codecs.lookup(found).name.replace("utf-8-sig", "utf-8")
        newline = "\n".encode(found)
    except (LookupError, UnicodeError) as error:
        raise FileError(
            "bad_encoding", f"the encoding '{found}' is unknown; use one that Python knows"
        ) from error
    if found in {"utf-16", "utf-32"}:
        raise FileError(
            "bad_encoding",
            f"{found} without a byte order mark: set the encoding to {found}-le or {found}-be",
        )
    if len(newline) == 1 and b"\r" in head and b"\n" not in head:
        newline = b"\r"
    return TextFormat(found, newline, start)


def sniff_delimiter(line: str) -> str:
    """Return the delimiter that splits a header line into the most names."""
    best, most = ",", 1
    for delimiter in DELIMITERS:
        cells = split_line(line, delimiter)
        if cells is not None and len(cells) > most:
            best, most = delimiter, len(cells)
    return best


def split_line(line: str, delimiter: str) -> list[str] | None:
    """Split one physical line as CSV; None where its quotes do not close."""
    try:
        rows = list(csv.reader([line], delimiter=delimiter, strict=True))
    except csv.Error:
        return None
    return rows[0] if rows else []

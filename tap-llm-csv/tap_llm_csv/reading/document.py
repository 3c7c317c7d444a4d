"""A file that is one JSON document over several lines: a single row."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Any

import msgspec
from typing_extensions import override

from tap_llm_csv.reading.reader import MAX_OBJECT_BYTES, Batch, Broken, Reader, Row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_llm_csv.reading.text_format import TextFormat


def is_document(first: str, second: str | None) -> bool:
    """Tell by its first two lines whether a file is one JSON value, and not one a line."""
    first, second = first.strip(), (second or "").strip()
    if first == "[":
        return True
    return first.startswith("{") and not first.endswith("}") and second[:1] in {'"', "}"}


def read_document(file: IO[bytes], text: TextFormat) -> tuple[bytes, Any]:
    """Return a document's bytes and what they say; in its place a `Broken` that says why not."""
    data = file.read(MAX_OBJECT_BYTES + 1)
    if len(data) > MAX_OBJECT_BYTES:
        size = f"{MAX_OBJECT_BYTES:,} bytes"
        return data, Broken("field_too_large", f"the document is longer than {size}")
    try:
        return data, msgspec.json.decode(data.decode(text.encoding))
    except UnicodeDecodeError:
        return data, Broken("invalid_utf8", f"the document is not {text.encoding}")
    except (msgspec.DecodeError, RecursionError) as error:
        return data, Broken("bad_json", f"the document is no JSON: {error}")


class DocumentReader(Reader):
    """Hands out the document as the one row that it is."""

    def __init__(self, stream: IO[bytes], text: TextFormat, *, offset: int, line: int) -> None:
        """Prepare to read; nothing is read yet.

        Args:
            stream: The file, open in binary mode at `offset`.
            text: How its bytes become text.
            offset: Where the document begins.
            line: How many lines come before.
        """
        super().__init__(stream, text, delimiter="", offset=offset, line=line, final=True)
        self._document = stream

    @override
    def batches(self) -> Iterator[Batch]:
        data, value = read_document(self._document, self._text)
        if not data.strip():
            return
        row: Row = value if isinstance(value, Broken) else [data.decode(self._text.encoding)]
        lines = len(self._text.split(data))
        batch = Batch([row], self.offset, self.line, data, self._text, [lines])
        self._advance(batch)
        yield batch

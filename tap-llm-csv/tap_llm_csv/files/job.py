"""One file of a run: where it is, what it says of itself, and the bookmark that holds for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tap_llm_csv.errors import FileError
    from tap_llm_csv.files.bookmark import Bookmark
    from tap_llm_csv.plans.plan import RowPlan
    from tap_llm_csv.reading.text_format import TextFormat
    from tap_llm_csv.settings import SourceSpec


@dataclass(slots=True)
class Header:
    """A file's first line: what it says and where it is; of NDJSON only where rows begin."""

    text: TextFormat
    delimiter: str
    cells: tuple[str, ...]
    span: tuple[int, int]
    lines: int
    # What follows it, as far as the first look went.
    after: bytes = b""
    # The file is one JSON document over several lines.
    is_document: bool = False


@dataclass(slots=True)
class Job:
    """One file to look at in this run."""

    path: str
    spec: SourceSpec
    packed: tuple[int, str] | None
    size: int
    # Nobody has written to it for a while: its last line is complete.
    is_idle: bool = False
    header: Header | None = None
    plan: RowPlan | None = None
    file_id: str | None = None
    bookmark: Bookmark | None = None
    stored: tuple[int, int, str] | None = None
    # Found beside a configured path, where it was rotated to.
    is_rotated: bool = False
    first: str | None = None
    error: FileError | None = None
    generation: int = 1
    # Files are read in this order, which is one of time.
    order: str = ""

    @property
    def compressed(self) -> bool:
        """Whether the file is stored compressed, and so complete."""
        return self.packed is not None

    @property
    def is_unchanged(self) -> bool:
        """Nothing was added since the bookmark was made."""
        bookmark = self.bookmark
        if bookmark is None:
            return False
        if bookmark.stored is not None:
            return bookmark.stored == self.stored
        if self.compressed:
            return bookmark.packed == self.packed
        return bookmark.offset == self.size

    @property
    def is_final(self) -> bool:
        """Nobody writes to the file any more."""
        return self.compressed or self.stored is not None or self.is_idle

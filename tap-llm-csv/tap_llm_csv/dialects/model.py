"""What a dialect is: data about one export format, and the little code that its cells need."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from tap_llm_csv.records.cells import RowReject

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Mapping

__all__ = ["Column", "Derived", "Dialect", "HeaderError", "PlanOptions", "RowReject", "plain_name"]

Kind = Literal[
    "text", "free_text", "integer", "number", "milliseconds", "seconds", "money", "boolean", "time",
    "time_utc", "json",
]  # fmt: skip
Key = Literal["identity", "id", "grain", "given", "event"]


class HeaderError(Exception):
    """A file's first line fits no dialect, or not well enough to read the file by it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True)
class PlanOptions:
    """The settings of one file, as far as its rows are concerned."""

    dialect: str = "auto"
    stream: str | None = None
    timezone: str = "UTC"
    time_format: str | None = None
    column_map: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, Any] = field(default_factory=dict)
    pricing: str = "estimate"
    model_aliases: Mapping[str, str] = field(default_factory=dict)
    price_overrides: Mapping[str, Any] = field(default_factory=dict)
    cache_inside: bool | None = None
    secrets: str = "drop"

    @property
    def paths(self) -> tuple[str, ...]:
        """The places inside JSON objects that the column map names."""
        return tuple(name for name in self.column_map.values() if "." in name or "[" in name)

    redact: Mapping[str, str] = field(default_factory=dict)
    redact_key: str | None = None


@dataclass(frozen=True)
class Column:
    """A column of the export and where its cells go.

    Attributes:
        target: The record's property. `dimensions.x` and `extra.x` go inside those objects; a
            name with a leading underscore is only there for `Derived` to use.
        headers: The names that generations of the export gave it; the first one present counts.
        kind: What its cells hold, see `records.cells`.
        required: A header without it is refused.
        filled: A row where it is empty is refused.
        tail: A second column whose cell follows after a blank: a time of day after its date.
    """

    target: str
    headers: tuple[str, ...]
    kind: Kind = "text"
    required: bool = False
    filled: bool = False
    tail: str | None = None

    def header_in(self, names: Container[str]) -> str | None:
        """The name that counts among those of a file."""
        return next((header for header in self.headers if header in names), None)


@dataclass(frozen=True)
class Derived:
    """A property computed from others (by their targets; None where the file has none)."""

    target: str
    function: Callable[..., Any]
    inputs: tuple[str, ...]


@dataclass(frozen=True)
class Dialect:
    """One format.

    Attributes:
        anchors: Sets of header names; a header that contains one of them is this dialect's.
        ignored: Columns that never leave the file (contents, addresses).
        input_excludes_cache: The input column leaves out tokens read from or written to a cache.
        identity: More properties that tell calls apart, besides the ones every call has.
        row_id: The property with the provider's own id, where `key` is `id`.
        appended: A writer adds lines to the file; otherwise it is an export, read as a whole.
        never_quotes: The writer puts its last column down as it is.
        repeats: Rows of equal identity are as many calls, not one told twice.
        spare: More columns of the export, which are known to be of no use here.
        keeps_cost: Money stays as the file has it.
        hint: What to say to someone whose file almost fits.
        beside: Other streams that its lines also feed.
    """

    name: str
    stream: str
    anchors: tuple[frozenset[str], ...]
    columns: tuple[Column, ...]
    derived: tuple[Derived, ...] = ()
    provider: str | None = None
    key: Key = "identity"
    identity: tuple[str, ...] = ()
    row_id: str | None = None
    ignored: frozenset[str] = frozenset()
    spare: frozenset[str] = frozenset()
    nulls: frozenset[str] = frozenset()
    thousands: str = ""
    input_excludes_cache: bool = False
    appended: bool = False
    never_quotes: bool = False
    repeats: bool = True
    keeps_cost: bool = False
    hint: str = ""
    beside: tuple[str, ...] = ()

    def required_headers(self) -> list[tuple[str, ...]]:
        """The header names of each required column."""
        return [column.headers for column in self.columns if column.required]


_BLANKS = re.compile(r"\s+")


def plain_name(header: str) -> str:
    """A header's name as it is compared: no BOM, quotes or outer blanks, no letter case."""
    return _BLANKS.sub(" ", header.lstrip("\ufeff").strip().strip('"').strip()).casefold()

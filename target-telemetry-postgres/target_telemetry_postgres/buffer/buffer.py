"""Rows that wait for the next flush: the last record of a key wins, before anything is sent.

A row is a list of column values followed by the number of the input line it came from. A column
that its record did not mention holds UNSET: absent is not null, and leaves the table's value.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from target_telemetry_postgres.buffer.packed_rows import Pack
from target_telemetry_postgres.rows.values import (
    UNSET,
    RejectedValue,
    Row,
    time_of_day,
    to_naive_timestamp,
)
from target_telemetry_postgres.schema.pg_types import (
    BOOLEAN,
    DATE,
    INTEGER_RANGES,
    NUMERIC,
    TEXT,
    TIME,
    TIMESTAMPTZ,
    UUID,
    base_type,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from target_telemetry_postgres.buffer.destination import Destination, TableColumns
    from target_telemetry_postgres.rows.block_decoder import TextRows
    from target_telemetry_postgres.rows.copy_text import CopyText
    from target_telemetry_postgres.rows.rejection import Rejection

Key = Any

#: A fraction of a second finer than Postgres keeps it.
_FINE: Final = re.compile(r"\.\d{6}\d*[1-9]", re.ASCII)
#: Types whose values, as converted, are equal exactly when Postgres says so.
_EQUAL_AS_SENT: Final = frozenset({*INTEGER_RANGES, NUMERIC, TEXT, BOOLEAN, DATE, UUID})
#: And those that are also in order when Postgres says so, text by the order of its bytes.
_COMPARED_AS_SENT: Final = _EQUAL_AS_SENT - {NUMERIC}


@dataclass(slots=True)
class Part:
    """What one flush does for one stream."""

    destination: Destination
    rows: list[Row]
    deleted: list[Row] = field(default_factory=list)
    read: int = 0
    expired: int = 0
    rejected: int = 0
    #: By the identity of a row, the records of its key that it was made of, in order: should the
    #: server refuse the row, only those go that it refuses.
    sources: dict[int, list[Row]] = field(default_factory=dict)
    absent: bool = False
    null_keys: bool = False
    #: The columns that no row mentions, if these are all that any row leaves out.
    unmentioned: frozenset[str] = frozenset()
    #: The rows in another form, instead of `rows`.
    pack: Pack | None = None
    #: What COPY takes for all rows, where it could be made beforehand.
    text: CopyText | None = None

    def listed(self) -> list[Row]:
        """The rows as lists, whatever form they have."""
        return self.rows if self.pack is None else self.pack.last_rows()


@dataclass(slots=True)
class Batch:
    """One flush: rows of any number of streams, and the newest state that they complete.

    Attributes:
        first_rejection_ends: Whether one refused row ends the run, so that no other is looked for.
    """

    parts: list[Part]
    rejections: list[Rejection]
    state: bytes | None = None
    first_rejection_ends: bool = False


class Buffer:
    """Collects the rows of one stream.

    With `keep_sources` it remembers what a row was made of.
    """

    def __init__(self, destination: Destination, *, keep_sources: bool = False) -> None:
        self.destination = destination
        self._keep_sources = keep_sources
        self._sources: dict[int, list[Row]] = {}
        self.read = 0
        self.expired = 0
        self.rejected = 0
        table = destination.table
        keyed = destination.mode == "upsert"
        self._key_at = [list(table.columns).index(name) for name in table.key] if keyed else []
        self._key_of = _key_function(table, self._key_at) if keyed else None
        self._list: list[Row] = []
        self._by_key: dict[Key, Row] = {}
        self._deleted: dict[Key, Row] = {}
        self._pack: Pack | None = None
        self._absent = False
        types = {base_type(table.columns[name]) for name in table.key} if keyed else set()
        self._packs = bool(table.columns) and types <= _COMPARED_AS_SENT

    def takes_packed(self, missing: tuple[int, ...]) -> bool:
        """Whether rows without these properties may come packed, after those that wait."""
        if self._pack is not None:
            return self._pack.missing == missing
        return self._packs and not (self._list or self._by_key or self._deleted)

    def pack(self, rows: TextRows, numbers: Sequence[int]) -> None:
        """Rows as text, and the input lines they came from."""
        if self._pack is None:
            self._pack = Pack(rows.missing)
        self._pack.add(rows.lines, rows.keys if self._key_of is not None else None, numbers)
        self.read += len(numbers)

    def _unpack(self) -> None:
        """Go on with lists."""
        if self._pack is not None:
            rows, self._pack = self._pack.rows(), None
            for row in rows:
                self.add(row)

    def __len__(self) -> int:
        return len(self._list) + len(self._by_key) + len(self._deleted)

    def add(self, row: Row) -> None:
        """A row to write; of several with one key the last wins, column by column."""
        self._unpack()
        if self._key_of is None:
            self._list.append([None if value is UNSET else value for value in row])
            return
        key = self._key_of(row)
        before, made = self._by_key.get(key), row
        if UNSET in row:
            self._absent = True
            if before is not None:
                made = completed(row, before)
            elif key in self._deleted:
                made = [None if value is UNSET else value for value in row]
        self._deleted.pop(key, None)
        if self._keep_sources and before is not None:
            self._sources[id(made)] = [*self._sources.pop(id(before), [before]), row]
        self._by_key[key] = made

    def delete(self, row: Row) -> None:
        """A row whose key is to go."""
        if self._key_of is None:
            return
        self._unpack()
        key = self._key_of(row)
        self._sources.pop(id(self._by_key.pop(key, None)), None)
        self._deleted[key] = row

    def take(self) -> Part | None:
        """Everything collected so far; the buffer starts again empty."""
        if not (self.read or len(self) or self.rejected or self.expired):
            return None
        if self._pack is not None and self._keep_sources and self._pack.repeats:
            self._unpack()
        rows = self._list if self._key_of is None else list(self._by_key.values())
        deleted = list(self._deleted.values())
        part = Part(
            self.destination,
            rows,
            deleted,
            read=self.read,
            expired=self.expired,
            rejected=self.rejected,
            sources=self._sources,
            absent=self._absent
            and any(UNSET in row for row in (*rows, *chain.from_iterable(self._sources.values()))),
            null_keys=any(row[at] is None for at in self._key_at for row in (*rows, *deleted)),
            pack=self._pack,
        )
        if self._pack is not None:
            columns = list(self.destination.table.columns)
            part.unmentioned = frozenset(columns[at] for at in self._pack.missing)
        self._pack = None
        self._list, self._by_key, self._deleted, self._sources = [], {}, {}, {}
        self.read = self.expired = self.rejected = 0
        self._absent = False
        return part


def completed(row: Row, before: Row) -> Row:
    """A row with what an earlier one of its key says of the columns that it does not mention."""
    return [old if new is UNSET else new for old, new in zip(before, row, strict=True)]


def _key_function(table: TableColumns, at: Sequence[int]) -> Callable[[Row], Key]:
    """A function from a row to something equal exactly when the keys are."""
    types = [base_type(table.columns[name]) for name in table.key]
    if all(pg_type in _EQUAL_AS_SENT for pg_type in types):
        if len(at) == 1:
            (only,) = at
            return lambda row: row[only]
        return lambda row: tuple([row[index] for index in at])
    return lambda row: tuple(
        [_canonical(row[index], pg_type) for index, pg_type in zip(at, types, strict=True)]
    )


def _canonical(value: Any, pg_type: str) -> Any:
    if value is None:
        return None
    if pg_type == TIMESTAMPTZ and not _FINE.search(value):
        # Finer times Postgres rounds.
        try:
            return to_naive_timestamp(value)
        except RejectedValue:
            # Postgres knows more times than Python (24:00, a leap second), and judges the others.
            return value
    if pg_type == TIME:
        return time_of_day(value)
    if pg_type == "jsonb":
        return json.dumps(json.loads(value, parse_float=Decimal), sort_keys=True, default=repr)
    return value

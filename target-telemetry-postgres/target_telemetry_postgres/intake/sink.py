"""One stream on its way into one table: its plan, its buffer, and what is kept beside a record."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Final

from target_telemetry_postgres.buffer.buffer import Buffer, Part
from target_telemetry_postgres.buffer.destination import Destination, Mode, TableColumns
from target_telemetry_postgres.rows import unstorable
from target_telemetry_postgres.rows.block_decoder import TextRows, joined
from target_telemetry_postgres.rows.plan import Field, Plan
from target_telemetry_postgres.rows.values import UNSET, RejectedValue, Row, to_naive_timestamp
from target_telemetry_postgres.schema.pg_types import JSONB, fitted_column
from target_telemetry_postgres.schema.sdc_columns import (
    DELETED_AT,
    INCIDENTAL,
    TABLE_VERSION,
)

if TYPE_CHECKING:
    import logging
    from collections.abc import Iterable, Sequence

    import msgspec

    from target_telemetry_postgres.intake.lines import Envelope
    from target_telemetry_postgres.schema.definition import (
        Definition,
        Options,
    )
    from target_telemetry_postgres.tables.catalog import Table


#: No offset from UTC is longer.
_ANY_OFFSET: Final = timedelta(days=2)


def mode_of(options: Options, definition: Definition, table: Table, key: Sequence[str]) -> Mode:
    """How rows reach the table."""
    if options.load_method == "append-only":
        return "insert-new" if definition.key and table.has_key(key) else "append"
    return "upsert" if definition.key else "append"


@dataclass(frozen=True, slots=True)
class Expiry:
    """When a stream's rows are too old to be stored.

    Attributes:
        at: The place of the time in a row.
        property: What the tap calls it.
        cutoff: The instant.
        safe_day: From this day on no time has expired, whatever its offset.
    """

    at: int
    property: str
    cutoff: str
    safe_day: str

    def has_come(self, value: Any) -> bool:
        """Whether a row of this time is too old."""
        if not isinstance(value, str):
            return False
        try:
            return to_naive_timestamp(value) < self.cutoff
        except RejectedValue:
            # Beyond what Python counts: with an offset, the first hours of time are before it.
            return value.lstrip().startswith("0001")


class Sink:
    """Takes the records of one stream, and holds its rows until the next flush."""

    def __init__(
        self,
        definition: Definition,
        table: Table,
        options: Options,
        *,
        shadow: Table | None = None,
        sync_started_at: int,
        logger: logging.Logger,
    ) -> None:
        wanted = definition.wanted()
        self.definition = definition
        self.table = table
        into = shadow or table
        originals = {name.name: name.original for name in wanted.names.values()}
        types = {name: into.columns[name].pg_type for name in wanted.columns}
        self.destination = Destination(
            stream=definition.stream,
            table_name=into.name,
            table=TableColumns(
                into.identifier,
                types,
                wanted.key,
                INCIDENTAL & types.keys(),
                frozenset(name for name in types if into.columns[name].not_null),
            ),
            mode=mode_of(options, definition, into, wanted.key),
            originals=originals,
            partitioned=into.kind != "r",
            takes_copies=into.takes_copies,
        )
        self.buffer = Buffer(self.destination, keep_sources=options.quarantine)
        self.plan = Plan(
            definition.stream,
            definition.schema,
            definition.key,
            [
                Field(
                    name,
                    fitted_column(name).name,
                    types[fitted_column(name).name],
                    schema,
                    into.columns[fitted_column(name).name].not_null,
                )
                for name, schema in definition.properties.items()
            ],
            validate=options.validate_records,
            logger=logger,
        )
        self._has_json = JSONB in types.values()
        self._metadata = Metadata(sync_started_at) if len(definition.appended) > 1 else None
        self._versioned = TABLE_VERSION in definition.appended
        self._deletes = options.hard_delete and bool(definition.key)
        names = list(definition.properties)
        self._deleted_at = names.index(DELETED_AT) if definition.reads_deletion else None
        self._expiry: Expiry | None = None
        deletes = self._deletes and self._deleted_at is not None
        self._bare = not definition.appended and not deletes
        #: Columns that get something else than null, or an error, where nothing is given.
        self._filled = frozenset(
            at
            for at, name in enumerate(types)
            if into.columns[name].not_null or into.columns[name].has_default
        )

    def expire_before(self, column: str, instant: datetime) -> None:
        """Count rows older than this as expired instead of storing them."""
        columns = list(self.destination.table.columns)
        if column in columns:
            utc = instant.astimezone(timezone.utc).replace(tzinfo=None)
            self._expiry = Expiry(
                columns.index(column),
                self.destination.originals[column],
                utc.isoformat(),
                (utc + _ANY_OFFSET).date().isoformat(),
            )

    def take(self) -> Part | None:
        """Everything buffered; what comes from here on belongs to another batch."""
        if self._metadata is not None:
            self._metadata.new_batch()
        return self.buffer.take()

    def decode(self, records: Sequence[msgspec.Raw]) -> TextRows | list[Row | None]:
        """Neighbouring records as rows, as text where that can be; nothing is buffered yet."""
        whole = joined(records)
        if self._bare and not self._is_suspect(whole):
            texts = self._text_rows(records[0], whole)
            if texts is not None:
                return texts
        return self.decode_lists(records)

    def decode_lists(self, records: Sequence[msgspec.Raw]) -> list[Row | None]:
        """The records as lists; None stands for one that has to take the careful way."""
        rows = self.plan.block.lists(records)
        if self._is_suspect(joined(records)):
            for number, record in enumerate(records):
                if self._is_suspect(bytes(record)):
                    rows[number] = None
        return rows

    def _is_suspect(self, text: bytes) -> bool:
        # Python looks for one byte a hundred times faster than for two.
        return b"\\" in text and unstorable.suspect(text, json=self._has_json)

    def _text_rows(self, first: msgspec.Raw, whole: bytes) -> TextRows | None:
        decoder = self.plan.block.texts(first)
        if (
            decoder is None
            or self._filled.intersection(decoder.missing)
            or not self.buffer.takes_packed(decoder.missing)
        ):
            return None
        records = decoder.decode(whole)
        if records is None:
            return None
        if self._expiry is not None:
            values = decoder.column(records, self._expiry.property)
            times = [value for value in values if isinstance(value, str)]
            if times and min(times) < self._expiry.safe_day:
                return None
        return decoder.rows(records)

    def take_rows(
        self,
        rows: TextRows | list[Row | None],
        envelopes: Iterable[Envelope],
        numbers: Sequence[int],
    ) -> None:
        """Buffer what `decode` made of these lines, if it made something of all."""
        if isinstance(rows, TextRows):
            self.buffer.pack(rows, numbers)
            return
        for row, one, number in zip(rows, envelopes, numbers, strict=True):
            if row is not None:
                self.accept(row, one.version, one.time_extracted, number)

    def accept(self, row: Row, version: int | None, extracted_at: Any, line: int) -> None:
        """Buffer a row, with what is kept beside it."""
        self.buffer.read += 1
        deleted_at = None
        if self._deleted_at is not None:
            deleted_at = row[self._deleted_at]
            if deleted_at is UNSET:
                deleted_at = None
                if self._versioned:
                    row[self._deleted_at] = None
        if self._metadata is not None:
            row += self._metadata.values(version, extracted_at)
        elif self._versioned:
            row.append(version)
        row.append(line)
        if self._expiry is not None and self._expiry.has_come(row[self._expiry.at]):
            self.buffer.expired += 1
        elif deleted_at is not None and self._deletes:
            self.buffer.delete(row)
        else:
            self.buffer.add(row)


class Metadata:
    """The `_sdc_*` values that a target adds to a record."""

    def __init__(self, sync_started_at: int) -> None:
        self._sync_started_at = sync_started_at
        self._batched_at = _now()

    def values(self, version: int | None, extracted_at: Any) -> Row:
        """What to store beside the record, in the order of `METADATA` without the deletion."""
        return [
            extracted_at,
            _now(),
            self._batched_at,
            round(time.time() * 1000),
            version,
            self._sync_started_at,
        ]

    def new_batch(self) -> None:
        """Records from here on belong to another batch."""
        self._batched_at = _now()


def _now() -> str:
    return datetime.now(tz=timezone.utc).isoformat()

"""One stream on its way into one table: its plan, its buffer, and what is kept beside a record."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Final

from target_telemetry_postgres.buffer.buffer import Buffer, Part
from target_telemetry_postgres.buffer.destination import Destination, Mode, Shape
from target_telemetry_postgres.rows.fast_fields import NotPlain
from target_telemetry_postgres.rows.plan import UNSET, Field, Plan, Row
from target_telemetry_postgres.rows.values import Misfit, to_naive_timestamp
from target_telemetry_postgres.schema.pg_types import JSONB, fitted
from target_telemetry_postgres.schema.sdc_columns import (
    DELETED_AT,
    INCIDENTAL,
    TABLE_VERSION,
)

if TYPE_CHECKING:
    import logging
    from collections.abc import Sequence

    import msgspec

    from target_telemetry_postgres.rows.block_decoder import BlockDecoder
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
        except Misfit:
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
            table=into.name,
            shape=Shape(
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
        self.buffer = Buffer(self.destination, keep_replaced=options.quarantine)
        self.plan = Plan(
            definition.stream,
            definition.schema,
            definition.key,
            [
                Field(
                    name,
                    fitted(name).name,
                    types[fitted(name).name],
                    schema,
                    into.columns[fitted(name).name].not_null,
                )
                for name, schema in definition.properties.items()
            ],
            validate=options.validate_records,
            logger=logger,
        )
        self.has_json = JSONB in types.values()
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

    def refuse_before(self, column: str, instant: datetime) -> None:
        """Count rows older than this as expired instead of storing them."""
        columns = list(self.destination.shape.columns)
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

    def decoder(self, record: msgspec.Raw) -> BlockDecoder | None:
        """What takes records like this at one stroke; None if they need more than that."""
        decoder = self.plan.blocks.decoder(record) if self._bare else None
        if decoder is None or not self.buffer.takes_packed(decoder.missing):
            return None
        return None if self._filled.intersection(decoder.missing) else decoder

    def accept_block(
        self, decoder: BlockDecoder, records: Sequence[Any], numbers: Sequence[int]
    ) -> None:
        """Buffer what was decoded at one stroke, and the numbers of its lines.

        Raises:
            NotPlain: If one of them needs a closer look; then none is buffered.
        """
        if not self.buffer.takes_packed(decoder.missing):
            raise NotPlain
        lines, keys = decoder.rows(records)
        if self._expiry is not None:
            values = decoder.column(records, self._expiry.property)
            times = [value for value in values if isinstance(value, str)]
            if times and min(times) < self._expiry.safe_day:
                raise NotPlain
        self.buffer.pack(lines, keys, numbers, decoder.missing)

    def accept_whole(self, row: Row, line: int) -> bool:
        """Buffer a row that has every property and needs nothing beside it; False if it does."""
        if self._expiry is not None or not self._bare:
            return False
        self.buffer.read += 1
        row.append(line)
        self.buffer.add_whole(row)
        return True

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

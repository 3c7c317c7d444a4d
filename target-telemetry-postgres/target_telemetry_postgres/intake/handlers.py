"""What comes in: SCHEMA, RECORD, BATCH and ACTIVATE_VERSION lines, each to its sink."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from singer_sdk.exceptions import RecordsWithoutSchemaException
from singer_sdk.mapper import RemoveRecordTransform, SameRecordTransform
from singer_sdk.singerlib.encoding import GenericSingerReader

from target_telemetry_postgres.errors import RecordError
from target_telemetry_postgres.intake import batch_files, lines
from target_telemetry_postgres.rows import unstorable
from target_telemetry_postgres.rows.block_decoder import State
from target_telemetry_postgres.rows.fast_fields import NotPlain
from target_telemetry_postgres.rows.plan import Refused
from target_telemetry_postgres.rows.rejection import Rejection
from target_telemetry_postgres.schema.definition import Definition, Options, define
from target_telemetry_postgres.schema.validation import expanded

if TYPE_CHECKING:
    import logging
    from collections.abc import Sequence

    from singer_sdk.mapper import PluginMapper

    from target_telemetry_postgres.buffer.buffer import Part
    from target_telemetry_postgres.intake.sink import Sink
    from target_telemetry_postgres.rows.block_decoder import BlockDecoder
    from target_telemetry_postgres.write.rejects import Rejects

#: How half a surrogate pair begins where it was written as if it were UTF-8.
_HALF_A_PAIR: Final = b"\xed"

requires: Final = GenericSingerReader.assert_line_requires


class Outlet(Protocol):
    """What the intake asks of the load."""

    def flush(self) -> None:
        """Hand over what is buffered."""

    def open_sink(self, definition: Definition) -> Sink:
        """Prepare a stream's table."""

    def activate(self, sink: Sink, version: int) -> None:
        """Retire the rows of earlier versions."""


@dataclass(slots=True)
class Source:
    """A stream as the tap names it, and the sinks that the stream maps make of it."""

    schema: dict[str, Any]
    key: Any
    maps: list[Any] = field(default_factory=list)
    #: The one sink that takes records just as they come; None if a map has to see them.
    fast: Sink | None = None


@dataclass(slots=True)
class Block:
    """Ordinary records of one stream, and STATEs between them."""

    sink: Sink
    decoder: BlockDecoder
    messages: list[Any]
    line_bytes: float


class Taken(NamedTuple):
    """What was taken of a block."""

    lines: int
    records: int
    states: list[bytes]


class Intake:
    """Turns messages into buffered rows, and knows how much is waiting."""

    def __init__(
        self,
        outlet: Outlet,
        mapper: PluginMapper,
        options: Options,
        rejects: Rejects,
        *,
        batch_rows: int,
        logger: logging.Logger,
    ) -> None:
        self._outlet = outlet
        self._mapper = mapper
        self._options = options
        self._rejects = rejects
        self._batch_rows = batch_rows
        self._logger = logger
        self._sources: dict[str, Source] = {}
        #: By the tap's stream and the stream it goes to: two may go to one, each by its own SCHEMA.
        self._sinks: dict[tuple[str, str], Sink] = {}
        #: Whose rows wait for the stream they go to; those of another come in a later transaction.
        self._turns: dict[str, str] = {}
        self._versioned: set[str] = set()
        self._warned_of_versions: set[str] = set()
        #: The version that each stream is in, and those that had batches before they had one.
        self._active: dict[str, int] = {}
        self._undated: set[str] = set()
        self.line = 0
        self.rows = 0
        self.bytes = 0
        self.oldest: float | None = None
        self.dropped_characters = 0

    def take(self) -> list[Part]:
        """Everything that is buffered; counting starts anew."""
        parts = [part for sink in self._sinks.values() if (part := sink.take())]
        self._turns.clear()
        self.rows = self.bytes = 0
        self.oldest = None
        return parts

    # --- RECORD ------------------------------------------------------------------------------

    def record(self, envelope: lines.Envelope, line: bytes) -> None:
        """A record as it comes, on the fast road if nothing speaks against it."""
        source = self._sources.get(envelope.stream)
        sink = source.fast if source is not None else None
        if sink is None or (b"\\u" in line and unstorable.suspect(line, json=sink.has_json)):
            self.careful_record(lines.decode(line), line)
            return
        if envelope.version is not None and self._options.versions:
            sink = self._with_versions(envelope.stream, sink.definition.stream)
        try:
            row = sink.plan.whole_row(envelope.record)
            if row is None or not sink.accept_whole(row, self.line):
                row = row or sink.plan.row(envelope.record)
                sink.accept(row, envelope.version, envelope.time_extracted, self.line)
        except NotPlain:
            self.careful_record(lines.decode(line), line)
            return
        self._count(len(line))

    def block(self, first: lines.Envelope, text: bytes) -> Block | None:
        """Lines to take at one stroke, of which the first holds a record.

        None if anything among them, or before them, keeps to the other roads.
        """
        source = self._sources.get(first.stream)
        sink = source.fast if source is not None else None
        decoder = sink.decoder(first.record) if sink is not None else None
        if sink is None or decoder is None:
            return None
        if b"\\u" in text and unstorable.suspect(text, json=sink.has_json):
            return None
        made = decoder.messages(text)
        return None if made is None else Block(sink, decoder, made, len(text) / len(made))

    def take_block(self, block: Block, start: int, most: int) -> Taken | None:
        """Buffer the next of a block's records; None if one is not ordinary after all."""
        some = block.messages[start : start + most]
        records = [one.record for one in some if one.__class__ is not State]
        numbers: Sequence[int] = range(self.line + 1, self.line + 1 + len(some))
        states: list[bytes] = []
        if len(records) < len(some):
            states = [bytes(one.value) for one in some if one.__class__ is State]
            if not all(map(lines.is_utf8, states)):
                return None
            numbered = zip(numbers, some, strict=True)
            numbers = [number for number, one in numbered if one.__class__ is not State]
        if records:
            try:
                block.sink.accept_block(block.decoder, records, numbers)
            except NotPlain:
                return None
            self._count(round(block.line_bytes * len(records)), len(records))
        self.line += len(some)
        return Taken(len(some), len(records), states)

    def careful_record(self, message: dict[str, Any], line: bytes) -> None:
        """The SDK's ordinary road: stream maps, its validation, value by value."""
        requires(message, {"stream", "record"})
        record = message["record"]
        if b"\\u" in line or _HALF_A_PAIR in line:
            record, dropped = unstorable.scrub(record)
            self.dropped_characters += dropped
        self._careful(
            message["stream"], record, message.get("version"), message.get("time_extracted")
        )
        self._count(len(line))

    def _careful(self, stream: str, record: Any, version: Any, extracted_at: Any) -> None:
        for stream_map in self._source(stream, "record").maps:
            alias = stream_map.stream_alias
            if not isinstance(record, dict):
                reason = "the record is not an object"
                self._reject(self._sinks[stream, alias], Rejection(alias, reason, record))
                continue
            transformed = stream_map.transform(dict(record))
            if transformed is None:
                continue
            if self._turns.setdefault(alias, stream) != stream:
                self._outlet.flush()
                self._turns[alias] = stream
            sink = self._sinks[stream, alias]
            if version is not None and self._options.versions:
                sink = self._with_versions(stream, alias)
            try:
                row = sink.plan.careful_row(transformed)
            except Refused as refused:
                self._reject(sink, refused.rejection)
            else:
                sink.accept(row, version, extracted_at, self.line)

    def _reject(self, sink: Sink, rejection: Rejection) -> None:
        sink.buffer.read += 1
        sink.buffer.rejected += 1
        self._rejects.take(rejection, self.line)

    def batch(self, message: dict[str, Any]) -> None:
        """Records in files; they are not checked less for that."""
        requires(message, {"stream", "encoding", "manifest"})
        stream = message["stream"]
        version = self._active.get(stream)
        if version is None:
            self._undated.add(stream)
        for text in batch_files.records(message["encoding"], message["manifest"]):
            record = lines.decode(text) if isinstance(text, bytes) else text
            record, dropped = unstorable.scrub(record)
            self.dropped_characters += dropped
            self._careful(stream, record, version, None)
            self._count(len(text))
            if self.rows >= self._batch_rows:
                self._outlet.flush()

    def _count(self, size: int, rows: int = 1) -> None:
        self.rows += rows
        self.bytes += size
        if self.oldest is None:
            self.oldest = time.monotonic()

    def _source(self, stream: str, what: str) -> Source:
        source = self._sources.get(stream)
        if source is None:
            raise RecordsWithoutSchemaException(
                f"A {what} for stream '{stream}' was encountered before a "
                "corresponding schema. Check that the Tap correctly implements "
                "the Singer spec."
            )
        return source

    # --- SCHEMA ------------------------------------------------------------------------------

    def schema(self, message: dict[str, Any]) -> None:
        """A stream's definition; one that says nothing new is ignored."""
        requires(message, {"stream", "schema"})
        requires(message["schema"], {"properties"})
        stream, schema, key = message["stream"], message["schema"], message.get("key_properties")
        if not isinstance(schema["properties"], dict):
            raise RecordError(
                f"Line {self.line:,}: the properties in the SCHEMA of stream '{stream}' are not an "
                "object; correct the tap's catalog."
            )
        known = self._sources.get(stream)
        if known is not None and known.schema == schema and known.key == key:
            return
        self._outlet.flush()
        self._mapper.register_raw_stream_schema(stream, expanded(schema), key)
        source = Source(schema, key)
        for stream_map in self._mapper.stream_maps[stream]:
            if not isinstance(stream_map, RemoveRecordTransform):
                source.maps.append(stream_map)
        self._sources.pop(stream, None)
        self._sources[stream] = source
        for alias in dict.fromkeys(stream_map.stream_alias for stream_map in source.maps):
            self._open_sinks(alias)

    def _open_sinks(self, alias: str) -> None:
        """Prepare the table for all that goes there; first for the newest, which may change it."""
        feeding = [
            (stream, stream_map)
            for stream, source in reversed(self._sources.items())
            for stream_map in source.maps
            if stream_map.stream_alias == alias
        ]
        for stream, stream_map in feeding:
            definition = define(
                alias,
                stream_map.transformed_schema,
                stream_map.transformed_key_properties,
                self._options,
                versioned=alias in self._versioned,
            )
            self._sinks[stream, alias] = self._outlet.open_sink(definition)
        for stream, _ in feeding:
            self._choose_road(stream, alone=len(feeding) == 1)

    def _choose_road(self, stream: str, *, alone: bool) -> None:
        source = self._sources[stream]
        source.fast = None
        if len(source.maps) != 1 or not alone:
            return
        (stream_map,) = source.maps
        if type(stream_map) is SameRecordTransform and not stream_map.flattening_enabled:
            source.fast = self._sinks[stream, stream_map.stream_alias]

    # --- ACTIVATE_VERSION --------------------------------------------------------------------

    def activate_version(self, message: dict[str, Any]) -> None:
        """The stream is complete in this version: rows of earlier ones are gone at the source."""
        requires(message, {"stream", "version"})
        stream, version = message["stream"], int(message["version"])
        if stream in self._undated:
            # Batch files name no version: to go by it would delete what they have just brought.
            self._logger.warning(
                "Stream '%s': its BATCH messages came before any version, so rows of earlier "
                "versions are kept.",
                stream,
            )
            return
        self._active[stream] = version
        for stream_map in self._source(stream, "version").maps:
            alias = stream_map.stream_alias
            if not self._options.versions:
                self._ignore_versions(alias)
                continue
            sink = self._with_versions(stream, alias)
            self._outlet.flush()
            self._outlet.activate(sink, version)

    def _ignore_versions(self, alias: str) -> None:
        if alias not in self._warned_of_versions:
            self._warned_of_versions.add(alias)
            self._logger.warning(
                "`ACTIVATE_VERSION` messages are not enabled for '%s'. Ignoring.", alias
            )

    def _with_versions(self, stream: str, alias: str) -> Sink:
        """The sink, with the columns that ACTIVATE_VERSION needs from the first version on."""
        if alias not in self._versioned:
            self._versioned.add(alias)
            self._outlet.flush()
            self._open_sinks(alias)
        return self._sinks[stream, alias]

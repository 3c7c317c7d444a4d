"""What comes in: SCHEMA, RECORD, BATCH and ACTIVATE_VERSION lines, each to its sink."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from singer_sdk.exceptions import RecordsWithoutSchemaException
from singer_sdk.mapper import RemoveRecordTransform, SameRecordTransform
from singer_sdk.singerlib.encoding import GenericSingerReader

from target_telemetry_postgres.errors import RecordError
from target_telemetry_postgres.intake import batch_files, lines
from target_telemetry_postgres.rows import depth, unstorable
from target_telemetry_postgres.rows.block_decoder import TextRows
from target_telemetry_postgres.rows.plan import Rejected
from target_telemetry_postgres.rows.rejection import Rejection
from target_telemetry_postgres.schema.definition import define
from target_telemetry_postgres.schema.drafts import translated
from target_telemetry_postgres.schema.validation import expanded
from target_telemetry_postgres.write.lineages import line_of

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Sequence

    from singer_sdk.mapper import PluginMapper

    from target_telemetry_postgres.intake.sink import Sink
    from target_telemetry_postgres.intake.waiting import Waiting
    from target_telemetry_postgres.rows.values import Row
    from target_telemetry_postgres.schema.definition import Definition, Options
    from target_telemetry_postgres.write.opening import Opened, Opening
    from target_telemetry_postgres.write.rejects import Rejects

#: How half a surrogate pair begins where it was written as if it were UTF-8.
_HALF_A_PAIR: Final = b"\xed"

requires: Final = GenericSingerReader.assert_line_requires


@dataclass(slots=True)
class Source:
    """A stream as the tap names it, and the maps that make other streams of it."""

    schema: dict[str, Any]
    key: Any
    maps: list[Any] = field(default_factory=list)


class Block(NamedTuple):
    """What was taken at one stroke.

    Attributes:
        end: Where it ended.
        states: How many of its lines were states.
    """

    end: int
    states: int


class Handlers:
    """Turns messages into waiting rows.

    Attributes:
        fast: By the tap's stream the sink that takes its records just as they come; no map has to
            see them.
        line: How many lines there were.
        dropped_characters: How many there were that cannot be stored.
    """

    def __init__(
        self,
        opening: Opening,
        waiting: Waiting,
        mapper: PluginMapper,
        options: Options,
        rejects: Rejects,
        *,
        make_sink: Callable[[Definition, Opened], Sink],
        logger: logging.Logger,
    ) -> None:
        self._opening = opening
        self._waiting = waiting
        self._mapper = mapper
        self._options = options
        self._rejects = rejects
        self._make_sink = make_sink
        self._logger = logger
        self._sources: dict[str, Source] = {}
        self._has_begun = False
        self._versioned: set[str] = set()
        self._warned_of_versions: set[str] = set()
        #: The version that each stream is in, and those that had batches before they had one.
        self._active: dict[str, int] = {}
        self._undated: set[str] = set()
        self.fast: dict[str, Sink] = {}
        self.line = 0
        self.dropped_characters = 0

    # --- STATE -------------------------------------------------------------------------------

    def state(self, value: bytes | None) -> None:
        """The newest state; an empty one would have the runner forget the one it has."""
        if value is None or not value.strip(b"{} \t"):
            return
        beginning = None if self._has_begun else line_of(value)
        self._has_begun = True
        if beginning:
            # What the tap begins from: the runner has it already.
            self._opening.begin_from(beginning)
        else:
            self._waiting.state = value

    # --- RECORD ------------------------------------------------------------------------------

    def block(self, messages: lines.Messages, start: int) -> Block:
        """Take the lines from here that can be a block, each stream's at one stroke.

        A block ends with the batch, or before a line that is neither a state nor a record of a
        stream in `fast`.
        """
        envelopes = messages.envelopes
        most = min(len(envelopes), start + self._waiting.room)
        groups: dict[str, list[int]] = {}
        states: list[bytes] = []
        end = most
        for at in range(start, most):
            one = envelopes[at]
            group = groups.get(one.stream)
            if group is None or one.type != "RECORD" or one.version is not None:
                if not self._takes(one):
                    end = at
                    break
                if one.type == "STATE":
                    states.append(bytes(one.value))
                    continue
                group = groups.setdefault(one.stream, [])
            group.append(at)
        decoded = {
            stream: self.fast[stream].decode([envelopes[at].record for at in group])
            for stream, group in groups.items()
        }
        if any(isinstance(rows, list) and None in rows for rows in decoded.values()):
            lists = {
                stream: self.fast[stream].decode_lists([envelopes[at].record for at in group])
                if isinstance(rows := decoded[stream], TextRows)
                else rows
                for stream, group in groups.items()
            }
            self._one_by_one(messages, start, end, lists)
            return Block(end, len(states))
        first = self.line + 1 - start
        for stream, group in groups.items():
            numbers: Sequence[int] = range(first + start, first + end)
            if len(group) < end - start:
                numbers = [first + at for at in group]
            self.fast[stream].take_rows(decoded[stream], map(envelopes.__getitem__, group), numbers)
        if groups:
            self._waiting.count(messages.size(start, end), end - start - len(states))
        for state in states:
            self.state(lines.unless_null(state))
        self.line += end - start
        return Block(end, len(states))

    def _takes(self, one: lines.Envelope) -> bool:
        """Whether a line can be one of a block."""
        if one.type == "RECORD":
            sink = self.fast.get(one.stream)
            return sink is not None and (
                one.version is None
                or not self._options.versions
                or sink.definition.stream in self._versioned
            )
        return one.type == "STATE" and len(one.value) > 0 and lines.is_utf8(bytes(one.value))

    def _one_by_one(
        self, messages: lines.Messages, start: int, end: int, rows: dict[str, list[Row | None]]
    ) -> None:
        """A block in the order of its lines: it has records for the careful way."""
        rest = {stream: iter(some) for stream, some in rows.items()}
        for at in range(start, end):
            self.line += 1
            one = messages.envelopes[at]
            if one.type == "STATE":
                self.state(lines.unless_null(bytes(one.value)))
            elif (row := next(rest[one.stream])) is None:
                line = messages.line(at)
                message, whole = lines.whole_or_shallow(line)
                self.record(message, line, whole=whole)
            else:
                self.fast[one.stream].accept(row, one.version, one.time_extracted, self.line)
                self._waiting.count(messages.size(at, at + 1))

    def record(self, message: dict[str, Any], line: bytes, *, whole: bool) -> None:
        """The careful way, which is the SDK's own: stream maps, its validation, value by value.

        One that is nested too deeply for it is rejected without what is so deep; a message that
        comes so is not `whole`.
        """
        requires(message, {"stream", "record"})
        try:
            if whole:
                self._scrub_and_take(message, line)
        except RecursionError:
            message, whole = lines.decode(depth.shallow_text(line)), False
        if not whole:
            self._reject_too_deep(message["stream"], message["record"])
        self._waiting.count(len(line))

    def _scrub_and_take(self, message: dict[str, Any], line: bytes) -> None:
        record = message["record"]
        if b"\\u" in line or _HALF_A_PAIR in line:
            record, dropped = unstorable.scrub(record)
            self.dropped_characters += dropped
        self._careful(
            message["stream"], record, message.get("version"), message.get("time_extracted")
        )

    def _careful(self, stream: str, record: Any, version: Any, extracted_at: Any) -> None:
        for stream_map in self._source(stream, "record").maps:
            alias = stream_map.stream_alias
            if not isinstance(record, dict):
                reason = "the record is not an object"
                self._reject(self._waiting.sinks[stream, alias], Rejection(alias, reason, record))
                continue
            transformed = stream_map.transform(dict(record))
            if transformed is None:
                continue
            self._waiting.take_turn(alias, stream)
            sink = self._waiting.sinks[stream, alias]
            if version is not None and self._options.versions:
                sink = self._with_versions(stream, alias)
            try:
                row = sink.plan.careful_row(transformed)
            except Rejected as refused:
                self._reject(sink, refused.rejection)
            else:
                sink.accept(row, version, extracted_at, self.line)

    def _reject(self, sink: Sink, rejection: Rejection) -> None:
        sink.buffer.read += 1
        sink.buffer.rejected += 1
        self._rejects.take(rejection, self.line)

    def _reject_too_deep(self, stream: str, record: Any) -> None:
        for stream_map in self._source(stream, "record").maps:
            alias = stream_map.stream_alias
            rejection = Rejection(alias, "objects or arrays are nested too deeply in it", record)
            self._reject(self._waiting.sinks[stream, alias], rejection)

    def batch(self, message: dict[str, Any]) -> None:
        """Records in files; they are not checked less for that."""
        requires(message, {"stream", "encoding", "manifest"})
        stream = message["stream"]
        version = self._active.get(stream)
        if version is None:
            self._undated.add(stream)
        for text in batch_files.records(message["encoding"], message["manifest"]):
            record, whole = (
                lines.whole_or_shallow(text) if isinstance(text, bytes) else (text, True)
            )
            if whole:
                record, dropped = unstorable.scrub(record)
                self.dropped_characters += dropped
                self._careful(stream, record, version, None)
            else:
                self._reject_too_deep(stream, record)
            self._waiting.count(len(text))
            self._waiting.flush_if_full()

    def _source(self, stream: str, what: str) -> Source:
        source = self._sources.get(stream)
        if source is None:
            raise RecordsWithoutSchemaException(
                f"Line {self.line:,}: A {what} for stream '{stream}' was encountered before a "
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
        self._has_begun = True
        self._waiting.flush()
        read, left_out = translated(expanded(schema))
        if left_out:
            self._logger.warning(
                "Stream '%s': what its SCHEMA says here has no meaning and is ignored: %s.",
                stream,
                "; ".join(left_out),
            )
        self._mapper.register_raw_stream_schema(stream, read, key)
        source = Source(schema, key)
        for stream_map in self._mapper.stream_maps[stream]:
            if not isinstance(stream_map, RemoveRecordTransform):
                source.maps.append(stream_map)
        self._sources.pop(stream, None)
        self._sources[stream] = source
        self.fast.pop(stream, None)
        for alias in dict.fromkeys(stream_map.stream_alias for stream_map in source.maps):
            try:
                self._open_sinks(alias)
            except RecordError as error:
                raise RecordError(f"Line {self.line:,}: {error}") from None

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
            self._waiting.sinks[stream, alias] = self._make_sink(
                definition, self._opening.open(definition)
            )
        for stream, _ in feeding:
            self._choose_way(stream, alone=len(feeding) == 1)

    def _choose_way(self, stream: str, *, alone: bool) -> None:
        self.fast.pop(stream, None)
        maps = self._sources[stream].maps
        if len(maps) != 1 or not alone:
            return
        (stream_map,) = maps
        if type(stream_map) is SameRecordTransform and not stream_map.flattening_enabled:
            self.fast[stream] = self._waiting.sinks[stream, stream_map.stream_alias]

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
        if not self._options.versions:
            self._ignore_versions(stream)
            return
        for stream_map in self._source(stream, "version").maps:
            alias = stream_map.stream_alias
            sink = self._with_versions(stream, alias)
            self._waiting.flush()
            self._opening.activate(alias, sink.destination.table, version)

    def _ignore_versions(self, stream: str) -> None:
        if stream not in self._warned_of_versions:
            self._warned_of_versions.add(stream)
            self._logger.warning(
                "`ACTIVATE_VERSION` messages are not enabled for '%s'. Ignoring.", stream
            )

    def _with_versions(self, stream: str, alias: str) -> Sink:
        """The sink, with the columns that ACTIVATE_VERSION needs from the first version on."""
        if alias not in self._versioned:
            self._versioned.add(alias)
            self._waiting.flush()
            self._open_sinks(alias)
        return self._waiting.sinks[stream, alias]

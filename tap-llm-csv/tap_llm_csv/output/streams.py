"""The Singer streams: what the files hold, and the ledger of files and rejected lines.

One pass over the files feeds all of them, so the first stream that the SDK asks for its records
runs that pass, and the others find theirs already written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from singer_sdk import Stream
from singer_sdk.mapper import SameRecordTransform
from typing_extensions import override

from tap_llm_csv.output.emit import BufferedWriter, line_sink, record_sink
from tap_llm_csv.records.schemas import LEDGER, SCHEMAS

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Mapping

    from singer_sdk import Tap
    from singer_sdk.helpers.types import Context


class FileStream(Stream):
    """A stream that is fed by the pass over all files."""

    # The pass keeps one state for all streams and never starts over on its own.
    forced_replication_method = "INCREMENTAL"

    def __init__(
        self,
        tap: Tap,
        name: str,
        read_files: Callable[[int | None], None],
        written: Mapping[str, int],
    ) -> None:
        """Make the stream of this name.

        Args:
            tap: The tap, for the SDK.
            name: The stream's name.
            read_files: Runs the pass over the files, once, up to so many records a stream.
            written: How many records of each stream the pass wrote.
        """
        if name in LEDGER:
            schema = {"type": "object", "properties": LEDGER[name]}
            keys = [next(iter(LEDGER[name]))]
        else:
            schema, keys = SCHEMAS[name]["schema"], list(SCHEMAS[name]["key_properties"])
        super().__init__(tap, schema=schema, name=name)
        self.primary_keys = keys
        self.forced_replication_method = "INCREMENTAL"
        self._read_files = read_files
        self._written = written
        self._writer = tap.message_writer
        self._schema_is_written = False
        self._sink: Callable[[list[dict[str, Any]]], None] | None = None

    @override
    def get_records(self, context: Context | None) -> Iterable[dict[str, Any]]:
        """Yield nothing: `_sync_records` has the pass write them."""
        return ()

    @override
    def _sync_records(
        self, context: Context | None = None, *, write_messages: bool = True
    ) -> Generator[dict[str, Any], Any, Any]:
        with self.get_record_counter() as counter, self.get_sync_timer():
            self._read_files(self.ABORT_AT_RECORD_COUNT)
            counter.increment(self._written[self.name])
        yield from ()

    @override
    def _write_schema_message(self) -> None:
        if not self._schema_is_written:
            super()._write_schema_message()
            self._schema_is_written = True

    @override
    def _write_state_message(self) -> None:
        """Write nothing: the pass sends a STATE when what it covers is written."""

    @property
    def is_plain(self) -> bool:
        """Whether records leave as they are: nothing deselected, mapped or flattened."""
        return all(self.mask.values()) and all(
            type(mapped) is SameRecordTransform
            and not (mapped.flattening_options and mapped.flattening_options.enabled)
            for mapped in self.stream_maps
        )

    def write(self, records: list[dict[str, Any]]) -> None:
        """Send records, through the SDK where something of it is to be applied to them."""
        self._write_schema_message()
        if self._sink is None:
            writer = self._writer
            if self.is_plain and isinstance(writer, BufferedWriter):
                self._sink = record_sink(writer, self.stream_maps[0].stream_alias)
            else:
                self._sink = self._write_by_sdk
        self._sink(records)

    def line_sink(self) -> Callable[[list[str]], None] | None:
        """Return what takes records as JSON; None where they must be looked at on their way."""
        writer = self._writer
        if not self.is_plain or not isinstance(writer, BufferedWriter):
            return None
        send = line_sink(writer, self.stream_maps[0].stream_alias)

        def write(records: list[str]) -> None:
            self._write_schema_message()
            send(records)

        return write

    def _write_by_sdk(self, records: list[dict[str, Any]]) -> None:
        for record in records:
            self._write_record_message(record)


class StreamOutput:
    """Hands records to the streams that they belong to."""

    def __init__(
        self, streams: Mapping[str, FileStream], written: dict[str, int], limit: int | None
    ) -> None:
        self._streams = streams
        self._written = written
        self._limit = limit

    def wants(self, stream: str) -> bool:
        """Tell whether a stream is selected."""
        return stream in self._streams and self._streams[stream].selected

    def write(self, stream: str, records: list[dict[str, Any]]) -> None:
        """Send records, in order."""
        if self._limit is not None:
            records = records[: self._limit - self._written[stream]]
        self._written[stream] += len(records)
        if records:
            self._streams[stream].write(records)

    def lines(self, stream: str) -> Callable[[list[str]], None] | None:
        """Return what takes a stream's records as JSON, where they leave as they are."""
        send = self._streams[stream].line_sink() if self._limit is None else None
        if send is None:
            return None

        def write(records: list[str]) -> None:
            self._written[stream] += len(records)
            send(records)

        return write

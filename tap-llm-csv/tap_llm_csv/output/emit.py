"""Singer messages out: buffered, and for plain records without the SDK's detours."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import msgspec
from singer_sdk.singerlib import Message, StateMessage
from singer_sdk.singerlib.encoding import GenericSingerWriter

from tap_llm_csv._shared import lines

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_llm_csv.records.schemas import Record

BUFFER_BYTES = 256 * 1024

_encoder = msgspec.json.Encoder(decimal_format="number")


class Output(Protocol):
    """Where records go."""

    def write(self, stream: str, records: list[Record]) -> None:
        """Send records, in order."""

    def wants(self, stream: str) -> bool:
        """Tell whether a stream is selected."""


@runtime_checkable
class LineOutput(Protocol):
    """An output that also takes records as JSON."""

    def lines(self, stream: str) -> Callable[[list[str]], None] | None:
        """Return what takes a stream's records as JSON; None where they must be looked at."""


class BufferedWriter(GenericSingerWriter[bytes, Message]):
    """Writes messages in the order they come; a STATE takes everything before it along."""

    def __init__(self) -> None:
        super().__init__()
        self.buffer = bytearray()

    def serialize_message(self, message: Message) -> bytes:
        """Serialise one message."""
        return _encoder.encode(message.to_dict())

    def write_message(self, message: Message) -> None:
        """Put a message into the buffer, and send all of it where it is a STATE."""
        self.buffer += self.serialize_message(message)
        self.buffer += b"\n"
        if isinstance(message, StateMessage) or len(self.buffer) >= BUFFER_BYTES:
            self.flush()

    def flush(self) -> None:
        """Send what is in the buffer.

        Raises:
            ReaderGoneError: Nobody reads it any more.
        """
        data, self.buffer = self.buffer, bytearray()
        if data:
            self._send(data)

    def write_bytes(self, data: bytes) -> None:
        """Put lines after what is in the buffer; many of them do not go through it."""
        if len(data) < BUFFER_BYTES:
            self.buffer += data
            return
        self.flush()
        self._send(data)

    @staticmethod
    def _send(data: bytes | bytearray) -> None:
        lines.write(data)
        lines.flush()


def record_sink(writer: BufferedWriter, stream: str) -> Callable[[list[Record]], None]:
    """Return a function that writes a stream's records straight into the writer's buffer."""
    head = _head(stream)
    encode_into = _encoder.encode_into

    def write(records: list[Record]) -> None:
        buffer = writer.buffer
        tail = _tail()
        for record in records:
            buffer += head
            encode_into(record, buffer, -1)
            buffer += tail
        if len(buffer) >= BUFFER_BYTES:
            writer.flush()

    return write


def line_sink(writer: BufferedWriter, stream: str) -> Callable[[list[str]], None]:
    """Return a function that writes a stream's records which are JSON already."""
    head = _head(stream).decode()

    def write(records: list[str]) -> None:
        tail = _tail().decode()
        records[0] = head + records[0]
        records[-1] += tail
        writer.write_bytes((tail + head).join(records).encode())

    return write


def as_line(record: Record) -> str:
    """Return a record as `line_sink` takes it, and as `record_sink` writes it."""
    return _encoder.encode(record).decode()


def _head(stream: str) -> bytes:
    return msgspec.json.encode({"type": "RECORD", "stream": stream})[:-1] + b',"record":'


def _tail() -> bytes:
    now = datetime.now(timezone.utc).isoformat()
    return f',"time_extracted":"{now}"}}\n'.encode()

"""Writing Singer messages: records fast, and a STATE only after what it covers."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import msgspec
from singer_sdk.mapper import SameRecordTransform
from singer_sdk.singerlib.encoding.base import GenericSingerWriter
from singer_sdk.singerlib.encoding.simple import Message
from typing_extensions import override

from tap_github_actions._shared import lines as out

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from singer_sdk import Stream
    from singer_sdk.metrics import Counter


_encoder = msgspec.json.Encoder(enc_hook=str, decimal_format="number")


class LineWriter(GenericSingerWriter[bytes, Message]):
    """Writes messages to standard output, and flushes when told to."""

    @override
    def serialize_message(self, message: Message) -> bytes:
        """Return a message as one line."""
        return _encoder.encode(message.to_dict()) + b"\n"

    @override
    def write_message(self, message: Message) -> None:
        """Write a message at once: schemas and states are rare."""
        self.write_lines([self.format_message(message)])
        self.flush()

    @staticmethod
    def write_lines(lines: Iterable[bytes]) -> None:
        """Write lines that are messages already, whole."""
        out.write(b"".join(lines))

    @staticmethod
    def flush() -> None:
        """Hand everything to the target."""
        out.flush()


@dataclass(slots=True)
class Outlet:
    """One selected stream's way out."""

    stream: Stream
    counter: Counter
    limit: int | None
    written: int = 0
    _columns: frozenset[str] | None = None
    _head: bytes = b""
    _is_plain: bool = False

    def __post_init__(self) -> None:
        stream = self.stream
        maps = stream.stream_maps
        self._is_plain = len(maps) == 1 and type(maps[0]) is SameRecordTransform
        flattening = getattr(maps[0], "flattening_options", None)
        if flattening is not None and flattening.enabled:
            self._is_plain = False
        self._head = b'{"type":"RECORD","stream":' + _encoder.encode(stream.name) + b',"record":'
        names = stream.schema["properties"]
        chosen = frozenset(name for name in names if stream.mask["properties", name])
        self._columns = None if len(chosen) == len(names) else chosen

    @property
    def is_full(self) -> bool:
        """Whether a dry run has had enough of this stream."""
        return self.limit is not None and self.written >= self.limit

    def lines(self, record: dict[str, Any], moment: bytes) -> list[bytes]:
        """Return a record as lines: one, but for stream maps."""
        if self.is_full:
            return []
        self.written += 1
        self.counter.increment()
        if not self._is_plain:
            messages = self.stream._generate_record_messages(record)  # noqa: SLF001 - the SDK's own
            return [_encoder.encode(message.to_dict()) + b"\n" for message in messages]
        if self._columns is not None:
            record = {name: value for name, value in record.items() if name in self._columns}
        return [b"".join((self._head, _encoder.encode(record), moment))]


@dataclass(slots=True)
class Emitter:
    """Writes the records of the selected streams."""

    outlets: Mapping[str, Outlet]
    write_state: Callable[[], None]
    writer: LineWriter = field(default_factory=LineWriter)

    def write(self, records: Iterable[tuple[str, dict[str, Any]]]) -> None:
        """Write records, in the order given."""
        now = datetime.now(timezone.utc).isoformat()
        moment = b',"time_extracted":' + _encoder.encode(now) + b"}\n"
        lines: list[bytes] = []
        for name, record in records:
            outlet = self.outlets.get(name)
            if outlet is not None:
                lines += outlet.lines(record, moment)
        self.writer.write_lines(lines)

    @property
    def is_full(self) -> bool:
        """Whether a dry run has had enough of every stream."""
        return all(outlet.is_full for outlet in self.outlets.values())

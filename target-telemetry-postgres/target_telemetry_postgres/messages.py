"""Lines in: bytes from a pipe, a file or a test, and the Singer message on each."""

from __future__ import annotations

import json
import os
import select
import sys
import time
from decimal import Decimal
from typing import IO, TYPE_CHECKING, Any, Final

import msgspec
from singer_sdk.singerlib.exceptions import InvalidInputLine

from target_telemetry_postgres.rejection import shortened

if TYPE_CHECKING:
    from collections.abc import Iterator

_CHUNK: Final = 1 << 20
#: How long to wait for input before giving the caller a turn.
IDLE_SECONDS: Final = 0.5


class Envelope(msgspec.Struct, gc=False):
    """A message with its contents still as bytes; most lines need no more than this."""

    type: str
    stream: str = ""
    record: msgspec.Raw = msgspec.Raw(b"")
    version: int | None = None
    time_extracted: str | None = None


_envelope: Final = msgspec.json.Decoder(Envelope)
_anything: Final = msgspec.json.Decoder(float_hook=Decimal)
_state: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


def envelope(line: bytes) -> Envelope | None:
    """The line's envelope; None if it is not of the ordinary kind."""
    try:
        return _envelope.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def state_value(line: bytes) -> bytes | None:
    """A STATE's value, byte for byte as the tap wrote it."""
    try:
        value = _state.decode(line)["value"]
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return json.dumps(decode(line)["value"], default=str).encode()
    return None if bytes(value) == b"null" else bytes(value)


def decode(text: bytes | msgspec.Raw) -> Any:
    """JSON with exact numbers; also what only lenient readers take: NaN, lone surrogates."""
    try:
        return _anything.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raw = bytes(text)
        try:
            return json.loads(raw.decode("utf-8", "surrogatepass"), parse_float=Decimal)
        except (ValueError, RecursionError):
            shown = shortened(raw.decode("utf-8", "replace").strip(), 300)
            raise InvalidInputLine(f"Unable to parse line as JSON: {shown}") from None


def refuse_misshapen(message: dict[str, Any], number: int) -> None:
    """Stop at a message that no Singer tap means, where it is and not where it would fail.

    Raises:
        InvalidInputLine: With the line's number.
    """
    for name, kind, words in (("stream", str, "a name"), ("schema", dict, "an object")):
        if not isinstance(message.get(name, kind()), kind):
            shown = shortened(str(message[name]))
            raise InvalidInputLine(f"Line {number:,}: the message's {name} is not {words}: {shown}")


def lines(source: IO[Any] | None) -> Iterator[bytes | None]:
    """Each line as bytes; None now and then while there is no input, so the caller can act."""
    stream = sys.stdin if source is None else source
    binary = getattr(stream, "buffer", stream)
    descriptor = _descriptor(binary)
    if descriptor is None:
        for line in stream if binary is stream else binary:
            yield line.encode("utf-8", "surrogatepass") if isinstance(line, str) else line
        return
    yield from _lines_of(descriptor)


def _descriptor(binary: Any) -> int | None:
    """The file descriptor to read from, where waiting for it with a timeout is possible."""
    if os.name != "posix":
        return None
    try:
        return int(binary.fileno())
    except (AttributeError, OSError):
        return None


def _lines_of(descriptor: int) -> Iterator[bytes | None]:
    tail: list[bytes] = []
    told = time.monotonic()
    while True:
        ready, _, _ = select.select([descriptor], [], [], IDLE_SECONDS)
        if not ready:
            yield None
            continue
        chunk = os.read(descriptor, _CHUNK)
        if not chunk:
            break
        first, *rest = chunk.split(b"\n")
        tail.append(first)
        if rest:
            yield b"".join(tail)
            tail = [rest.pop()]
            yield from rest
        if time.monotonic() - told > IDLE_SECONDS:
            told = time.monotonic()
            yield None
    last = b"".join(tail)
    if last:
        yield last

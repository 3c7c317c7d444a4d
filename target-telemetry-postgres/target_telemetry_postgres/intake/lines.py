"""Lines in: bytes from a pipe, a file or a test, and the Singer message on each line."""

from __future__ import annotations

import json
import os
import select
import sys
import time
from functools import partial
from typing import IO, TYPE_CHECKING, Any, Final

import msgspec
from singer_sdk.singerlib.exceptions import InvalidInputLine

from target_telemetry_postgres.rows import depth
from target_telemetry_postgres.rows.rejection import shortened
from target_telemetry_postgres.rows.values import exact

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: As much as is read and decoded at once: some hundreds of lines, which stay in the processor's
#: cache until they are rows.
CHUNK_BYTES: Final = 1 << 17
_SHORT: Final = 1 << 15
_GATHER_SECONDS: Final = 0.001
#: How long to wait for input before giving the caller a turn.
IDLE_SECONDS: Final = 0.5


class Envelope(msgspec.Struct, gc=False):
    """A message with its contents still as bytes; most lines need no more than this."""

    type: str
    stream: str = ""
    record: msgspec.Raw = msgspec.Raw(b"")
    version: int | None = None
    time_extracted: str | None = None
    value: msgspec.Raw = msgspec.Raw(b"")


_envelopes: Final = msgspec.json.Decoder(Envelope).decode_lines
_anything: Final = msgspec.json.Decoder(float_hook=exact)
_state: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Messages:
    """Neighbouring lines with one message each.

    Attributes:
        envelopes: One a line.
    """

    __slots__ = ("_lines", "_text", "envelopes")

    def __init__(self, text: bytes, envelopes: list[Envelope]) -> None:
        self.envelopes = envelopes
        self._text = text
        self._lines: list[bytes] | None = None

    def __len__(self) -> int:
        return len(self.envelopes)

    def line(self, at: int) -> bytes:
        """One of the lines as it came."""
        if self._lines is None:
            self._lines = self._text.removesuffix(b"\n").split(b"\n")
        return self._lines[at]

    def size(self, start: int, end: int) -> int:
        """How many bytes these lines have, by the average of all."""
        return len(self._text) * (end - start) // len(self.envelopes)


def messages(text: bytes) -> Messages | None:
    """The messages of some lines; None if a line is not of the ordinary kind."""
    try:
        envelopes = _envelopes(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    alike = len(envelopes) == _count(text)
    return Messages(text, envelopes) if envelopes and alike else None


def _count(text: bytes) -> int:
    """How many lines there are, if each is one message; 0 if it cannot be said so simply.

    msgspec takes several messages on a line, and one on several. Between a closing brace and an
    opening one a line ends only where one message ends and another begins.
    """
    body = text.removesuffix(b"\n")
    ends = body.count(b"\n")
    seams = body.count(b"}\n{")
    return ends + 1 if seams == ends or seams + body.count(b"}\r\n{") == ends else 0


def halves(text: bytes) -> tuple[bytes, bytes]:
    """Some lines, and the others; a single line leaves none."""
    middle = text.rfind(b"\n", 0, len(text) // 2) + 1 or text.find(b"\n") + 1 or len(text)
    return text[:middle], text[middle:]


def state_value(line: bytes) -> bytes | None:
    """A STATE's value, byte for byte as the tap wrote it."""
    try:
        value = bytes(_state.decode(line)["value"])
    except (msgspec.MsgspecError, UnicodeDecodeError):
        value = b""
    if not value or not is_utf8(value):
        return json.dumps(decode(line)["value"], default=str).encode()
    return unless_null(value)


def is_utf8(text: bytes) -> bool:
    """Whether it can be passed on as it is: what is only skipped is not looked at."""
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def unless_null(value: bytes) -> bytes | None:
    """JSON text, or None for a null."""
    return None if value == b"null" else value


def decode(text: bytes | msgspec.Raw) -> Any:
    """JSON with exact numbers; also what only lenient readers take: NaN, lone surrogates.

    Raises:
        RecursionError: If it is nested too deeply.
        InvalidInputLine: If it is no JSON.
    """
    try:
        return _anything.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raw = bytes(text)
        try:
            return json.loads(raw.decode("utf-8", "surrogatepass"), parse_float=exact)
        except ValueError:
            shown = shortened(raw.decode("utf-8", "replace").strip(), 300)
            raise InvalidInputLine(f"Unable to parse line as JSON: {shown}") from None


def whole_or_shallow(text: bytes) -> tuple[Any, bool]:
    """As `decode`, and whether that is all; what is nested too deeply is left out."""
    try:
        return decode(text), True
    except RecursionError:
        return decode(depth.shallow_text(text)), False


def reject_misshapen(message: dict[str, Any], number: int) -> None:
    """Stop at a message that no Singer tap means, where it is and not where it would fail.

    Raises:
        InvalidInputLine: With the line's number.
    """
    for name, kind, words in (("stream", str, "a name"), ("schema", dict, "an object")):
        if not isinstance(message.get(name, kind()), kind):
            shown = shortened(str(message[name]))
            raise InvalidInputLine(f"Line {number:,}: the message's {name} is not {words}: {shown}")


def chunks(source: IO[Any] | None) -> Iterator[bytes | None]:
    """The input in chunks of whole lines.

    None now and then while there is no input, so that the caller can act.
    """
    stream = sys.stdin if source is None else source
    binary = getattr(stream, "buffer", stream)
    descriptor = _descriptor(binary)
    if descriptor is not None:
        yield from _whole_lines(_chunks_of(descriptor))
    elif hasattr(binary, "read1"):
        yield from _whole_lines(iter(partial(binary.read1, CHUNK_BYTES), b""))
    else:
        yield from _gathered(binary)


def _whole_lines(chunks: Iterable[bytes | None]) -> Iterator[bytes | None]:
    tail: list[bytes] = []
    for chunk in chunks:
        end = 0 if chunk is None else chunk.rfind(b"\n") + 1
        if chunk is None:
            yield None
        elif end:
            yield b"".join([*tail, chunk[:end]])
            tail = [chunk[end:]]
        else:
            tail.append(chunk)
    yield b"".join(tail)


def _gathered(lines: Iterable[str | bytes]) -> Iterator[bytes]:
    """Lines of any kind, in chunks; those of a slow or a failing source come all the same."""
    waiting: list[bytes] = []
    size, since = 0, time.monotonic()
    try:
        for line in lines:
            text = line.encode("utf-8", "surrogatepass") if isinstance(line, str) else line
            waiting.append(text if text.endswith(b"\n") else text + b"\n")
            size += len(text)
            if size >= CHUNK_BYTES or time.monotonic() - since > IDLE_SECONDS:
                ready, waiting = waiting, []
                yield b"".join(ready)
                size, since = 0, time.monotonic()
    except Exception:
        yield b"".join(waiting)
        raise
    yield b"".join(waiting)


def _descriptor(binary: Any) -> int | None:
    """The file descriptor to read from, where waiting for it with a timeout is possible."""
    if os.name != "posix":
        return None
    try:
        return int(binary.fileno())
    except (AttributeError, OSError):
        return None


def _chunks_of(descriptor: int) -> Iterator[bytes | None]:
    """What there is to read; None now and then."""
    told = time.monotonic()
    while True:
        ready, _, _ = select.select([descriptor], [], [], IDLE_SECONDS)
        if not ready:
            yield None
            continue
        chunk = os.read(descriptor, CHUNK_BYTES)
        if not chunk:
            return
        yield chunk
        if time.monotonic() - told > IDLE_SECONDS:
            told = time.monotonic()
            yield None
        if len(chunk) < _SHORT and not select.select([descriptor], [], [], 0)[0]:
            # A writer that is slower than this reader: let some lines gather.
            time.sleep(_GATHER_SECONDS)

"""The input to where it belongs: records by the quickest road, other messages to their handlers."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from singer_sdk.singerlib.exceptions import InvalidInputLine

from target_telemetry_postgres.intake import lines
from target_telemetry_postgres.intake.handlers import requires
from target_telemetry_postgres.rows.rejection import shortened

if TYPE_CHECKING:
    from collections.abc import Callable

    from target_telemetry_postgres.intake.handlers import Block, Intake

#: Flush when the lines behind the buffered rows reach this, whatever their number.
MAX_BYTES: Final = 32 << 20
#: A line of this length gains nothing by being taken at one stroke, and would be held twice.
LONG_LINE: Final = 1 << 20


class Feed:
    """Takes the lines of one run.

    Attributes:
        seen: How many messages of each type there were.
    """

    def __init__(
        self,
        intake: Intake,
        flush: Callable[[], None],
        take_state: Callable[[bytes | None], None],
        *,
        batch_rows: int,
    ) -> None:
        self.seen: Counter[str] = Counter()
        self._intake = intake
        self._flush = flush
        self._take_state = take_state
        self._batch_rows = batch_rows
        self._handlers: Final[dict[str, Callable[[dict[str, Any]], None]]] = {
            "SCHEMA": intake.schema,
            "ACTIVATE_VERSION": intake.activate_version,
            "BATCH": intake.batch,
        }

    def take(self, text: bytes) -> None:
        """Some lines: at one stroke from a record on, if all are ordinary."""
        start = 0
        while start < len(text):
            end = (text.find(b"\n", start) + 1) or len(text)
            envelope = lines.envelope(text[start:end])
            long = end - start > LONG_LINE
            if envelope is not None and envelope.type == "RECORD" and not long:
                text, start = self._take_from(envelope, text[start:]), 0
            else:
                self._line(text[start:end], envelope)
                start = end

    def _take_from(self, first: lines.Envelope, text: bytes) -> bytes:
        """Lines of which the first is a record; what is left after a flush is worth another try."""
        block = self._intake.block(first, text)
        taken = 0 if block is None else self._strokes(block)
        if block is not None and taken == len(block.messages):
            return b""
        each = text.removesuffix(b"\n").split(b"\n")
        for number, line in enumerate(each[taken:], taken + 1):
            self._line(line, lines.envelope(line))
            if not self._intake.rows:
                return b"\n".join([*each[number:], b""])
        return b""

    def _strokes(self, block: Block) -> int:
        """A block, a batch at a time; how many lines were taken before one was not ordinary."""
        intake, start = self._intake, 0
        while start < len(block.messages):
            taken = intake.take_block(block, start, self._batch_rows - intake.rows)
            if taken is None:
                break
            start += taken.lines
            self.seen.update(RECORD=taken.records, STATE=len(taken.states))
            for state in taken.states:
                self._take_state(lines.unless_null(state))
            self._flush_if_full()
        return start

    def _line(self, line: bytes, envelope: lines.Envelope | None) -> None:
        self._intake.line += 1
        if envelope is not None and envelope.type == "RECORD":
            self._intake.record(envelope, line)
            self.seen["RECORD"] += 1
        elif line.strip():
            self.seen[self._other(line)] += 1
        self._flush_if_full()

    def _flush_if_full(self) -> None:
        if self._intake.rows >= self._batch_rows or self._intake.bytes >= MAX_BYTES:
            self._flush()

    def _other(self, line: bytes) -> str:
        """Any message but an ordinary RECORD."""
        message = lines.decode(line)
        if not isinstance(message, dict):
            shown = shortened(line.decode("utf-8", "replace").strip())
            raise InvalidInputLine(f"Line {self._intake.line:,} is not a Singer message: {shown}")
        requires(message, {"type"})
        lines.refuse_misshapen(message, self._intake.line)
        kind = str(message["type"])
        if kind == "RECORD":
            self._intake.careful_record(message, line)
        elif kind == "STATE":
            requires(message, {"value"})
            self._take_state(lines.state_value(line))
        elif kind in self._handlers:
            self._handlers[kind](message)
        else:
            raise ValueError(f"Unknown message type '{kind}' in message.")
        return kind

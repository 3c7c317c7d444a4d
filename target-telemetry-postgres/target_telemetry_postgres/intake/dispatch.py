"""The input to where it belongs: records by the quickest way, other messages to their handlers."""

from __future__ import annotations

import codecs
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from singer_sdk.singerlib.exceptions import InvalidInputLine

from target_telemetry_postgres.intake import lines
from target_telemetry_postgres.intake.handlers import requires
from target_telemetry_postgres.rows.rejection import shortened

if TYPE_CHECKING:
    from collections.abc import Callable

    from target_telemetry_postgres.intake.handlers import Handlers
    from target_telemetry_postgres.intake.waiting import Waiting


class Dispatch:
    """Takes the lines of one run.

    Attributes:
        seen: How many messages of each type there were.
    """

    def __init__(self, handlers: Handlers, waiting: Waiting) -> None:
        self.seen: Counter[str] = Counter()
        self._handlers = handlers
        self._waiting = waiting
        self._by_type: Final[dict[str, Callable[[dict[str, Any]], None]]] = {
            "SCHEMA": handlers.schema,
            "ACTIVATE_VERSION": handlers.activate_version,
            "BATCH": handlers.batch,
        }

    def take(self, text: bytes) -> None:
        """Some lines, in order; neighbouring records and states at one stroke."""
        if not self._handlers.line:
            text = text.removeprefix(codecs.BOM_UTF8)
        if not text:
            return
        messages = lines.messages(text)
        if messages is None:
            first, rest = lines.halves(text)
            if rest:
                self.take(first)
                self.take(rest)
            else:
                self._line(first)
            return
        start = 0
        while start < len(messages):
            end, states = self._handlers.block(messages, start)
            if end == start:
                self._line(messages.line(start))
                end += 1
            else:
                self.seen.update(RECORD=end - start - states, STATE=states)
                self._waiting.flush_if_full()
            start = end

    def _line(self, line: bytes) -> None:
        """Any message, and all that can be said of a line that is none."""
        self._handlers.line += 1
        if line.strip():
            self.seen[self._message(line)] += 1
            self._waiting.flush_if_full()

    def _message(self, line: bytes) -> str:
        message, whole = lines.whole_or_shallow(line)
        if not isinstance(message, dict):
            shown = shortened(line.decode("utf-8", "replace").strip())
            raise InvalidInputLine(f"Line {self._handlers.line:,} is not a Singer message: {shown}")
        requires(message, {"type"})
        lines.reject_misshapen(message, self._handlers.line)
        kind = str(message["type"])
        if kind == "RECORD":
            self._handlers.record(message, line, whole=whole)
        elif not whole:
            raise self._too_deep(kind)
        elif kind == "STATE":
            requires(message, {"value"})
            self._handlers.state(lines.state_value(line))
        elif kind in self._by_type:
            try:
                self._by_type[kind](message)
            except RecursionError:
                raise self._too_deep(kind) from None
        else:
            raise ValueError(f"Unknown message type '{kind}' in message.")
        return kind

    def _too_deep(self, kind: str) -> InvalidInputLine:
        return InvalidInputLine(
            f"Line {self._handlers.line:,}: objects or arrays are nested too deeply in this {kind}."
        )

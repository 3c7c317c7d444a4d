"""What waits for the next flush, and the one place that decides on flushing and does it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from target_telemetry_postgres.buffer.buffer import Batch
from target_telemetry_postgres.buffer.ready import make_ready
from target_telemetry_postgres.write.writer import Stopped

if TYPE_CHECKING:
    from collections.abc import Callable

    from target_telemetry_postgres.intake.sink import Sink
    from target_telemetry_postgres.write.rejects import Rejects
    from target_telemetry_postgres.write.writer import Writer

#: Flush when the lines behind the waiting rows reach this, whatever their number.
MAX_BYTES: Final = 32 << 20
#: Flush when the oldest waiting row has waited this long.
MAX_AGE_SECONDS: Final = 30.0


class Waiting:
    """Rows in their sinks, rejections, and the newest state.

    Rows of all streams are flushed together, so a STATE is true as soon as the flush that follows
    it is committed.

    Attributes:
        sinks: By the tap's stream and the stream it goes to: two may go to one, each by its own
            SCHEMA.
        state: The newest, until a flush takes it along.
    """

    def __init__(
        self,
        writer: Writer,
        rejects: Rejects,
        *,
        batch_rows: int,
        keeps_states: bool,
        stopping: Callable[[], bool],
    ) -> None:
        self.sinks: dict[tuple[str, str], Sink] = {}
        self.state: bytes | None = None
        self._writer = writer
        self._rejects = rejects
        self._batch_rows = batch_rows
        self._keeps_states = keeps_states
        self._stopping = stopping
        #: Whose rows wait for a stream; those of another come in a later transaction.
        self._turns: dict[str, str] = {}
        self._rows = 0
        self._bytes = 0
        self._oldest: float | None = None

    @property
    def room(self) -> int:
        """How many more rows the next flush takes."""
        return self._batch_rows - self._rows

    def count(self, size: int, rows: int = 1) -> None:
        """Rows came, from lines of this size."""
        self._rows += rows
        self._bytes += size
        if self._oldest is None:
            self._oldest = time.monotonic()

    def take_turn(self, alias: str, stream: str) -> None:
        """Let the rows of `stream` be next for what `alias` names."""
        if self._turns.setdefault(alias, stream) != stream:
            self.flush()
            self._turns[alias] = stream

    def flush_if_full(self) -> None:
        """Flush where enough waits."""
        if self._rows >= self._batch_rows or self._bytes >= MAX_BYTES:
            self.flush()

    def flush_if_old(self) -> None:
        """Flush what has waited long enough, and a state at once where no row waits."""
        oldest = self._oldest
        waited = 0.0 if oldest is None else time.monotonic() - oldest
        if waited >= MAX_AGE_SECONDS or (oldest is None and self.state is not None):
            self.flush()

    def flush(self) -> None:
        """Hand everything that waits to the writer, with the newest state.

        Raises:
            Stopped: After a signal.
        """
        if self._stopping():
            raise Stopped
        parts = [part for sink in self.sinks.values() if (part := sink.take())]
        self._turns.clear()
        self._rows = self._bytes = 0
        self._oldest = None
        for part in parts:
            make_ready(part)
        rejections = self._rejects.drain()
        state = None if self._keeps_states else self.state
        if not parts and not rejections and state is None:
            return
        if state is not None:
            self.state = None
        batch = Batch(parts, rejections, state, first_rejection_ends=not self._rejects.quarantine)
        self._writer.submit(batch, give_up=self._stopping)

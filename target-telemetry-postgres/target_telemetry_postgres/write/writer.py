"""The thread that owns the connection: it writes while the next rows are being decoded.

Everything that touches the database goes through here in the order it was asked for, so a state
is emitted only after every row before it has been committed.
"""

from __future__ import annotations

import gc
import queue
import random
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeVar

import psycopg

from target_telemetry_postgres.postgres.failures import explain, is_transient
from target_telemetry_postgres.write.flush import Result, about_a_value, write

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Iterator

    from target_telemetry_postgres.buffer.buffer import Batch
    from target_telemetry_postgres.postgres.database import Database
    from target_telemetry_postgres.write.stage import Connection

T = TypeVar("T")

#: Attempts for one transaction; each connection attempt waits as long as the settings say.
MAX_ATTEMPTS: Final = 8
_LONGEST_PAUSE: Final = 5.0
_POLL: Final = 0.2

SWITCH_SECONDS: Final = 0.0001
GC_THRESHOLD: Final = 50_000


class Stopped(Exception):  # noqa: N818 - a request, not an error
    """The writer was asked to stop while work was waiting."""


@dataclass(slots=True)
class _Job:
    work: Callable[[], Any]
    done: threading.Event = field(default_factory=threading.Event)
    result: Any = None
    error: BaseException | None = None


class Writer:
    """Runs flushes one after the other on its own connection."""

    def __init__(
        self,
        database: Database,
        *,
        inside: Callable[[Connection, Batch, Result], None],
        left_trace: Callable[[Connection, int], bool],
        committed: Callable[[Batch, Result], None],
        logger: logging.Logger,
    ) -> None:
        self._database = database
        self._inside = inside
        self._left_trace = left_trace
        self._committed = committed
        self._logger = logger
        self._connection: Connection | None = None
        # One batch being written and one waiting: memory stays flat.
        self._jobs: queue.Queue[_Job | None] = queue.Queue(maxsize=1)
        self._error: BaseException | None = None
        self._cancelled = threading.Event()
        self._thread = threading.Thread(target=self._work, name="writer", daemon=True)
        self._thread.start()

    # --- For the thread that decodes ---------------------------------------------------------

    def submit(self, batch: Batch, *, give_up: Callable[[], bool]) -> None:
        """Hand over a batch; waits while another is waiting.

        Raises:
            Stopped: If `give_up` says so meanwhile.
        """
        self._put(_Job(lambda: self._flush(batch)), give_up)

    def call(self, work: Callable[[Connection], T], *, give_up: Callable[[], bool]) -> T:
        """Run something on the connection after all that was submitted, and wait for it."""
        job = _Job(lambda: self._retrying(work))
        self._put(job, give_up)
        while not job.done.wait(_POLL):
            if give_up():
                raise Stopped
        self.check()
        result: T = job.result
        return result

    def drain(self, *, give_up: Callable[[], bool]) -> None:
        """Wait until everything submitted is committed."""
        job = _Job(lambda: None)
        self._put(job, give_up)
        while not job.done.wait(_POLL):
            if give_up():
                raise Stopped
        self.check()

    def check(self) -> None:
        """Raise what went wrong in the thread."""
        if self._error is not None:
            raise self._error

    @property
    def working(self) -> bool:
        """Whether it still writes what it is given: nothing went wrong, and it was not closed."""
        return self._error is None and self._thread.is_alive()

    def close(self, *, grace: float | None = None) -> None:
        """Stop after what is being written; after `grace` seconds it is rolled back instead."""
        deadline = None if grace is None else time.monotonic() + grace
        stopping = False
        while self._thread.is_alive():
            if not stopping:
                try:
                    self._jobs.put_nowait(None)
                    stopping = True
                except queue.Full:
                    pass
            self._thread.join(_POLL)
            if deadline is not None and time.monotonic() > deadline:
                self._cancel()
                deadline = time.monotonic() + 1
        if self._connection is not None:
            self._connection.close()

    def abandon_waiting(self) -> None:
        """Forget batches that have not been begun."""
        try:
            while True:
                job = self._jobs.get_nowait()
                if job is not None:
                    job.done.set()
        except queue.Empty:
            return

    def _put(self, job: _Job, give_up: Callable[[], bool]) -> None:
        while True:
            self.check()
            try:
                self._jobs.put(job, timeout=_POLL)
            except queue.Full:
                if give_up():
                    raise Stopped from None
            else:
                return

    def _cancel(self) -> None:
        """Break off the running statement; its transaction rolls back."""
        self._cancelled.set()
        connection = self._connection
        if connection is not None and not connection.closed:
            try:
                connection.cancel_safe(timeout=2)
            except psycopg.Error as error:
                self._logger.debug("The running statement could not be cancelled: %s", error)

    # --- In the writer's thread --------------------------------------------------------------

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            if self._error is None:
                try:
                    job.result = job.work()
                except BaseException as error:  # noqa: BLE001 - raised again where it is awaited
                    self._error = error
            job.done.set()

    def connection(self) -> Connection:
        """The connection, made again if it was lost."""
        if self._connection is None or self._connection.closed:
            self._connection = self._database.connect(purpose="load")
        return self._connection

    def _flush(self, batch: Batch) -> None:
        result = self._retrying(lambda connection: self._transact(connection, batch))
        self._committed(batch, result)

    def _transact(self, connection: Connection, batch: Batch, *, apart: bool = False) -> Result:
        result = write(connection, batch, apart=apart)
        self._inside(connection, batch, result)
        try:
            connection.commit()
        except psycopg.Error as error:
            if not apart and about_a_value(error):
                # A deferred constraint, which speaks up only now.
                return self._transact(connection, batch, apart=True)
            if not self._was_committed(result.transaction, error):
                raise
        return result

    def _was_committed(self, transaction: int, error: psycopg.Error) -> bool:
        """Whether a commit whose answer was lost took place: appended rows must not come twice.

        The transaction's number alone does not tell. A server that crashed may not remember it,
        and give it to another.
        """
        if not is_transient(error):
            return False
        if self._connection is not None:
            self._connection.close()
        return self._retrying(lambda connection: self._settled(connection, transaction))

    def _settled(self, connection: Connection, transaction: int) -> bool:
        while in_progress(connection, transaction):
            time.sleep(0.1)
        found = self._left_trace(connection, transaction)
        connection.rollback()
        return found

    def _retrying(self, work: Callable[[Connection], T]) -> T:
        """Run a transaction; again from its start when the server went away or broke it off."""
        pause = 0.1
        for attempt in range(1, MAX_ATTEMPTS + 1):
            connection = self.connection()
            try:
                return work(connection)
            except psycopg.Error as error:
                self._clean(connection)
                cause = explain(error, self._database)
                if self._cancelled.is_set() or not is_transient(error) or attempt == MAX_ATTEMPTS:
                    raise cause from error
                self._logger.warning("%s The batch is kept and tried again.", cause)
            except BaseException:
                self._clean(connection)
                raise
            time.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 - jitter is no secret
            pause = min(pause * 2, _LONGEST_PAUSE)
        raise AssertionError  # the last attempt returned or raised

    def _clean(self, connection: Connection) -> None:
        """Leave no open transaction behind; a connection that cannot roll back is gone."""
        try:
            connection.rollback()
        except psycopg.Error:
            connection.close()


def in_progress(connection: Connection, transaction: int) -> bool:
    """Whether a transaction, whose client has lost its connection, is still to end."""
    try:
        row = connection.execute("SELECT txid_status(%s)", (transaction,)).fetchone()
    except psycopg.errors.InvalidParameterValue:
        # The server has not come so far yet: it crashed before it wrote any of it down.
        row = None
    connection.rollback()
    return row is not None and row[0] == "in progress"


@contextmanager
def two_threads_at_work() -> Iterator[None]:
    """Let the writer have the interpreter as soon as Postgres has answered it.

    It needs it for moments only, and by default would wait 5 ms for each of them. Rows are lists
    in lists and never cycles, so looking for cycles among them ten times a batch is idle work.
    """
    interval, thresholds = sys.getswitchinterval(), gc.get_threshold()
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.set_threshold(GC_THRESHOLD, *thresholds[1:])
    try:
        yield
    finally:
        sys.setswitchinterval(interval)
        gc.set_threshold(*thresholds)

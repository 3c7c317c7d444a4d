"""One run: messages in, batches to the writer, states out when they are true.

The thread that runs this decodes and checks; the writer's thread talks to the database. Rows of
all streams are flushed together, so a STATE is true as soon as the flush that follows it is
committed.
"""

from __future__ import annotations

import logging
import sys
import time
import uuid
from contextlib import ExitStack
from functools import partial
from typing import IO, TYPE_CHECKING, Any, Final, Literal

import psycopg

from target_telemetry_postgres import versions
from target_telemetry_postgres.buffer.buffer import Batch
from target_telemetry_postgres.buffer.ready import make_ready
from target_telemetry_postgres.errors import TelemetryError, sentence
from target_telemetry_postgres.intake import lines
from target_telemetry_postgres.intake.dispatch import Feed
from target_telemetry_postgres.intake.handlers import Intake
from target_telemetry_postgres.intake.sink import Sink
from target_telemetry_postgres.postgres.database import Database, explained, open_database
from target_telemetry_postgres.postgres.migrate import ensure_schema
from target_telemetry_postgres.postgres.store import look
from target_telemetry_postgres.pricing import model_prices
from target_telemetry_postgres.pricing.prices import Prices
from target_telemetry_postgres.retention import prune
from target_telemetry_postgres.rows.rejection import InvalidRecordAt
from target_telemetry_postgres.schema.definition import Definition, Options
from target_telemetry_postgres.settings import with_defaults
from target_telemetry_postgres.tables.changes import prepare
from target_telemetry_postgres.tables.swap import Shadows
from target_telemetry_postgres.tables.systems import Systems
from target_telemetry_postgres.write.ledger import StreamCounts, open_ledger
from target_telemetry_postgres.write.lineages import Lineages, line_of
from target_telemetry_postgres.write.rejects import Rejects
from target_telemetry_postgres.write.writer import Stopped, Writer, two_threads_at_work

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Mapping

    from singer_sdk.mapper import PluginMapper

    from target_telemetry_postgres.write.flush import Result
    from target_telemetry_postgres.write.stage import Connection

#: Flush when the oldest buffered row has waited this long.
MAX_AGE_SECONDS: Final = 30.0
#: On a signal, how long the transaction under way may take to finish.
GRACE_SECONDS: Final = 5.0

Status = Literal["succeeded", "failed", "interrupted"]


class Load:
    """Everything that one run holds open."""

    def __init__(
        self,
        config: Mapping[str, Any],
        mapper: PluginMapper,
        *,
        logger: logging.Logger,
        sync_started_at: int,
        emit: Callable[[str], None],
        stop_signal: Callable[[], int | None],
    ) -> None:
        self._config = with_defaults(config)
        self._logger = logger
        self._sync_started_at = sync_started_at
        self._emit = emit
        self._stop_signal = stop_signal
        self._options = Options(
            load_method=self._config["load_method"],
            add_record_metadata=self._config["add_record_metadata"],
            hard_delete=self._config["hard_delete"],
            validate_records=self._config["validate_records"],
            versions=self._config["process_activate_version_messages"],
            quarantine=self._config["invalid_record_treatment"] == "quarantine",
        )
        self._batch_rows = int(self._config["batch_size_rows"])
        self._state: bytes | None = None
        self._has_begun = False
        self._emitted: bytes | None = None
        self._closed = False
        self._stack = ExitStack()
        self._rejects = Rejects(
            quarantine=self._options.quarantine,
            most=int(self._config["max_rejects"]),
        )
        self._intake = Intake(
            self,
            mapper,
            self._options,
            self._rejects,
            batch_rows=self._batch_rows,
            logger=logger,
        )
        self._feed = Feed(self._intake, self.flush, self._take_state, batch_rows=self._batch_rows)
        try:
            self._open()
        except BaseException:
            self._stack.close()
            raise

    def _open(self) -> None:
        self._database: Database = self._stack.enter_context(open_database(self._config))
        with explained(self._database):
            self._begin()

    def _begin(self) -> None:
        prune.parse_policies(self._config)
        ensure_schema(self._database, self._config["migrate"])
        self.run_id = str(uuid.uuid4())
        self._rejects.run_id = self.run_id
        with self._database.connect(purpose="start") as connection:
            store = look(connection, self._database.schema)
            self._ledger = open_ledger(
                store, self.run_id, quarantine=self._options.quarantine, logger=self._logger
            )
            self._ledger.mark_interrupted(connection)
        self._lineages = Lineages(
            store,
            self._database.describe(),
            state_id=self._ledger.state_id,
            accepting=self._config["accept_unknown_state"],
        )
        self._systems = Systems(self._database, store, self._config["migrate"], logger=self._logger)
        self._take_policies()
        self._shadows = Shadows(self._database.schema)
        self._writer = Writer(
            self._database,
            inside=self._inside,
            left_trace=self._ledger.was_written_by,
            committed=self._committed,
            logger=self._logger,
        )

    def _take_policies(self) -> None:
        policies = prune.parse_policies(self._config)
        with self._database.connect(purpose="start") as connection:
            self._policies = prune.check_policies(connection, self._database.schema, policies)
            self._cutoffs = prune.cutoffs(connection, self._policies)

    # --- The loop ----------------------------------------------------------------------------

    def run(self, source: IO[Any] | None) -> Counter[str]:
        """Take every line of the input; what fails ends the run."""
        try:
            with two_threads_at_work():
                self._loop(source)
        except (Stopped, KeyboardInterrupt):
            self.interrupt()
        except BaseException as error:
            earliest = self.fail(error)
            if earliest is not error:
                raise earliest from None
            raise
        return self._feed.seen

    def _loop(self, source: IO[Any] | None) -> None:
        for text in lines.blocks(source):
            if text is None:
                self._tick()
            else:
                self._feed.take(text)

    def _tick(self) -> None:
        self._writer.check()
        self._check_stop()
        oldest = self._intake.oldest
        waited = 0.0 if oldest is None else time.monotonic() - oldest
        if waited >= MAX_AGE_SECONDS or (oldest is None and self._state is not None):
            self.flush()

    def _check_stop(self) -> None:
        if self._stop_signal() is not None:
            raise Stopped

    def _stopping(self) -> bool:
        return self._stop_signal() is not None

    # --- What the intake asks for ------------------------------------------------------------

    def open_sink(self, definition: Definition) -> Sink:
        """Prepare a stream's table."""
        self._has_begun = True
        wanted = definition.wanted()
        if self._systems.arrive(wanted):
            self._take_policies()
        keyed = bool(definition.key) and self._options.load_method != "append-only"

        def work(connection: Connection) -> Sink:
            table = prepare(
                connection,
                self._database.schema,
                wanted,
                keyed=keyed,
                log=self._logger.info,
            )
            shadow = None
            if self._options.load_method == "overwrite":
                shadow = self._shadows.of(connection, table)
            self._ledger.begin(connection, definition.stream)
            connection.commit()
            return Sink(
                definition,
                table,
                self._options,
                shadow=shadow,
                sync_started_at=self._sync_started_at,
                logger=self._logger,
            )

        sink = self._writer.call(work, give_up=self._stopping)
        cutoff = self._cutoffs.get(wanted.table.name)
        if cutoff is not None:
            sink.refuse_before(cutoff.column, cutoff.instant)
        if sink.destination.mode == "insert-new":
            self._logger.warning(
                "Stream '%s': its table has a key, so append-only adds new keys and leaves "
                "the rows of known ones as they are.",
                definition.stream,
            )
        return sink

    def activate(self, sink: Sink, version: int) -> None:
        """Retire the rows of earlier versions; a table that is overwritten has none."""
        if self._options.load_method == "overwrite":
            return

        def work(connection: Connection) -> None:
            counts = versions.activate(
                connection, sink.destination.shape, version, hard=self._options.hard_delete
            )
            self._ledger.record(connection, sink.definition.stream, counts)
            connection.commit()

        self._writer.call(work, give_up=self._stopping)

    # --- STATE and flushing ------------------------------------------------------------------

    def _take_state(self, value: bytes | None) -> None:
        # An empty state would have the runner forget the one it has.
        if value is None or not value.strip(b"{} \t"):
            return
        beginning = not self._has_begun and line_of(value)
        self._has_begun = True
        if beginning:
            # What the tap begins from: the runner has it already.
            check = partial(self._lineages.check, line=beginning)
            self._writer.call(check, give_up=self._stopping)
        else:
            self._state = value

    def flush(self) -> None:
        """Hand everything that waits to the writer, with the newest state."""
        self._check_stop()
        parts = self._intake.take()
        for part in parts:
            make_ready(part)
        rejections = self._rejects.drain()
        state = None if self._options.load_method == "overwrite" else self._state
        if not parts and not rejections and state is None:
            return
        if state is not None:
            self._state = None
        self._writer.submit(Batch(parts, rejections, state), give_up=self._stopping)

    def _inside(self, connection: Connection, batch: Batch, result: Result) -> None:
        """In the flush's transaction: what must be true exactly if the rows are there."""
        if batch.state is not None:
            self._lineages.keep(connection, batch.state)
        if result.rejections:
            table = self._systems.store.table("rejected_records")
            self._rejects.store(connection, table, result.rejections)
        for stream, counts in result.counts.items():
            self._ledger.record(connection, stream, counts)

    def _keep_line(self, connection: Connection) -> None:
        if self._state is not None:
            self._lineages.keep(connection, self._state)
            connection.commit()

    def _committed(self, batch: Batch, result: Result) -> None:
        if batch.state is not None:
            self._emit_state(batch.state)
        self._ledger.committed(result.counts)
        self._rejects.count(result.rejections)

    def _emit_state(self, state: bytes) -> None:
        if state != self._emitted:
            self._emit(state.decode("utf-8"))
            self._emitted = state

    # --- Endings -----------------------------------------------------------------------------

    def finish(self) -> None:
        """The input is complete: write the rest, swap, prune, and say what was done."""
        if self._closed:
            return
        try:
            self.flush()
            self._writer.drain(give_up=self._stopping)
            if self._options.load_method == "overwrite":
                self._writer.call(self._shadows.swap, give_up=self._stopping)
            if self._state is not None:
                self._writer.call(self._keep_line, give_up=self._stopping)
                self._emit_state(self._state)
            self._writer.close()
            self._note_prices()
            self._prune()
        except Stopped:
            self.interrupt()
        except BaseException as error:
            self.fail(error)
            raise
        self._close("succeeded", None)

    def _note_prices(self) -> None:
        """Chat requests are priced by SQL, which needs to know what their models cost."""
        if not self._ledger.has_written(model_prices.CHAT):
            return
        with explained(self._database), self._database.connect(purpose="prices") as connection:
            try:
                model_prices.learn(connection, self._database.schema, Prices({}, {}))
                connection.commit()
            except psycopg.errors.InsufficientPrivilege as error:
                self._logger.warning(
                    "What the models of chat requests cost could not be noted (%s); "
                    "`telemetry grant` gives the right.",
                    sentence(error),
                )

    def _prune(self) -> None:
        if not self._config["prune"]:
            return
        most = float(self._config["prune_max_seconds"])
        for pruned in prune.prune(
            self._database, self._policies, max_seconds=most, stop=self._stopping
        ):
            if pruned.rows:
                self._ledger_pruned(pruned.table, pruned.rows)
        self._check_stop()

    def _ledger_pruned(self, table: str, rows: int) -> None:
        with self._database.connect(purpose="ledger") as connection:
            self._ledger.record(connection, table, StreamCounts(pruned=rows))
            connection.commit()

    def fail(self, error: BaseException) -> BaseException:
        """Keep what came before a bad message, which is as true as ever, and say what ended it.

        Returns:
            What ended it: a record that the writer, who is behind, came to only now is the earlier.
        """
        if self._closed:
            return error
        earliest = error
        try:
            self._writer.check()
            if self._writer.working and self._options.load_method != "overwrite":
                self.flush()
                self._writer.drain(give_up=self._stopping)
        except InvalidRecordAt as refused:
            earliest = refused
        except Exception as second:  # noqa: BLE001 - the run ends for the first reason
            self._logger.debug("What came before the failure could not be written: %s", second)
        self._stop("failed", sentence(earliest))
        return earliest

    def interrupt(self) -> None:
        """A signal: let the open transaction end or roll it back, and leave with its number."""
        number = self._stop_signal() or 2
        if not self._closed:
            self._stop("interrupted", f"stopped by signal {number}")
        sys.exit(128 + number)

    def _stop(self, status: Status, error: str) -> None:
        self._writer.abandon_waiting()
        self._writer.close(grace=GRACE_SECONDS)
        self._close(status, error)

    def _close(self, status: Status, error: str | None) -> None:
        self._closed = True
        with self._stack:
            try:
                self._end(status, error)
            except (TelemetryError, psycopg.Error) as second:
                if error is None:
                    raise
                self._logger.warning("The ledger could not be closed: %s", second)
        for note in self._notes():
            self._logger.warning(note)
        self._logger.log(
            logging.INFO if error is None else logging.WARNING,
            "%s",
            "; ".join(self._ledger.summary()) or "Nothing was read.",
        )

    def _end(self, status: Status, error: str | None) -> None:
        with (
            explained(self._database),
            self._database.connect(purpose="ledger") as connection,
        ):
            if error is not None:
                self._shadows.drop(connection)
            self._ledger.finish(connection, status, error)
            connection.commit()

    def _notes(self) -> list[str]:
        if not self._intake.dropped_characters:
            return []
        return [
            (
                f"{self._intake.dropped_characters:,} NUL characters or halves of surrogate pairs "
                "were dropped: Postgres cannot store them."
            )
        ]

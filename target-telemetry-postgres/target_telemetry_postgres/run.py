"""One run: what it opens, the loop over its input, and how it ends.

The thread that runs this decodes and checks; the writer's thread talks to the database.
"""

from __future__ import annotations

import logging
import sys
import uuid
from contextlib import ExitStack
from typing import IO, TYPE_CHECKING, Any, Final, Literal

import psycopg

from target_telemetry_postgres.errors import TelemetryError, sentence
from target_telemetry_postgres.intake import lines
from target_telemetry_postgres.intake.dispatch import Dispatch
from target_telemetry_postgres.intake.handlers import Handlers
from target_telemetry_postgres.intake.sink import Sink
from target_telemetry_postgres.intake.waiting import Waiting
from target_telemetry_postgres.postgres.database import Database, explained, open_database
from target_telemetry_postgres.postgres.migrate import ensure_schema
from target_telemetry_postgres.postgres.store import look, require_ours
from target_telemetry_postgres.pricing import model_prices
from target_telemetry_postgres.pricing.prices import Prices
from target_telemetry_postgres.retention import prune
from target_telemetry_postgres.rows.rejection import RejectedRecordError
from target_telemetry_postgres.schema.definition import Definition, Options
from target_telemetry_postgres.settings import with_defaults
from target_telemetry_postgres.tables.swap import Shadows
from target_telemetry_postgres.tables.systems import Systems
from target_telemetry_postgres.write.ledger import StreamCounts, open_ledger
from target_telemetry_postgres.write.lineages import Lineages
from target_telemetry_postgres.write.opening import Opened, Opening
from target_telemetry_postgres.write.rejects import Rejects
from target_telemetry_postgres.write.writer import Stopped, Writer, two_threads_at_work

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Mapping

    from singer_sdk.mapper import PluginMapper

    from target_telemetry_postgres.buffer.buffer import Batch
    from target_telemetry_postgres.write.flush import Result
    from target_telemetry_postgres.write.stage import Connection

#: On a signal, how long the transaction under way may take to finish.
GRACE_SECONDS: Final = 5.0

Status = Literal["succeeded", "failed", "interrupted"]


class Run:
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
        self._emitted: bytes | None = None
        self._closed = False
        self._stack = ExitStack()
        self._rejects = Rejects(
            quarantine=self._options.quarantine,
            most=int(self._config["max_rejects"]),
        )
        try:
            self._open(mapper)
        except BaseException:
            self._stack.close()
            raise

    def _open(self, mapper: PluginMapper) -> None:
        self._database: Database = self._stack.enter_context(open_database(self._config))
        with explained(self._database):
            self._begin(mapper)

    def _begin(self, mapper: PluginMapper) -> None:
        prune.parse_policies(self._config)
        ensure_schema(self._database, self._config["migrate"])
        self.run_id = str(uuid.uuid4())
        self._rejects.run_id = self.run_id
        with self._database.connect(purpose="start") as connection:
            store = look(connection, self._database.schema)
            require_ours(store, self._database)
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
        self._logger.info(
            "Loading into schema %s of %s (%s).",
            store.schema,
            self._database.describe(),
            self._database.source,
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
        opening = Opening(
            self._writer,
            self._database.schema,
            self._systems,
            self._ledger,
            self._shadows,
            lineages=self._lineages,
            options=self._options,
            stopping=self._stopping,
            logger=self._logger,
        )
        self._waiting = Waiting(
            self._writer,
            self._rejects,
            batch_rows=int(self._config["batch_size_rows"]),
            keeps_states=self._options.load_method == "overwrite",
            stopping=self._stopping,
        )
        self._handlers = Handlers(
            opening,
            self._waiting,
            mapper,
            self._options,
            self._rejects,
            make_sink=self._make_sink,
            logger=self._logger,
        )
        self._dispatch = Dispatch(self._handlers, self._waiting)

    def _make_sink(self, definition: Definition, opened: Opened) -> Sink:
        sink = Sink(
            definition,
            opened.table,
            self._options,
            shadow=opened.shadow,
            sync_started_at=self._sync_started_at,
            logger=self._logger,
        )
        if opened.system_arrived:
            self._take_policies()
        cutoff = self._cutoffs.get(opened.table.name)
        if cutoff is not None:
            sink.expire_before(cutoff.column, cutoff.instant)
        if sink.destination.mode == "insert-new":
            self._logger.warning(
                "Stream '%s': its table has a key, so append-only adds new keys and leaves "
                "the rows of known ones as they are.",
                definition.stream,
            )
        return sink

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
        return self._dispatch.seen

    def _loop(self, source: IO[Any] | None) -> None:
        for text in lines.chunks(source):
            if text is None:
                self._writer.check()
                self._check_stop()
                self._waiting.flush_if_old()
            else:
                self._dispatch.take(text)

    def _check_stop(self) -> None:
        if self._stopping():
            raise Stopped

    def _stopping(self) -> bool:
        return self._stop_signal() is not None

    # --- In the writer's thread ---------------------------------------------------------------

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
        if self._waiting.state is not None:
            self._lineages.keep(connection, self._waiting.state)
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
            self._waiting.flush()
            self._writer.drain(give_up=self._stopping)
            if self._options.load_method == "overwrite":
                self._writer.call(self._shadows.swap, give_up=self._stopping)
            if self._waiting.state is not None:
                self._writer.call(self._keep_line, give_up=self._stopping)
                self._emit_state(self._waiting.state)
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
        """Reports price in SQL, which needs to know what models cost."""
        if not any(map(self._ledger.has_written, (model_prices.CHAT, model_prices.CALLS))):
            return
        with explained(self._database), self._database.connect(purpose="prices") as connection:
            try:
                model_prices.learn(connection, self._database.schema, Prices({}, {}))
                connection.commit()
            except psycopg.errors.InsufficientPrivilege as error:
                self._logger.warning(
                    "What models cost could not be noted (%s); `telemetry grant` gives the right.",
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
                self._waiting.flush()
                self._writer.drain(give_up=self._stopping)
        except RejectedRecordError as rejected:
            earliest = rejected
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
        if dropped := self._handlers.dropped_characters:
            self._logger.warning(
                "%s NUL characters or halves of surrogate pairs were dropped: Postgres cannot "
                "store them.",
                f"{dropped:,}",
            )
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

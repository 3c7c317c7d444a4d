"""A stream's table, opened before its rows come; and the rows of earlier versions, retired."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import psycopg
from psycopg import sql

from target_telemetry_postgres.schema.sdc_columns import DELETED_AT, TABLE_VERSION
from target_telemetry_postgres.tables.changes import prepare
from target_telemetry_postgres.write.ledger import StreamCounts

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable

    from target_telemetry_postgres.buffer.destination import TableColumns
    from target_telemetry_postgres.schema.definition import Definition, Options
    from target_telemetry_postgres.tables.catalog import Table
    from target_telemetry_postgres.tables.swap import Shadows
    from target_telemetry_postgres.tables.systems import Systems
    from target_telemetry_postgres.write.ledger import Ledger
    from target_telemetry_postgres.write.lineages import Line, Lineages
    from target_telemetry_postgres.write.writer import Writer

Connection = psycopg.Connection[tuple[Any, ...]]


class Opened(NamedTuple):
    """A stream's table.

    Attributes:
        table: As it is, with all that the stream needs.
        shadow: What is loaded instead, to take its place.
        system_arrived: Whether tables of ours were made for it.
    """

    table: Table
    shadow: Table | None
    system_arrived: bool


class Opening:
    """Opens tables on the writer's connection, in turn with its flushes."""

    def __init__(
        self,
        writer: Writer,
        schema: str,
        systems: Systems,
        ledger: Ledger,
        shadows: Shadows,
        *,
        lineages: Lineages,
        options: Options,
        stopping: Callable[[], bool],
        logger: logging.Logger,
    ) -> None:
        self._writer = writer
        self._schema = schema
        self._systems = systems
        self._ledger = ledger
        self._shadows = shadows
        self._lineages = lineages
        self._options = options
        self._stopping = stopping
        self._logger = logger

    def open(self, definition: Definition) -> Opened:
        """Bring a stream's table to what the stream needs, and enter the stream in the ledger."""
        wanted = definition.wanted()
        arrived = self._systems.arrive(wanted)
        keyed = bool(definition.key) and self._options.load_method != "append-only"

        def work(connection: Connection) -> Opened:
            table = prepare(connection, self._schema, wanted, keyed=keyed, log=self._logger.info)
            shadow = None
            if self._options.load_method == "overwrite":
                shadow = self._shadows.of(connection, table)
            self._ledger.begin(connection, definition.stream)
            connection.commit()
            return Opened(table, shadow, arrived)

        return self._writer.call(work, give_up=self._stopping)

    def begin_from(self, line: Line) -> None:
        """Look whether the state that the tap begins from belongs to this database."""
        self._writer.call(partial(self._lineages.check, line=line), give_up=self._stopping)

    def activate(self, stream: str, table: TableColumns, version: int) -> None:
        """Retire the rows of earlier versions; a table that is overwritten has none."""
        if self._options.load_method == "overwrite":
            return

        def work(connection: Connection) -> None:
            retired = connection.execute(
                retire(table, version, hard=self._options.hard_delete)
            ).rowcount
            self._ledger.record(connection, stream, StreamCounts(deleted=retired))
            connection.commit()

        self._writer.call(work, give_up=self._stopping)


def retire(table: TableColumns, version: int, *, hard: bool) -> sql.Composed:
    """Delete or mark every row that the version did not bring; one without a version is older."""
    return sql.SQL(
        "DELETE FROM {table} WHERE {old}"
        if hard
        else "UPDATE {table} SET {deleted} = now() WHERE ({old}) AND {deleted} IS NULL"
    ).format(
        table=table.target,
        deleted=sql.Identifier(DELETED_AT),
        old=sql.SQL("{0} IS NULL OR {0} < {1}").format(
            sql.Identifier(TABLE_VERSION), sql.Literal(version)
        ),
    )

"""What each run did to each stream, kept in `ingest_runs` by the transactions that did it.

The counts of a flush are added in the flush's own transaction, so a run that is killed leaves a row
that is true. A run holds an advisory lock while it lives; one that left `running` behind and no
lock was killed, and the next run marks it `interrupted`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final, Literal

import psycopg
from psycopg import sql

from target_telemetry_postgres.errors import MigrationError

if TYPE_CHECKING:
    import logging
    from collections.abc import Mapping

    from target_telemetry_postgres.postgres.store import Store

Connection = psycopg.Connection[tuple[Any, ...]]

_LONGEST_ERROR: Final = 2000


@dataclass
class StreamCounts:
    """What happened to records: of one flush, or of a whole run."""

    read: int = 0
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    deleted: int = 0
    rejected: int = 0
    expired: int = 0
    pruned: int = 0

    def plus(self, more: StreamCounts) -> StreamCounts:
        """The sum of both."""
        return StreamCounts(*(getattr(self, name) + getattr(more, name) for name in _COUNTS))

    @property
    def is_only_pruned(self) -> bool:
        """Whether rows went and no records came."""
        return self.pruned > 0 and self == StreamCounts(pruned=self.pruned)

    def __str__(self) -> str:
        """`1,204 read, 37 inserted, 4 updated, 1,163 unchanged`; what rarely happens, if it did."""
        always = () if self.is_only_pruned else _USUAL
        return ", ".join(
            f"{getattr(self, name):,} {name}"
            for name in _COUNTS
            if name in always or getattr(self, name)
        )


_COUNTS: Final = tuple(field.name for field in fields(StreamCounts))

_USUAL: Final = ("read", "inserted", "updated", "unchanged")

_ADD: Final = sql.SQL(", ").join(
    sql.SQL("{column} = {column} + {count}").format(
        column=sql.Identifier(f"rows_{name}"), count=sql.Placeholder(name)
    )
    for name in _COUNTS
)
_TOTALS: Final = sql.SQL(", ").join(sql.Identifier(f"rows_{name}") for name in _COUNTS)


class Ledger:
    """The rows of one run, one a stream."""

    def __init__(self, store: Store, run_id: str, state_id: str | None = None) -> None:
        self.run_id = run_id
        self.state_id = state_id
        self._table = store.table("ingest_runs")
        self._schema = store.schema
        self._totals: dict[str, StreamCounts] = {}
        self._locked: Connection | None = None

    def begin(self, conn: Connection, stream: str) -> None:
        """Open the stream's row; the caller commits. Doing it again for a stream is harmless."""
        self._hold_lock(conn)
        conn.execute(
            sql.SQL(
                "INSERT INTO {} (run_id, stream, state_id, status)"
                " VALUES (%s, %s, %s, 'running') ON CONFLICT DO NOTHING"
            ).format(self._table),
            [self.run_id, stream, self.state_id],
        )
        self._totals.setdefault(stream, StreamCounts())

    def record(self, conn: Connection, stream: str, counts: StreamCounts) -> None:
        """Add one flush's counts; called inside its transaction, and again if that is retried.

        What was pruned from a table that this run did not load makes no row: it would look like a
        load. `retention_policies` tells of it.
        """
        self._hold_lock(conn)
        row = conn.execute(
            sql.SQL(
                "UPDATE {} SET {}, last_write_at = clock_timestamp()"
                " WHERE run_id = %(run_id)s AND stream = %(stream)s RETURNING {}"
            ).format(self._table, _ADD, _TOTALS),
            {"run_id": self.run_id, "stream": stream}
            | {name: getattr(counts, name) for name in _COUNTS},
        ).fetchone()
        if row is not None:
            self._totals[stream] = StreamCounts(*row)
        elif counts.is_only_pruned:
            self._totals[stream] = counts
        else:
            self.begin(conn, stream)
            self.record(conn, stream, counts)

    def was_written_by(self, conn: Connection, transaction: int) -> bool:
        """Whether what is there of this run was last written by this transaction."""
        query = sql.SQL(
            "SELECT EXISTS (SELECT FROM {} WHERE run_id = %s AND xmin = %s::text::xid)"
        ).format(self._table)
        row = conn.execute(query, (self.run_id, transaction % 2**32)).fetchone()
        return row is not None and bool(row[0])

    def finish(
        self,
        conn: Connection,
        status: Literal["succeeded", "failed", "interrupted"],
        error: str | None = None,
    ) -> None:
        """Close every stream's row; the caller commits."""
        rows = conn.execute(
            sql.SQL(
                "UPDATE {} SET status = %s, error = %s, finished_at = clock_timestamp()"
                " WHERE run_id = %s RETURNING stream, {}"
            ).format(self._table, _TOTALS),
            [status, error and _stored(error), self.run_id],
        ).fetchall()
        # A flush that was rolled back and not repeated was counted here and not there.
        self._totals |= {stream: StreamCounts(*counts) for stream, *counts in rows}

    def mark_interrupted(self, conn: Connection) -> int:
        """Close the rows of runs that ended without closing them; the caller commits."""
        return conn.execute(
            sql.SQL(
                "WITH gone AS MATERIALIZED ("
                " SELECT run_id FROM (SELECT DISTINCT run_id FROM {table} WHERE status = 'running'"
                " AND run_id <> %(run_id)s) AS open"
                " WHERE pg_try_advisory_xact_lock(hashtextextended(%(scope)s || run_id, 0)))"
                " UPDATE {table} SET status = 'interrupted',"
                " finished_at = coalesce(last_write_at, started_at),"
                " error = 'the run ended without saying so: killed, or its machine was lost'"
                " WHERE status = 'running' AND run_id IN (SELECT run_id FROM gone)"
            ).format(table=self._table),
            {"run_id": self.run_id, "scope": self._lock_scope},
        ).rowcount

    def committed(self, counts: Mapping[str, StreamCounts]) -> None:
        """A flush is stored, and with it what `record` said of it."""

    def has_written(self, stream: str) -> bool:
        """Whether this run stored or changed rows of a stream."""
        counts = self._totals.get(stream, StreamCounts())
        return counts.inserted + counts.updated > 0

    def summary(self) -> list[str]:
        """One line a stream, such as `workflow_runs: 1,204 read, 37 inserted, …`."""
        return [f"{stream}: {counts}" for stream, counts in self._totals.items()]

    @property
    def _lock_scope(self) -> str:
        return f"telemetry run {self._schema} "

    def _hold_lock(self, conn: Connection) -> None:
        """Show other runs that this one lives, anew on each connection that carries it."""
        if self._locked is not conn:
            conn.execute(
                "SELECT pg_advisory_lock_shared(hashtextextended(%s || %s::uuid, 0))",
                [self._lock_scope, self.run_id],
            )
            self._locked = conn


class NoLedger(Ledger):
    """A run in a schema that has no ledger and may not get one: counted here, kept nowhere."""

    def begin(self, conn: Connection, stream: str) -> None:
        """Begin to count."""
        del conn
        self._totals.setdefault(stream, StreamCounts())

    def record(self, conn: Connection, stream: str, counts: StreamCounts) -> None:
        """A flush may be repeated, so it counts when it is committed."""

    def committed(self, counts: Mapping[str, StreamCounts]) -> None:
        """Add what a flush did."""
        for stream, more in counts.items():
            before = self._totals.get(stream, StreamCounts())
            self._totals[stream] = before.plus(more)

    def was_written_by(self, conn: Connection, transaction: int) -> bool:
        """Nobody can tell, so the flush is repeated: a row with a key is the same again."""
        del conn, transaction
        return False

    def finish(
        self,
        conn: Connection,
        status: Literal["succeeded", "failed", "interrupted"],
        error: str | None = None,
    ) -> None:
        """There is nothing to close."""

    def mark_interrupted(self, conn: Connection) -> int:
        """Nor anything of others."""
        del conn
        return 0


def open_ledger(store: Store, run_id: str, *, quarantine: bool, logger: logging.Logger) -> Ledger:
    """The ledger of a run, as far as the store has one.

    Raises:
        MigrationError: For a schema that is not there, or has nowhere to put rejected records.
    """
    state_id = meltano_state_id()
    if store.has_ledger:
        return Ledger(store, run_id, state_id)
    place = f'Schema "{store.schema}"'
    if not store.exists:
        raise MigrationError(
            f"{place} is not there and migrate is off; `telemetry migrate` makes it."
        )
    if quarantine:
        raise MigrationError(
            f"{place} has no ledger to keep rejected records in, and migrate is off: run "
            "`telemetry migrate`, or set invalid_record_treatment to fail."
        )
    logger.warning(
        "%s has no ledger and migrate is off: what this run does is told here and kept nowhere, "
        "and rows without a key may come twice should the connection break in a commit.",
        place,
    )
    return NoLedger(store, run_id, state_id)


def _stored(error: str) -> str:
    """One line that Postgres can store."""
    return " ".join(error.replace("\0", "").split())[:_LONGEST_ERROR]


def meltano_state_id(environ: Mapping[str, str] | None = None) -> str | None:
    """The state that Meltano keeps for this run, by the rule that Meltano names it with.

    Meltano tells a plugin its environment and both plugins' names, and not the id itself.
    """
    environ = os.environ if environ is None else environ
    if given := environ.get("MELTANO_STATE_ID"):
        return given
    environment = environ.get("MELTANO_ENVIRONMENT")
    tap, target = environ.get("MELTANO_EXTRACTOR_NAME"), environ.get("MELTANO_LOADER_NAME")
    if not (environment and tap and target):
        return None
    suffix = environ.get("MELTANO_RUN_STATE_ID_SUFFIX")
    return ":".join(filter(None, (environment, f"{tap}-to-{target}", suffix)))

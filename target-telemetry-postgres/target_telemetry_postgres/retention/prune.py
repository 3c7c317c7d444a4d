"""Retention: delete what is past its time without keeping writers and readers waiting.

Small pieces, each its own transaction, oldest rows first. Rows that a load holds are left for the
next time, and the condition is asked again when the row is deleted, so a row that has just been
brought up to date stays.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg import sql

from target_telemetry_postgres.errors import RetentionError
from target_telemetry_postgres.postgres.failures import explain, is_transient
from target_telemetry_postgres.postgres.store import look, require_ours
from target_telemetry_postgres.retention.pieces import plan
from target_telemetry_postgres.retention.policies import (
    Cutoff,
    Policy,
    check_policies,
    cutoffs,
    parse_policies,
)
from target_telemetry_postgres.table_names import STORED_AT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from target_telemetry_postgres.postgres.database import Database
    from target_telemetry_postgres.retention.pieces import Pieces

__all__ = [
    "Cutoff",
    "Policy",
    "PruneResult",
    "check_policies",
    "cutoffs",
    "parse_policies",
    "prune",
]

Connection = psycopg.Connection[tuple[Any, ...]]

LARGEST_CLOCK_DIFFERENCE: Final = timedelta(days=1)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PruneResult:
    """What was deleted from a table, or would be.

    `oldest` and `newest` are times of the rows that go. `complete` is false when time ran out,
    rows were held by others, or another run prunes.
    """

    table: str
    column: str
    cutoff: datetime
    rows: int = 0
    oldest: datetime | None = None
    newest: datetime | None = None
    complete: bool = True


@dataclass(frozen=True, slots=True)
class Target:
    """One policy, made concrete."""

    policy: Policy
    schema: str
    cutoff: datetime
    has_stored_at: bool

    @property
    def table(self) -> sql.Identifier:
        """The table's name."""
        return sql.Identifier(self.schema, self.policy.table)

    @property
    def column(self) -> sql.Identifier:
        """The column that decides."""
        return sql.Identifier(self.policy.column)

    def conditions(self) -> list[tuple[sql.Composable, str]]:
        """What a row past its time looks like, and the column to find it by.

        A row whose own time is missing, or lies in the future, goes by when it was stored.
        """
        cutoff = sql.Literal(self.cutoff)
        found: list[tuple[sql.Composable, str]] = [
            (sql.SQL("{} < {}").format(self.column, cutoff), self.policy.column)
        ]
        if self.has_stored_at and self.policy.column != STORED_AT:
            stored = sql.SQL("{} < {}").format(sql.Identifier(STORED_AT), cutoff)
            found += [
                (sql.SQL(unfit).format(self.column, stored), STORED_AT)
                for unfit in ("{} IS NULL AND {}", "{} > now() + interval '1 day' AND {}")
            ]
        return found


def prune(
    database: Database,
    policies: Iterable[Policy],
    *,
    dry_run: bool = False,
    max_seconds: float = 600,
    stop: Callable[[], bool] = lambda: False,
) -> list[PruneResult]:
    """Delete, or with `dry_run` count, what the policies let go; on a connection of its own.

    It ends between two pieces when `stop` says so; the rest goes next time.

    Raises:
        RetentionError: When the clocks of Postgres and of this machine disagree.
        DatabaseError: When Postgres refuses.
        ConfigError: When nobody said that this database is for telemetry.
    """
    deadline = time.monotonic() + max_seconds
    results = []
    try:
        with database.connect(autocommit=True, purpose="prune") as conn:
            if not dry_run:
                require_ours(look(conn, database.schema), database)
            targets = _targets(conn, database.schema, policies)
            for target in targets:
                if dry_run:
                    results.append(_count(conn, target))
                    continue
                result = _prune_table(conn, target, lambda: time.monotonic() > deadline or stop())
                _remember(conn, target, result)
                results.append(result)
    except psycopg.Error as error:
        raise explain(error, database) from error
    return results


def _targets(conn: Connection, schema: str, policies: Iterable[Policy]) -> list[Target]:
    policies = list(policies)
    row = conn.execute("SELECT now()").fetchone()
    there, here = (row[0] if row else None), datetime.now(timezone.utc)
    if there is None or abs(there - here) > LARGEST_CLOCK_DIFFERENCE:
        raise RetentionError(
            f"Nothing was pruned: Postgres says it is {there:%Y-%m-%d %H:%M} UTC and this machine "
            f"says {here:%Y-%m-%d %H:%M}; set the wrong clock right."
        )
    instants = cutoffs(conn, policies)
    stored = {
        name
        for (name,) in conn.execute(
            "SELECT table_name FROM information_schema.columns"
            " WHERE table_schema = %s AND column_name = %s",
            [schema, STORED_AT],
        )
    }
    return [Target(p, schema, instants[p.table].instant, p.table in stored) for p in policies]


def _count(conn: Connection, target: Target) -> PruneResult:
    where = sql.SQL(" OR ").join(
        sql.SQL("({})").format(condition) for condition, _ in target.conditions()
    )
    row = conn.execute(
        sql.SQL("SELECT count(*), {span} FROM {table} WHERE {where}").format(
            span=_span(target.column), table=target.table, where=where
        )
    ).fetchone()
    rows, oldest, newest = row or (0, None, None)
    return replace(_nothing(target), rows=rows, oldest=_instant(oldest), newest=_instant(newest))


def _prune_table(conn: Connection, target: Target, enough: Callable[[], bool]) -> PruneResult:
    result = _nothing(target)
    for pieces in plan(conn, target.schema, target.policy.table, target.conditions()):
        more = True
        while more:
            if enough():
                return replace(result, complete=False)
            started = time.monotonic()
            try:
                piece = _delete(conn, target, pieces)
            except psycopg.Error as error:
                if not is_transient(error) or conn.broken:
                    raise
                log.info("Pruning %s waits for the next run: %s", target.policy.table, error)
                return replace(result, complete=False)
            if piece is None:
                log.info("Another run is pruning; it will do the rest.")
                return replace(result, complete=False)
            result = _sum(result, piece)
            more = pieces.took(piece.rows, time.monotonic() - started)
    return result


def _delete(conn: Connection, target: Target, pieces: Pieces) -> PruneResult | None:
    """Delete the next piece; None when another run holds the lock."""
    with conn.transaction():
        conn.execute("SET LOCAL lock_timeout = '2s'")
        mine = conn.execute(
            "SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))",
            [f"telemetry prune of {target.schema}"],
        ).fetchone()
        if mine != (True,):
            return None
        row = conn.execute(
            sql.SQL(
                "WITH gone AS ("
                " DELETE FROM {table} WHERE ctid = ANY (ARRAY({piece})) AND {condition}"
                " RETURNING {column} AS at)"
                " SELECT count(*), {span} FROM gone"
            ).format(
                span=_span(sql.Identifier("at")),
                table=target.table,
                piece=pieces.piece(),
                condition=pieces.condition,
                column=target.column,
            )
        ).fetchone()
    rows, oldest, newest = row or (0, None, None)
    return replace(_nothing(target), rows=rows, oldest=_instant(oldest), newest=_instant(newest))


def _span(column: sql.Identifier) -> sql.Composed:
    """The first and the last time, brought into the years that Python has."""
    within = sql.SQL(
        "CASE WHEN {time} < '0001-01-01' THEN '0001-01-01'"
        " WHEN {time} > '9999-12-31' THEN '9999-12-31' ELSE {time} END"
    )
    times = [sql.SQL(which).format(column) for which in ("min({})", "max({})")]
    return sql.SQL(", ").join(within.format(time=at) for at in times)


def _remember(conn: Connection, target: Target, result: PruneResult) -> None:
    """Keep what was done where `pipeline_health` shows it; not in a schema made without us."""
    store = look(conn, target.schema)
    if not store.has_ledger:
        return
    conn.execute(
        sql.SQL(
            "INSERT INTO {table} AS kept (table_name, column_name, keep, cutoff, pruned_at,"
            " rows_pruned, is_complete, oldest_left)"
            " VALUES (%s, %s, %s::interval, %s, now(), %s, %s, (SELECT min({column}) FROM {rows}))"
            " ON CONFLICT (table_name) DO UPDATE SET column_name = excluded.column_name,"
            " keep = excluded.keep, cutoff = excluded.cutoff, pruned_at = excluded.pruned_at,"
            " rows_pruned = excluded.rows_pruned, is_complete = excluded.is_complete,"
            " oldest_left = excluded.oldest_left"
        ).format(table=store.table("retention_policies"), column=target.column, rows=target.table),
        [
            target.policy.table,
            target.policy.column,
            target.policy.keep,
            target.cutoff,
            result.rows,
            result.complete,
        ],
    )


def _nothing(target: Target) -> PruneResult:
    return PruneResult(target.policy.table, target.policy.column, target.cutoff)


def _sum(one: PruneResult, other: PruneResult) -> PruneResult:
    oldest = [at for at in (one.oldest, other.oldest) if at is not None]
    newest = [at for at in (one.newest, other.newest) if at is not None]
    return replace(
        one,
        rows=one.rows + other.rows,
        oldest=min(oldest, default=None),
        newest=max(newest, default=None),
    )


def _instant(value: Any) -> datetime | None:
    """A time of any of the three types, as an instant; a naive one and a day are UTC."""
    if value is None or isinstance(value, datetime):
        return value if value is None or value.tzinfo else value.replace(tzinfo=timezone.utc)
    return datetime(value.year, value.month, value.day, tzinfo=timezone.utc)

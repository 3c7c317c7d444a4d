"""One flush: every waiting row of every stream, in one transaction on one connection."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Final

import psycopg

from target_telemetry_postgres.write import stage, statements
from target_telemetry_postgres.write.ledger import StreamCounts
from target_telemetry_postgres.write.refused_row import good_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from target_telemetry_postgres.buffer.buffer import Batch, Part
    from target_telemetry_postgres.rows.rejection import Rejection
    from target_telemetry_postgres.rows.values import Row
    from target_telemetry_postgres.write.stage import Connection


#: Errors that are about a value, not about the server or the statement.
VALUE_ERRORS: Final = (psycopg.DataError, psycopg.IntegrityError)
_TOO_LARGE: Final = ("54000", "54001", "53400")


class _NotNew(Exception):  # noqa: N818 - a detour, not an error
    """Rows that were expected to be new were not."""


@dataclass(slots=True)
class Result:
    """What a flush did."""

    transaction: int
    counts: dict[str, StreamCounts] = field(default_factory=dict)
    rejections: list[Rejection] = field(default_factory=list)


def write(connection: Connection, batch: Batch, *, apart: bool = False) -> Result:
    """Write everything in a transaction that the caller commits.

    First all of it without precautions, which would cost a round trip each. If the server refuses
    anything, the transaction is begun again, and every stream has a savepoint to fall back to;
    `apart` does so at once.
    """
    put_apart = partial(_put_apart, first_ends=batch.first_rejection_ends)
    if apart:
        return _write(connection, batch, put_apart)
    try:
        try:
            return _write(connection, batch, _put_straight)
        except _NotNew:
            connection.rollback()
            return _write(connection, batch, _put_staged)
    except psycopg.Error as error:
        if not (about_a_value(error) or isinstance(error, psycopg.errors.CardinalityViolation)):
            raise
    connection.rollback()
    return _write(connection, batch, put_apart)


def _write(
    connection: Connection,
    batch: Batch,
    put: Callable[[Connection, Part, StreamCounts], list[Rejection]],
) -> Result:
    """Every stream, in the order of the tables' names, so that two runs lock in the same order."""
    # A pooler may have handed out a server that did not see our session's settings.
    begun = connection.execute("SET LOCAL timezone TO 'UTC'; SELECT txid_current()")
    begun.nextset()
    (transaction,) = begun.fetchone() or (0,)
    result = Result(int(transaction), rejections=list(batch.rejections))
    for part in sorted(batch.parts, key=lambda part: part.destination.table.stage_name):
        counts = result.counts.setdefault(part.destination.stream, StreamCounts())
        counts.read += part.read
        counts.expired += part.expired
        counts.rejected += part.rejected
        refused = put(connection, part, counts)
        counts.rejected += len(refused)
        # Also a record that a later one of its key replaced before anything was written.
        counts.unchanged = (
            counts.read
            - counts.inserted
            - counts.updated
            - counts.deleted
            - counts.rejected
            - counts.expired
        )
        result.rejections += refused
    return result


def _put_straight(connection: Connection, part: Part, counts: StreamCounts) -> list[Rejection]:
    """As `_put_staged`, but straight into the table where the rows are expected to be new.

    Raises:
        _NotNew: If one is not.
    """
    destination, text = part.destination, part.text
    if text is None or not stage.expects_new(destination, text):
        return _put_staged(connection, part, counts)
    table = replace(destination.table, unmentioned=part.unmentioned)
    if part.deleted:
        counts.deleted += stage.delete(connection, part)
    try:
        counts.inserted += stage.fill(connection, statements.copy_to_target, part, table, text)
    except (psycopg.errors.UniqueViolation, psycopg.errors.ExclusionViolation) as error:
        destination.expectation.disappointed()
        raise _NotNew from error
    return []


def _put_staged(connection: Connection, part: Part, counts: StreamCounts) -> list[Rejection]:
    """Everything of a stream, if the server refuses nothing."""
    if part.deleted:
        counts.deleted += stage.delete(connection, part)
    if part.text is not None or part.rows:
        stage.put(connection, part, part.text or part.rows, counts)
    return []


def _put_apart(
    connection: Connection, part: Part, counts: StreamCounts, *, first_ends: bool
) -> list[Rejection]:
    """Everything of a stream but the rows that the server refuses, which come back.

    Only the first of them where it ends the run.
    """
    # What would be checked at the end only is then known of each stream, not of all together.
    connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
    if part.deleted:
        with connection.transaction():
            counts.deleted += stage.delete(connection, part)
    # Row by row, so that the server says which one it means.
    rows = part.listed()
    return _put_good(connection, part, rows, counts, first_ends=first_ends) if rows else []


def _put_good(
    connection: Connection,
    part: Part,
    rows: Sequence[Row],
    counts: StreamCounts,
    *,
    first_ends: bool,
) -> list[Rejection]:
    """Rows, halved where the server refuses them, down to those that it means.

    However many are refused, a row is sent about as often as their number can be halved.
    """
    done = StreamCounts()
    try:
        with connection.transaction():
            _put_apart_by_key(connection, part, rows, done)
            stage.empty(connection, part)
    except psycopg.Error as error:
        if not about_a_value(error):
            raise
        middle = len(rows) // 2
        if not middle:
            kept, rejections = good_of(
                part, rows[0], error, lambda row: _refused(connection, part, row)
            )
            if kept is not None:
                _put_good(connection, part, [kept], counts, first_ends=first_ends)
            return rejections
        rejections = []
        for half in (rows[:middle], rows[middle:]):
            rejections += _put_good(connection, part, half, counts, first_ends=first_ends)
            if rejections and first_ends:
                break
        return rejections
    counts.inserted += done.inserted
    counts.updated += done.updated
    return []


def _put_apart_by_key(
    connection: Connection, part: Part, rows: Sequence[Row], counts: StreamCounts
) -> None:
    """As `stage.put`, also where keys that differ as they were sent are one in the table.

    Text that ignores case and a rounded number are such keys. In two statements the later row
    wins, as it should.
    """
    middle = len(rows) // 2
    try:
        with connection.transaction():
            stage.put(connection, part, rows, counts)
    except psycopg.errors.CardinalityViolation:
        if not middle:
            raise
        for half in (rows[:middle], rows[middle:]):
            _put_apart_by_key(connection, part, half, counts)
            stage.empty(connection, part)


def _refused(connection: Connection, part: Part, row: Row) -> psycopg.Error | None:
    """What the server says of a row; what is tried is rolled back."""
    try:
        with connection.transaction(force_rollback=True):
            _put_apart_by_key(connection, part, [row], StreamCounts())
    except psycopg.Error as error:
        if not about_a_value(error):
            raise
        return error
    return None


def about_a_value(error: psycopg.Error) -> bool:
    """Whether the server refuses a row, rather than the statement or everything."""
    if error.sqlstate in _TOO_LARGE:
        return True
    return isinstance(error, VALUE_ERRORS)

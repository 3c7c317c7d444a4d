"""One stream's rows into its table: staged and merged, or straight, or deleted by key."""

from __future__ import annotations

from dataclasses import replace
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import psycopg

from target_telemetry_postgres.buffer.expectation import MOSTLY
from target_telemetry_postgres.buffer.ready import cells_of
from target_telemetry_postgres.rows.copy_text import CopyText
from target_telemetry_postgres.rows.values import UNSET, Row, array_literal
from target_telemetry_postgres.write import statements

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from psycopg import sql

    from target_telemetry_postgres.buffer.buffer import Part
    from target_telemetry_postgres.buffer.destination import Destination, TableColumns
    from target_telemetry_postgres.write.ledger import StreamCounts

Connection = psycopg.Connection[tuple[Any, ...]]


def put(
    connection: Connection, part: Part, rows: CopyText | Sequence[Row], counts: StreamCounts
) -> None:
    """Store rows that are all good, or raise what the server says of the first bad one."""
    destination = part.destination
    table = replace(destination.table, unmentioned=part.unmentioned)
    if not table.mentioned:
        amount = _amount(rows)
        connection.execute(statements.insert_empty(table, amount))
        counts.inserted += amount
    elif destination.mode == "append":
        counts.inserted += fill(connection, statements.copy_to_target, part, table, rows)
    else:
        inserted, written = _merge(connection, part, table, rows)
        counts.inserted += inserted
        counts.updated += written - inserted
        if destination.mode == "upsert" and isinstance(rows, CopyText):
            destination.expectation.merged(rows.rows, inserted=inserted, written=written)


def expects_new(destination: Destination, text: CopyText) -> bool:
    """Whether to do without staging; in the order of the keys, as ever."""
    return (
        text.in_order
        and destination.takes_copies
        and destination.expectation.expects_new(text.rows)
    )


def _merge(
    connection: Connection, part: Part, table: TableColumns, rows: CopyText | Sequence[Row]
) -> tuple[int, int]:
    destination, absent, say = part.destination, part.absent, part.destination.statement_cache.get
    connection.execute(say(statements.create_stage, table))
    fill(connection, statements.copy_to_stage, part, table, rows, absent=absent)
    if destination.mode == "insert-new":
        return _pair(connection, say(statements.insert_new, table))
    if absent:
        connection.execute(say(statements.lock_known, table, null_keys=part.null_keys))
        connection.execute(say(statements.fill_absent, table, null_keys=part.null_keys))
    return merge(connection, destination, table, _amount(rows))


def merge(
    connection: Connection, destination: Destination, table: TableColumns, amount: int
) -> tuple[int, int]:
    """Merge about so many staged rows, each key once; returns (inserted, written)."""
    skip_known = destination.expectation.known
    if not skip_known:
        sampled, known = _pair(connection, statements.sample_unchanged(table, amount))
        skip_known = known >= MOSTLY * max(sampled, 1)
    columns = not destination.partitioned
    make = destination.statement_cache.get
    return _pair(
        connection, make(statements.merge, table, skip_known=skip_known, system_columns=columns)
    )


def empty(connection: Connection, part: Part) -> None:
    """Make the stage ready for other rows in the same transaction, if rows go there at all."""
    destination = part.destination
    if destination.mode != "append" and destination.table.columns:
        connection.execute(statements.empty_stage(destination.table))


def delete(connection: Connection, part: Part) -> int:
    """Delete the rows whose keys a part says are gone; returns how many there were."""
    table = part.destination.table
    at = [list(table.columns).index(name) for name in table.key]
    connection.execute(statements.create_stage(table))
    keys = [[*(row[index] for index in at), row[-1]] for row in part.deleted]
    _copy(connection, statements.copy_keys(table), keys, itemgetter(slice(-1)))
    (deleted,) = _one(connection, statements.delete_staged(table, null_keys=part.null_keys))
    connection.execute(statements.empty_stage(table))
    return int(deleted)


def fill(
    connection: Connection,
    make: Callable[..., sql.Composed],
    part: Part,
    table: TableColumns,
    rows: CopyText | Sequence[Row],
    **options: bool,
) -> int:
    """COPY rows in either form; returns how many were stored."""
    if not isinstance(rows, CopyText):
        cells = _with_absent if part.absent else cells_of(table)
        return _copy(connection, make(table, text=False, **options), rows, cells)
    statement = part.destination.statement_cache.get(make, table, text=True, **options)
    with connection.cursor() as cursor:
        with cursor.copy(statement) as copy:
            copy.write(rows.text)
        return cursor.rowcount


def _copy(
    connection: Connection,
    statement: sql.Composed,
    rows: Sequence[Row],
    cells: Callable[[Row], Sequence[Any]],
) -> int:
    with connection.cursor() as cursor:
        with cursor.copy(statement) as copy:
            write_row = copy.write_row
            for row in rows:
                write_row(cells(row))
        return cursor.rowcount


def _amount(rows: CopyText | Sequence[Row]) -> int:
    return rows.rows if isinstance(rows, CopyText) else len(rows)


def _with_absent(row: Row) -> Row:
    if UNSET not in row:
        return [*row[:-1], None]
    missing = [number for number, value in enumerate(row) if value is UNSET]
    values = [None if value is UNSET else value for value in row[:-1]]
    return [*values, array_literal(missing)]


def _pair(connection: Connection, statement: sql.Composed | str) -> tuple[int, int]:
    first, second = _one(connection, statement)
    return int(first), int(second)


def _one(connection: Connection, statement: sql.Composed | str) -> tuple[Any, ...]:
    row = connection.execute(statement).fetchone()
    return row if row is not None else (0, 0)

"""One flush: every waiting row of every stream, in one transaction on one connection."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

import psycopg

from target_telemetry_postgres.buffer.expectation import MOSTLY
from target_telemetry_postgres.rows.copy_text import CopyText, from_lines, json_lines
from target_telemetry_postgres.rows.plan import UNSET, Row
from target_telemetry_postgres.rows.values import array_literal
from target_telemetry_postgres.write import statements
from target_telemetry_postgres.write.ledger import StreamCounts
from target_telemetry_postgres.write.refused_row import without_culprit

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from psycopg import sql

    from target_telemetry_postgres.buffer.buffer import Batch, Destination, Part
    from target_telemetry_postgres.rows.rejection import Rejection
    from target_telemetry_postgres.write.statements import Shape

Connection = psycopg.Connection[tuple[Any, ...]]

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


def make_ready(part: Part) -> None:
    """Do what needs no connection; for the thread that decodes, while another batch is written."""
    if part.pack is not None:
        part.text = part.pack.text()
        return
    shape = part.destination.shape
    if part.absent:
        # A row that another replaced may come after all, and may leave out more.
        part.unmentioned = _unmentioned(shape, [*part.rows, *part.replaced.values()])
        part.absent = not part.unmentioned
    if part.rows and len(shape.columns) > len(part.unmentioned) and not part.absent:
        cells = _cells(replace(shape, unmentioned=part.unmentioned))
        lines = json_lines(list(map(cells, part.rows)))
        if lines is not None:
            part.text = CopyText(from_lines(lines), len(part.rows))


def write(connection: Connection, batch: Batch, *, apart: bool = False) -> Result:
    """Write everything in a transaction that the caller commits.

    First all of it without precautions, which would cost a round trip each. If the server refuses
    anything, the transaction is begun again, and every stream has a savepoint to fall back to;
    `apart` does so at once.
    """
    if apart:
        return _write(connection, batch, _put_apart)
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
    return _write(connection, batch, _put_apart)


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
    for part in sorted(batch.parts, key=lambda part: part.destination.shape.stage_name):
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
    if text is None or not _expects_new(destination, text):
        return _put_staged(connection, part, counts)
    shape = replace(destination.shape, unmentioned=part.unmentioned)
    if part.deleted:
        counts.deleted += _delete(connection, part)
    try:
        counts.inserted += _fill(connection, statements.copy_to_target, part, shape, text)
    except (psycopg.errors.UniqueViolation, psycopg.errors.ExclusionViolation) as error:
        destination.habit.disappointed()
        raise _NotNew from error
    return []


def _put_staged(connection: Connection, part: Part, counts: StreamCounts) -> list[Rejection]:
    """Everything of a stream, if the server refuses nothing."""
    if part.deleted:
        counts.deleted += _delete(connection, part)
    if part.text is not None or part.rows:
        _put(connection, part, part.text or part.rows, counts)
    return []


def _put_apart(connection: Connection, part: Part, counts: StreamCounts) -> list[Rejection]:
    """Everything of a stream but the rows that the server refuses, which come back."""
    refused: list[Rejection] = []
    # What would be checked at the end only is then known of each stream, not of all together.
    connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
    if part.deleted:
        with connection.transaction():
            counts.deleted += _delete(connection, part)
    # Row by row, so that the server says which one it means.
    rows = part.listed()
    while rows:
        done = StreamCounts()
        try:
            with connection.transaction():
                _put_apart_by_key(connection, part, rows, done)
        except psycopg.Error as error:
            if not about_a_value(error):
                raise
            rows, rejection = without_culprit(
                part, rows, error, lambda some: _refused(connection, part, some)
            )
            refused.append(rejection)
        else:
            counts.inserted += done.inserted
            counts.updated += done.updated
            break
    return refused


def _put_apart_by_key(
    connection: Connection, part: Part, rows: Sequence[Row], counts: StreamCounts
) -> None:
    """As `_put`, also where keys that differ as they were sent are one in the table.

    Text that ignores case and a rounded number are such keys. In two statements the later row
    wins, as it should.
    """
    middle = len(rows) // 2
    try:
        with connection.transaction():
            _put(connection, part, rows, counts)
    except psycopg.errors.CardinalityViolation:
        if not middle:
            raise
        for half in (rows[:middle], rows[middle:]):
            _put_apart_by_key(connection, part, half, counts)
            connection.execute(statements.empty_stage(part.destination.shape))


def _refused(connection: Connection, part: Part, rows: Sequence[Row]) -> psycopg.Error | None:
    """What the server says of these rows; what is tried is rolled back."""
    try:
        with connection.transaction(force_rollback=True):
            _put_apart_by_key(connection, part, rows, StreamCounts())
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


def _put(
    connection: Connection, part: Part, rows: CopyText | Sequence[Row], counts: StreamCounts
) -> None:
    """Store rows that are all good, or raise what the server says of the first bad one."""
    destination = part.destination
    shape = replace(destination.shape, unmentioned=part.unmentioned)
    if not shape.columns:
        connection.execute(statements.insert_empty(shape, len(rows)))
        counts.inserted += len(rows)
    elif destination.mode == "append":
        counts.inserted += _fill(connection, statements.copy_to_target, part, shape, rows)
    else:
        inserted, written = _merge(connection, part, shape, rows)
        counts.inserted += inserted
        counts.updated += written - inserted
        if destination.mode == "upsert" and isinstance(rows, CopyText):
            destination.habit.merged(rows.rows, inserted=inserted, written=written)


def _expects_new(destination: Destination, text: CopyText) -> bool:
    """Whether to do without staging; in the order of the keys, as ever."""
    return text.in_order and destination.takes_copies and destination.habit.expects_new(text.rows)


def _merge(
    connection: Connection, part: Part, shape: Shape, rows: CopyText | Sequence[Row]
) -> tuple[int, int]:
    destination, absent, say = part.destination, part.absent, part.destination.phrases.say
    connection.execute(say(statements.create_stage, shape))
    _fill(connection, statements.copy_to_stage, part, shape, rows, absent=absent)
    if destination.mode == "insert-new":
        return _pair(connection, say(statements.insert_new, shape))
    if absent:
        connection.execute(say(statements.lock_known, shape, null_keys=part.null_keys))
        connection.execute(say(statements.fill_absent, shape, null_keys=part.null_keys))
    skip_known = destination.habit.known
    if not skip_known:
        amount = rows.rows if isinstance(rows, CopyText) else len(rows)
        sampled, known = _pair(connection, statements.sample_unchanged(shape, amount))
        skip_known = known >= MOSTLY * max(sampled, 1)
    columns = not destination.partitioned
    return _pair(
        connection, say(statements.merge, shape, skip_known=skip_known, system_columns=columns)
    )


def _delete(connection: Connection, part: Part) -> int:
    shape = part.destination.shape
    at = [list(shape.columns).index(name) for name in shape.key]
    connection.execute(statements.create_stage(shape))
    keys = [[*(row[index] for index in at), row[-1]] for row in part.deleted]
    _copy(connection, statements.copy_keys(shape), keys, itemgetter(slice(-1)))
    (deleted,) = _one(connection, statements.delete_staged(shape, null_keys=part.null_keys))
    connection.execute(statements.empty_stage(shape))
    return int(deleted)


def _unmentioned(shape: Shape, rows: Sequence[Row]) -> frozenset[str]:
    """The columns that no row mentions, if these are all that any row leaves out.

    A tap names the same properties in all its records, so this is the usual case; then the known
    rows need not be read to keep what they have there.
    """
    missing = [number for number, value in enumerate(rows[0]) if value is UNSET]
    if not missing:
        return frozenset()
    columns = list(shape.columns)
    names = frozenset(columns[number] for number in missing)
    if names & shape.not_null:
        return frozenset()
    pick = itemgetter(*missing)
    expected, amount = pick(rows[0]), len(missing)
    alike = all(pick(row) == expected and row.count(UNSET) == amount for row in rows)
    return names if alike else frozenset()


def _cells(shape: Shape) -> Callable[[Row], Sequence[Any]]:
    """What a row sends: all but its line number, and what no row mentions."""
    if not shape.unmentioned:
        return itemgetter(slice(-1))
    at = [number for number, name in enumerate(shape.columns) if name not in shape.unmentioned]
    return itemgetter(*at) if len(at) > 1 else itemgetter(slice(at[0], at[0] + 1))


def _fill(
    connection: Connection,
    make: Callable[..., sql.Composed],
    part: Part,
    shape: Shape,
    rows: CopyText | Sequence[Row],
    **options: bool,
) -> int:
    """COPY rows in either form; returns how many were stored."""
    if not isinstance(rows, CopyText):
        cells = _with_absent if part.absent else _cells(shape)
        return _copy(connection, make(shape, text=False, **options), rows, cells)
    statement = part.destination.phrases.say(make, shape, text=True, **options)
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

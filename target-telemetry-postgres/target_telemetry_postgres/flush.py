"""One flush: every waiting row of every stream, in one transaction on one connection."""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

import psycopg

from target_telemetry_postgres import upsert
from target_telemetry_postgres.convert import array_literal
from target_telemetry_postgres.copytext import copy_text, json_lines
from target_telemetry_postgres.ledger import StreamCounts
from target_telemetry_postgres.rejection import Rejection
from target_telemetry_postgres.rows import UNSET, Row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from psycopg import sql

    from target_telemetry_postgres.batches import Batch, Destination, Part
    from target_telemetry_postgres.upsert import Shape

Connection = psycopg.Connection[tuple[Any, ...]]

#: Errors that are about a value, not about the server or the statement.
VALUE_ERRORS: Final = (psycopg.DataError, psycopg.IntegrityError)
_TOO_LARGE: Final = ("54000", "54001", "53400")
#: Filter out known rows first when at least this share of a sample is known.
_MOSTLY: Final = 0.5
#: How much text is handed over at a time.
_PIECE: Final = 1 << 17
_COPY_LINE: Final = re.compile(r"\D*(\d+)(?:, \D*? ([^:]+))?")


@dataclass(slots=True)
class Result:
    """What a flush did."""

    counts: dict[str, StreamCounts] = field(default_factory=dict)
    rejections: list[Rejection] = field(default_factory=list)


def make_ready(part: Part) -> None:
    """Do what needs no connection; for the thread that decodes, while another batch is written."""
    if part.pack is not None:
        part.text, part.size = part.pack.text()
        return
    shape = part.destination.shape
    part.size = len(part.rows)
    if part.absent:
        # A row that another replaced may come after all, and may leave out more.
        part.unmentioned = _unmentioned(shape, [*part.rows, *part.replaced.values()])
        part.absent = not part.unmentioned
    mentioned = len(shape.columns) - len(part.unmentioned)
    if part.rows and mentioned and not part.absent:
        cells = _cells(replace(shape, unmentioned=part.unmentioned))
        lines = json_lines(list(map(cells, part.rows)))
        part.text = None if lines is None else copy_text(lines)


def write(connection: Connection, batch: Batch) -> Result:
    """Write everything, in the open transaction; the caller commits.

    Streams go in the order of their tables' names, so that two runs lock in the same order.
    """
    result = Result(rejections=list(batch.rejections))
    for part in sorted(batch.parts, key=lambda part: part.destination.shape.stage_name):
        counts = result.counts.setdefault(part.destination.stream, StreamCounts())
        counts.read += part.read
        counts.expired += part.expired
        counts.rejected += part.rejected
        refused = _write_part(connection, part, counts)
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


def _write_part(connection: Connection, part: Part, counts: StreamCounts) -> list[Rejection]:
    refused: list[Rejection] = []
    if part.deleted:
        with _savepoint(connection):
            counts.deleted += _delete(connection, part)
    rows = part.rows if part.text is None else None
    while rows is None or rows:
        try:
            with _savepoint(connection):
                _put(connection, part, rows, counts)
        except psycopg.Error as error:
            if not _about_a_value(error):
                raise
            if rows is None:
                # Row by row, the server says which one it means.
                rows = part.listed()
                continue
            rows, rejection = _without_culprit(connection, part, rows, error)
            refused.append(rejection)
        else:
            break
    return refused


@contextmanager
def _savepoint(connection: Connection) -> Iterator[None]:
    with connection.transaction():
        yield


def _about_a_value(error: psycopg.Error) -> bool:
    if error.sqlstate in _TOO_LARGE:
        return True
    return isinstance(error, VALUE_ERRORS)


def _put(
    connection: Connection, part: Part, rows: Sequence[Row] | None, counts: StreamCounts
) -> None:
    """Store rows that are all good, or raise what the server says of the first bad one.

    None means all of them, as the text that was made of them.
    """
    destination = part.destination
    shape = replace(destination.shape, unmentioned=part.unmentioned)
    if rows is None and _put_new(connection, part, counts):
        return
    if rows is not None and not shape.columns:
        connection.execute(upsert.insert_empty(shape, len(rows)))
        counts.inserted += len(rows)
        return
    if destination.mode == "append":
        counts.inserted += _fill(connection, upsert.copy_to_target(shape), part, rows)
        return
    try:
        with connection.transaction():
            inserted, written = _merge(connection, part, shape, rows)
    except psycopg.errors.CardinalityViolation:
        # Two keys that differ as they were sent are one in the table (citext, a rounded numeric):
        # in two statements the later one wins, as it should.
        rows = part.listed() if rows is None else rows
        middle = len(rows) // 2
        if not middle:
            raise
        for half in (rows[:middle], rows[middle:]):
            _put(connection, part, half, counts)
            connection.execute(upsert.empty_stage(shape))
        return
    counts.inserted += inserted
    counts.updated += written - inserted
    if rows is None:
        destination.habit.merged(part.size, inserted)


def _put_new(connection: Connection, part: Part, counts: StreamCounts) -> bool:
    """Try to do without staging, where only new keys are expected; False if that was wrong."""
    destination = part.destination
    ordered = part.pack is not None and part.pack.ordered
    expected = destination.mode == "upsert" and destination.habit.expects_new_keys(part.size)
    if not (destination.takes_copies and ordered and expected):
        return False
    try:
        with connection.transaction():
            inserted = _fill(connection, upsert.copy_to_target(destination.shape), part, None)
    except psycopg.Error as error:
        if not _about_a_value(error):
            raise
        destination.habit.disappointed()
        return False
    counts.inserted += inserted
    return True


def _merge(
    connection: Connection, part: Part, shape: Shape, rows: Sequence[Row] | None
) -> tuple[int, int]:
    destination, absent = part.destination, part.absent
    connection.execute(upsert.create_stage(shape))
    mentioned = [name for name in shape.columns if name not in shape.unmentioned]
    _fill(connection, upsert.copy_to_stage(shape, mentioned, absent=absent), part, rows)
    if destination.mode == "insert-new":
        return _pair(connection, upsert.insert_new(shape))
    if absent:
        connection.execute(upsert.lock_known(shape, null_keys=part.null_keys))
        connection.execute(upsert.fill_absent(shape, null_keys=part.null_keys))
    sampled, known = _pair(connection, upsert.sample_unchanged(shape, part.size))
    return _pair(
        connection,
        upsert.merge(
            shape,
            skip_known=known >= _MOSTLY * max(sampled, 1),
            system_columns=not destination.partitioned,
        ),
    )


def _delete(connection: Connection, part: Part) -> int:
    shape = part.destination.shape
    at = [list(shape.columns).index(name) for name in shape.key]
    connection.execute(upsert.create_stage(shape))
    keys = [[*(row[index] for index in at), row[-1]] for row in part.deleted]
    _copy(connection, upsert.copy_to_stage(shape, shape.key), keys, itemgetter(slice(-1)))
    (deleted,) = _one(connection, upsert.delete_staged(shape, null_keys=part.null_keys))
    connection.execute(upsert.empty_stage(shape))
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
    connection: Connection, statement: sql.Composed, part: Part, rows: Sequence[Row] | None
) -> int:
    """COPY the rows, or the text that was made of all of them."""
    if rows is not None:
        shape = replace(part.destination.shape, unmentioned=part.unmentioned)
        return _copy(connection, statement, rows, _with_absent if part.absent else _cells(shape))
    text = memoryview(part.text or b"")
    with connection.cursor() as cursor:
        with cursor.copy(upsert.from_text(statement)) as copy:
            for start in range(0, len(text), _PIECE):
                copy.write(text[start : start + _PIECE])
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


def _pair(connection: Connection, statement: sql.Composed) -> tuple[int, int]:
    first, second = _one(connection, statement)
    return int(first), int(second)


def _one(connection: Connection, statement: sql.Composed) -> tuple[Any, ...]:
    row = connection.execute(statement).fetchone()
    return row if row is not None else (0, 0)


# --- The one row that the server refuses -----------------------------------------------------


def _without_culprit(
    connection: Connection, part: Part, rows: Sequence[Row], error: psycopg.Error
) -> tuple[list[Row], Rejection]:
    """The rows without the one that the server refused, and why it did."""
    at, column = _place(error, part.destination)
    if at is None or at >= len(rows):
        at, error = _search(connection, part, rows, error)
    rejection = _rejection(part.destination, rows[at], error, column or error.diag.column_name)
    earlier = part.replaced.get(id(rows[at]))
    instead = [] if earlier is None else [earlier]
    return [*rows[:at], *instead, *rows[at + 1 :]], rejection


def _place(error: psycopg.Error, destination: Destination) -> tuple[int | None, str | None]:
    """The row and column that COPY names in its context, in whatever language."""
    appending = destination.mode == "append"
    into = destination.table if appending else destination.shape.stage_name
    copying = f"COPY {into}, "
    for line in (error.diag.context or "").splitlines():
        match = line.startswith(copying) and _COPY_LINE.match(line, len(copying))
        if match:
            return int(match[1]) - 1, match[2]
    return None, None


def _search(
    connection: Connection, part: Part, rows: Sequence[Row], error: psycopg.Error
) -> tuple[int, psycopg.Error]:
    """Find a refused row by halving; what is tried is rolled back."""
    low, high = 0, len(rows)
    while high - low > 1:
        middle = (low + high) // 2
        refused = _refused(connection, part, rows[low:middle])
        if refused is None:
            low = middle
        else:
            high, error = middle, refused
    return low, error


def _refused(connection: Connection, part: Part, rows: Sequence[Row]) -> psycopg.Error | None:
    try:
        with connection.transaction(force_rollback=True):
            _put(connection, part, rows, StreamCounts())
    except psycopg.Error as error:
        if not _about_a_value(error):
            raise
        return error
    return None


def _rejection(
    destination: Destination, row: Row, error: psycopg.Error, column: str | None
) -> Rejection:
    names = list(destination.shape.columns)
    record = {
        destination.originals.get(name, name): value
        for name, value in zip(names, row[:-1], strict=True)
        if value is not UNSET
    }
    original = destination.originals.get(column, column) if column else None
    reason = error.diag.message_primary or str(error)
    return Rejection(
        destination.stream,
        reason,
        record,
        original,
        record.get(original) if original else None,
        row[-1],
    )

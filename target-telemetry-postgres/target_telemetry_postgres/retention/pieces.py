"""Walking over the rows of a table that match a condition, in pieces that take a moment each.

Along an index, oldest rows first, where there is one; else page by page, once through the table:
without an index each piece taken by age would read the whole table again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

import psycopg
from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Sequence

Connection = psycopg.Connection[tuple[Any, ...]]

#: Long enough to be worth a transaction, short enough that nobody notices a wait.
PIECE_SECONDS: Final = 0.05


@dataclass
class Pace:
    """How much to take at a time: as much as lately took `PIECE_SECONDS`."""

    size: int
    smallest: int
    largest: int

    def took(self, seconds: float) -> None:
        """Aim anew, growing no faster than twofold."""
        fitting = int(self.size * PIECE_SECONDS / max(seconds, 0.001))
        self.size = max(self.smallest, min(fitting, self.size * 2, self.largest))


class Pieces(Protocol):
    """A walk over one table."""

    condition: sql.Composable

    def piece(self) -> sql.Composable:
        """A query for the next rows' places, which locks them and leaves out what others hold."""
        ...

    def took(self, rows: int, seconds: float) -> bool:
        """Note how the last piece went; false when it was the last one."""
        ...


class IndexPieces:
    """Oldest first along an index, until nothing is found."""

    def __init__(
        self, table: sql.Composable, condition: sql.Composable, order: sql.Composable
    ) -> None:
        self.condition = condition
        self._table = table
        self._order = order
        self.pace = Pace(1_000, smallest=50, largest=20_000)

    def piece(self) -> sql.Composable:
        """The oldest rows that nobody holds."""
        return sql.SQL(
            "SELECT ctid FROM {} WHERE {} ORDER BY {} LIMIT {} FOR UPDATE SKIP LOCKED"
        ).format(self._table, self.condition, self._order, sql.Literal(self.pace.size))

    def took(self, rows: int, seconds: float) -> bool:
        """A short piece is not the last: a load may hold some of its rows for a moment."""
        self.pace.took(seconds)
        return rows > 0


class PagePieces:
    """Once through the table as it lies on disk."""

    def __init__(self, table: sql.Composable, condition: sql.Composable, pages: int) -> None:
        self.condition = condition
        self._table = table
        self._pages = pages
        self._next = 0
        self.pace = Pace(64, smallest=4, largest=8_192)

    def piece(self) -> sql.Composable:
        """The rows in the next pages that nobody holds."""
        first, last = (
            sql.Literal(f"({page},0)") for page in (self._next, self._next + self.pace.size)
        )
        return sql.SQL(
            "SELECT ctid FROM {} WHERE ctid >= {}::tid AND ctid < {}::tid AND {}"
            " FOR UPDATE SKIP LOCKED"
        ).format(self._table, first, last, self.condition)

    def took(self, rows: int, seconds: float) -> bool:  # noqa: ARG002 - the walk has its own end
        """Rows that came after the walk began are new ones."""
        self._next += self.pace.size
        self.pace.took(seconds)
        return self._next < self._pages


def plan(
    conn: Connection,
    schema: str,
    table: str,
    conditions: Sequence[tuple[sql.Composable, str]],
) -> list[Pieces]:
    """How to find the rows: each condition by the column named with it, or all in one walk."""
    row = conn.execute(
        "SELECT c.relkind = 'r', pg_relation_size(c.oid) / current_setting('block_size')::int,"
        "   ARRAY(SELECT a.attname::text FROM pg_catalog.pg_index i"
        "     JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid"
        "     JOIN pg_catalog.pg_am m ON m.oid = x.relam AND m.amname = 'btree'"
        "     JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]"
        "     WHERE i.indrelid = c.oid AND i.indisvalid AND i.indpred IS NULL)"
        " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = %s AND c.relname = %s",
        [schema, table],
    ).fetchone()
    name = sql.Identifier(schema, table)
    is_plain, pages, indexed = row or (False, 0, [])
    # A partitioned table has no pages of its own.
    if not is_plain or all(column in indexed for _, column in conditions):
        return [IndexPieces(name, condition, sql.Identifier(by)) for condition, by in conditions]
    any_of = sql.SQL(" OR ").join(sql.SQL("({})").format(condition) for condition, _ in conditions)
    return [PagePieces(name, sql.SQL("({})").format(any_of), pages)]

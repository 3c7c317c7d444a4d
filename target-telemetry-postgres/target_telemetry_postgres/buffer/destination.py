"""Where the rows of a stream go: the table's columns and key, and how rows reach it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from psycopg import sql

from target_telemetry_postgres.buffer.expectation import Expectation

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping


@dataclass(frozen=True, slots=True)
class TableColumns:
    """The parts of a table that a stream writes.

    Attributes:
        target: The table.
        columns: Its columns and their types, in the order of a row.
        key: The columns that identify a row.
        incidental: Columns whose change alone is no change.
        not_null: Columns that need a value.
        unmentioned: Columns that no row of a flush mentions: null in a new row, as they are in a
            known one.
        kept: Columns that a known row keeps as they are.
    """

    target: sql.Identifier
    columns: Mapping[str, str]
    key: tuple[str, ...] = ()
    incidental: frozenset[str] = frozenset()
    not_null: frozenset[str] = frozenset()
    unmentioned: frozenset[str] = frozenset()
    kept: frozenset[str] = frozenset()

    @property
    def stage_name(self) -> str:
        """A temporary table's name that changes with anything it depends on."""
        parts = [self.target.as_string(None), *self.key]
        parts += [f"{name}:{pg_type}" for name, pg_type in self.columns.items()]
        digest = hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
        return f"telemetry_stage_{digest[:24]}"

    @property
    def stage(self) -> sql.Identifier:
        """The staging table; pg_temp, so that no other table can be meant."""
        return sql.Identifier("pg_temp", self.stage_name)

    @property
    def absent(self) -> str:
        """In the stage, the numbers of the columns that a record did not mention."""
        name = "_absent"
        while name in self.columns:
            name += "_"
        return name

    @property
    def mentioned(self) -> list[str]:
        """The columns that rows mention."""
        return [name for name in self.columns if name not in self.unmentioned]

    @property
    def values(self) -> list[str]:
        """The columns that a known row is given a value in."""
        return [name for name in self.mentioned if name not in {*self.key, *self.kept}]

    @property
    def compared(self) -> list[str]:
        """The columns whose change makes a row different."""
        return [name for name in self.values if name not in self.incidental]


class StatementCache:
    """Statements about one table, each composed once and then remembered."""

    def __init__(self) -> None:
        self._made: dict[Hashable, str] = {}

    def get(
        self, make: Callable[..., sql.Composed], table: TableColumns, **options: Hashable
    ) -> str:
        """The statement that `make` composes for this table; of one's, only parts differ."""
        at = (make, table.unmentioned, *options.items())
        if at not in self._made:
            self._made[at] = make(table, **options).as_string(None)
        return self._made[at]


Mode = Literal["upsert", "append", "insert-new"]


@dataclass(frozen=True, slots=True)
class Destination:
    """Where the rows of a stream go, and how."""

    stream: str
    table_name: str
    table: TableColumns
    mode: Mode
    originals: dict[str, str]
    partitioned: bool = False
    #: Whether COPY into the table does what INSERT does.
    takes_copies: bool = False
    expectation: Expectation = field(default_factory=Expectation)
    statement_cache: StatementCache = field(default_factory=StatementCache)

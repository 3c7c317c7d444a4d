"""Which system of ours a stream belongs to, and making that system's tables when it arrives.

In `telemetry` everything is there from the start. In a schema that is somebody else's a stream of
a known name and shape brings its system along; any other stream has nothing to do with ours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from target_telemetry_postgres.errors import MigrationError, RecordError
from target_telemetry_postgres.postgres import migrate
from target_telemetry_postgres.schema.pg_types import accepts
from target_telemetry_postgres.table_names import SYSTEMS

if TYPE_CHECKING:
    import logging

    from target_telemetry_postgres.postgres.database import Database
    from target_telemetry_postgres.postgres.store import Store
    from target_telemetry_postgres.schema.definition import Wanted

_SYSTEM_OF: Final = {table: system for system, tables in SYSTEMS.items() for table in tables}


class Systems:
    """The systems of one schema, as streams arrive."""

    def __init__(
        self, database: Database, store: Store, mode: str, *, logger: logging.Logger
    ) -> None:
        self.store = store
        self._database = database
        self._mode = mode
        self._logger = logger
        self._told: set[str] = set()

    def arrive(self, wanted: Wanted) -> bool:
        """A stream arrives: make its system's tables if they are missing.

        Returns:
            Whether tables were made.

        Raises:
            RecordError: If the stream's name is one of the target's own.
            MigrationError: If tables are missing and only somebody else may make them.
        """
        name = wanted.table.name
        if not self.store.takes_stream(name):
            raise RecordError(
                f'Stream \'{wanted.stream}\': table "{self.store.schema}"."{name}" is the '
                "target's own; give the stream another name with a stream map's __alias__."
            )
        system = _SYSTEM_OF.get(name)
        if system is None or self._mode == "off" or system in self.store.branches:
            return False
        if not fits(wanted):
            return False
        if sentence := migrate.named_in_the_way(self.store, system):
            if system not in self._told and not self.store.is_ours:
                self._logger.warning("%s", sentence)
            self._told.add(system)
            return False
        if self._mode == "check":
            raise MigrationError(
                f'Schema "{self.store.schema}" has no tables of {system} yet, to which the stream '
                f"'{wanted.stream}' belongs; run `telemetry migrate {system}`."
            )
        migrate.upgrade(self._database, migrate.head(system))
        self.store = migrate.look_at(self._database)
        return True


def fits(wanted: Wanted) -> bool:
    """Whether a stream has the shape of the table that it shares its name with.

    The key is the same, every value has a place, and most of it is known.
    """
    from sqlalchemy import UniqueConstraint  # noqa: PLC0415 - slow, and few streams come this far
    from sqlalchemy.dialects import postgresql  # noqa: PLC0415

    from target_telemetry_postgres.models import Base  # noqa: PLC0415

    table = Base.metadata.tables.get(wanted.table.name)
    if table is None:
        return False
    types = {
        column.name: column.type.compile(postgresql.dialect()).lower().replace(", ", ",")  # type: ignore[no-untyped-call] # SQLAlchemy's dialects have no types
        for column in table.columns
    }
    keys = [
        {column.name for column in constraint.columns}
        for constraint in table.constraints
        if isinstance(constraint, UniqueConstraint)
    ]
    known = wanted.columns.keys() & types.keys()
    return (
        set(wanted.key) in [*keys, set(table.primary_key.columns.keys())]
        and all(accepts(types[name], wanted.columns[name]) for name in known)
        and not any(table.columns[name].identity for name in known)
        and 2 * len(known) >= len(wanted.columns)
    )

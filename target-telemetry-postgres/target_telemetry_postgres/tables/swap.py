"""`load_method: overwrite`: load beside the table, then take its place in one step.

Readers see the old rows until the swap commits, and the new ones from then on; never none.
"""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql

from target_telemetry_postgres.errors import RecordError
from target_telemetry_postgres.schema.pg_types import derived
from target_telemetry_postgres.tables.catalog import Table, read_table

Connection = psycopg.Connection[tuple[Any, ...]]


class Shadows:
    """The tables that are being loaded to take the place of others."""

    def __init__(self, schema: str) -> None:
        self._schema = schema
        self._of: dict[str, tuple[Table, Table]] = {}

    def of(self, connection: Connection, table: Table) -> Table:
        """The table's shadow: made empty the first time, brought up to date after that."""
        name = derived(table.name, "overwrite")
        shadow = sql.Identifier(self._schema, name)
        if table.name not in self._of:
            connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(shadow))
            connection.execute(
                sql.SQL("CREATE TABLE {} (LIKE {} INCLUDING ALL)").format(shadow, table.identifier)
            )
        made = read_table(connection, self._schema, name)
        if made is None:
            raise RecordError(f'Table "{self._schema}"."{name}" vanished while it was loaded.')
        for column in table.columns.values():
            _match(connection, made, column.name, column.pg_type)
        made = read_table(connection, self._schema, name) or made
        self._of[table.name] = (table, made)
        return made

    def swap(self, connection: Connection) -> None:
        """Put every shadow in its table's place, all at once."""
        for table, shadow in sorted(self._of.values(), key=lambda pair: pair[0].name):
            now = read_table(connection, self._schema, table.name) or table
            if now.made_here and not now.referenced:
                _rename(connection, now, shadow)
            else:
                _refill(connection, now, shadow)
        connection.commit()
        self._of.clear()

    def drop(self, connection: Connection) -> None:
        """The run failed: leave the tables as they were."""
        for _, shadow in self._of.values():
            connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(shadow.identifier))
        self._of.clear()


def _match(connection: Connection, shadow: Table, name: str, pg_type: str) -> None:
    """Give the shadow a column, or a type, that its table got in the middle of the run."""
    column = shadow.columns.get(name)
    identifier = sql.Identifier(name)
    if column is None:
        statement = sql.SQL("ALTER TABLE {} ADD COLUMN {} {}").format(
            shadow.identifier, identifier, sql.SQL(pg_type)
        )
    elif column.pg_type != pg_type:
        using = "to_jsonb({})" if pg_type == "jsonb" else "{}::" + pg_type
        statement = sql.SQL("ALTER TABLE {} ALTER COLUMN {} TYPE {} USING {}").format(
            shadow.identifier, identifier, sql.SQL(pg_type), sql.SQL(using).format(identifier)
        )
    else:
        return
    connection.execute(statement)


def _rename(connection: Connection, table: Table, shadow: Table) -> None:
    connection.execute(sql.SQL("DROP TABLE {}").format(table.identifier))
    connection.execute(
        sql.SQL("ALTER TABLE {} RENAME TO {}").format(shadow.identifier, sql.Identifier(table.name))
    )
    connection.execute(
        sql.SQL("COMMENT ON TABLE {} IS {}").format(
            table.identifier, sql.Literal(table.comment or "")
        )
    )


def _refill(connection: Connection, table: Table, shadow: Table) -> None:
    """For a table that views, grants or triggers hang on: new rows in the old table.

    Rows are deleted, not truncated, because a truncated table looks empty to older snapshots.
    """
    names = sql.SQL(", ").join(
        sql.Identifier(name) for name, column in table.columns.items() if not column.generated
    )
    connection.execute(sql.SQL("DELETE FROM {}").format(table.identifier))
    connection.execute(
        sql.SQL("INSERT INTO {} ({names}) SELECT {names} FROM {}").format(
            table.identifier, shadow.identifier, names=names
        )
    )
    connection.execute(sql.SQL("DROP TABLE {}").format(shadow.identifier))

"""What a table is made of, as an export remembers it and an import makes it again."""

from __future__ import annotations

import re
from pathlib import Path  # noqa: TC003  msgspec reads annotations at run time
from typing import TYPE_CHECKING

import msgspec

from target_telemetry_postgres.cli.session import read_sql
from target_telemetry_postgres.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    import psycopg
    from psycopg import sql

MANIFEST = "manifest.json"
_FORMAT = 1
# What `format_type` prints for a type, and nothing that could be more than a type.
_TYPE = re.compile(r"[a-z][a-z0-9_ ]*(\(\d+(,-?\d+)?\))?( with(out)? time zone)?(\[\])*", re.ASCII)


class ColumnDefinition(msgspec.Struct, frozen=True):
    """One column."""

    name: str
    type: str
    required: bool
    # Identity and generated columns are the database's own to fill.
    written: bool = True


class TableDefinition(msgspec.Struct, frozen=True):
    """One table, or view."""

    name: str
    columns: list[ColumnDefinition]
    key: list[str]
    is_table: bool = True
    is_partitioned: bool = False

    @property
    def written(self) -> list[str]:
        """The columns that a row brings along."""
        return [column.name for column in self.columns if column.written]


class ExportedTable(msgspec.Struct, frozen=True):
    """One file of an export."""

    file: str
    rows: int
    definition: TableDefinition


class Manifest(msgspec.Struct, frozen=True):
    """What an export of all tables holds."""

    tables: list[ExportedTable]
    format: int = _FORMAT
    #: What the names of the ledger's tables begin with, in the schema that this was exported from.
    ledger_prefix: str = ""

    def ledgers(self, table: str) -> str | None:
        """Which of the ledger's tables this was there, if it was one."""
        from target_telemetry_postgres.postgres.revisions import ledger_tables

        plain = table.removeprefix(self.ledger_prefix)
        return plain if self.ledger_prefix + plain == table and plain in ledger_tables() else None


def describe_table(
    connection: psycopg.Connection[Any], schema: str, table: str
) -> TableDefinition | None:
    """Look up a table; None when there is none."""
    from psycopg.rows import tuple_row

    with connection.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute(
            read_sql("definition.sql"), {"schema": schema, "table": table}
        ).fetchone()
    if row is None:
        return None
    is_table, is_partitioned, columns, key = row
    return TableDefinition(
        name=table,
        columns=msgspec.convert(columns, list[ColumnDefinition]),
        key=[str(name) for name in key],
        is_table=bool(is_table),
        is_partitioned=bool(is_partitioned),
    )


def create_statement(schema: str, definition: TableDefinition) -> sql.Composed:
    """The DDL of a table that a tap brought along and this database does not have yet."""
    from psycopg import sql

    lines: list[sql.Composable] = []
    for column in definition.columns:
        if not _TYPE.fullmatch(column.type):
            raise ConfigError(
                f'The manifest gives column "{column.name}" of "{definition.name}" the type '
                f'"{column.type}", which is not the name of a type.'
            )
        lines.append(
            sql.SQL("{} {}{}{}").format(
                sql.Identifier(column.name),
                sql.SQL(column.type),  # checked against _TYPE
                sql.SQL("" if column.written else " generated always as identity"),
                sql.SQL(" not null" if column.required else ""),
            )
        )
    if definition.key:
        names = sql.SQL(", ").join(map(sql.Identifier, definition.key))
        lines.append(sql.SQL("primary key ({})").format(names))
    return sql.SQL("create table {} ({})").format(
        sql.Identifier(schema, definition.name), sql.SQL(", ").join(lines)
    )


def read_manifest(folder: Path) -> Manifest | None:
    """Read the manifest of an export; None when the folder has none."""
    path = folder / MANIFEST
    if not path.exists():
        return None
    try:
        manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise ConfigError(f"{path} is not the manifest of an export: {error}.") from error
    if manifest.format > _FORMAT:
        raise ConfigError(f"{path} is from a newer version; upgrade target-telemetry-postgres.")
    return manifest


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest last: without it an export is not complete."""
    encoded = msgspec.json.format(msgspec.json.encode(manifest), indent=2)
    (folder / MANIFEST).write_bytes(encoded + b"\n")


def by_name(manifest: Manifest) -> Mapping[str, ExportedTable]:
    """The manifest's tables by name."""
    return {table.definition.name: table for table in manifest.tables}

"""`telemetry export`: tables as files, of any size."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from target_telemetry_postgres.cli import output
from target_telemetry_postgres.cli.session import (
    Reader,
    Session,
    existing_columns,
    pass_session,
    read_sql,
    require_table,
)
from target_telemetry_postgres.cli.spans import instant_option
from target_telemetry_postgres.errors import ConfigError

if TYPE_CHECKING:
    from datetime import datetime

    from target_telemetry_postgres.cli.transfer.definition import ColumnDefinition, TableDefinition


@click.command(
    name="export",
    epilog="""\b
Rows stream through COPY: memory stays flat, numbers stay exact. The counter `id` stays behind.
The file of llm_calls goes through tap-llm-csv again under the same keys. --all writes a folder
that `telemetry import` brings into another database; every table in it shows the same instant.

\b
Example:
  telemetry export llm_calls --format csv --since 30d --output calls.csv""",
)
@click.argument("table", required=False)
@click.option("--all", "every", is_flag=True, help="Every table, into the folder --output.")
@click.option(
    "--format",
    "kind",
    type=click.Choice(["csv", "ndjson"]),
    help="[default: by the name of --output, else csv]",
)
@click.option(
    "--since",
    metavar="WHEN",
    callback=instant_option,
    help="Only what happened at or after: 2026-02-01, 30d.",
)
@click.option("--columns", metavar="A,B", help="Only these columns, in this order.")
@click.option(
    "--output",
    "-o",
    "target",
    type=click.Path(path_type=Path),
    help="A file (.gz is packed), or the folder for --all.  [default: standard output]",
)
@pass_session
def command(
    session: Session,
    *,
    table: str | None,
    every: bool,
    kind: str | None,
    since: datetime | None,
    columns: str | None,
    target: Path | None,
) -> None:
    """Stream a table, or all of them, out as CSV or NDJSON."""
    if every == bool(table):
        raise click.UsageError("Name one table, or say --all.")
    if every:
        if target is None or columns:
            raise click.UsageError("--all needs --output with a folder, and takes every column.")
        with session.reading() as reader:
            _export_all(reader, target, kind or "csv", since)
        return
    with session.reading() as reader:
        _export_one(
            reader,
            str(table),
            kind=kind or _kind_of(target),
            since=since,
            columns=columns,
            target=target,
        )


def _export_one(
    reader: Reader,
    table: str,
    *,
    kind: str,
    since: datetime | None,
    columns: str | None,
    target: Path | None,
) -> None:
    from target_telemetry_postgres.cli.transfer import copying

    definition = _definition(reader, table)
    if table not in existing_columns(reader):
        raise _unreadable(table)
    statement = copying.export_statement(
        reader.schema,
        table,
        choose_columns(definition, columns),
        as_json=kind == "ndjson",
        since=_since(definition, since),
    )
    if target is None:
        copying.copy_out(reader.cursor, statement, sys.stdout.buffer)
        sys.stdout.buffer.flush()
        return
    with copying.replacing(target) as out:
        rows = copying.copy_out(reader.cursor, statement, out)
    click.echo(f"{table}: {output.count(rows, 'row')} to {target}", err=True)


def _export_all(reader: Reader, folder: Path, kind: str, since: datetime | None) -> None:
    from target_telemetry_postgres.cli.transfer import copying
    from target_telemetry_postgres.cli.transfer.definition import (
        ExportedTable,
        Manifest,
        write_manifest,
    )

    folder.mkdir(parents=True, exist_ok=True)
    exported = []
    for row in reader.rows(read_sql("tables.sql"), reader.place()):
        table = row["table"]
        if not row["readable"]:
            raise _unreadable(table)
        definition = _definition(reader, table)
        statement = copying.export_statement(
            reader.schema,
            table,
            choose_columns(definition, None),
            as_json=kind == "ndjson",
            since=_since(definition, since),
        )
        path = folder / f"{table}.{kind}"
        with copying.replacing(path) as out:
            rows = copying.copy_out(reader.cursor, statement, out)
        exported.append(ExportedTable(file=path.name, rows=rows, definition=definition))
        click.echo(f"{table}: {output.count(rows, 'row')}", err=True)
    write_manifest(folder, Manifest(exported, ledger_prefix=reader.store.prefix))


def _unreadable(table: str) -> ConfigError:
    return ConfigError(
        f'This role may not read "{table}"; export with the role that owns the tables.'
    )


def _definition(reader: Reader, table: str) -> TableDefinition:
    from target_telemetry_postgres.cli.transfer.definition import (
        describe_table,
    )

    definition = describe_table(reader.cursor.connection, reader.schema, table)
    if definition is None:
        require_table(existing_columns(reader), table, reader.schema)
        raise ConfigError(f'There is no table "{table}" in schema "{reader.schema}".')
    return definition


def choose_columns(definition: TableDefinition, wanted: str | None) -> list[ColumnDefinition]:
    """The columns that were asked for; else all that a row brings along."""
    if not wanted:
        return [column for column in definition.columns if column.written]
    known = {column.name: column for column in definition.columns}
    names = [name.strip() for name in wanted.split(",") if name.strip()]
    unknown = [name for name in names if name not in known]
    if not names:
        raise ConfigError("--columns names no column.")
    if unknown:
        raise ConfigError(
            f'"{definition.name}" has no column {", ".join(unknown)}; it has: {", ".join(known)}.'
        )
    return [known[name] for name in dict.fromkeys(names)]


def _since(definition: TableDefinition, since: datetime | None) -> tuple[str, datetime] | None:
    from target_telemetry_postgres.cli.facts import event_time

    if since is None:
        return None
    column = event_time(definition.name, {c.name: c.type for c in definition.columns})
    if column is None:
        raise ConfigError(
            f'--since does not apply to "{definition.name}": it has no column for a time.'
        )
    return column, since


def _kind_of(target: Path | None) -> str:
    suffixes = target.suffixes if target else []
    return "ndjson" if {".ndjson", ".jsonl"} & set(suffixes) else "csv"

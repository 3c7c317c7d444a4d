"""`telemetry import`: exported tables into this database, as often as one likes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from target_telemetry_postgres.cli import output
from target_telemetry_postgres.cli.session import Session, pass_session
from target_telemetry_postgres.errors import ConfigError

if TYPE_CHECKING:
    from target_telemetry_postgres.cli.transfer.merging import Source
    from target_telemetry_postgres.postgres.database import Database
    from target_telemetry_postgres.postgres.store import Store

_KINDS = {".csv": "csv", ".ndjson": "ndjson", ".jsonl": "ndjson"}
_COLUMNS = (
    output.Column("table"),
    output.Column("rows", right=True),
    output.Column("inserted", right=True),
    output.Column("updated", right=True),
    output.Column("unchanged", right=True),
)


@click.command(
    name="import",
    epilog="""\b
Takes what `telemetry export` wrote: a folder of --all, or one file, whose name is the table's.
Rows are matched by the table's key, so a second import changes nothing; a table without a key
gets the rows that it does not have yet. Each file is one transaction.

\b
Example:
  telemetry --url postgresql://telemetry@db.example/telemetry import exported/""",
)
@click.argument("path", type=click.Path(exists=True, path_type=Path))
@click.option("--table", metavar="TABLE", help="The table of a single file.")
@click.option(
    "--keep-existing", is_flag=True, help="Leave rows that are there already as they are."
)
@pass_session
def command(session: Session, *, path: Path, table: str | None, keep_existing: bool) -> None:
    """Bring exported tables into this database."""
    from target_telemetry_postgres.cli.transfer.merging import load
    from target_telemetry_postgres.postgres.migrate import ensure_schema, look_at
    from target_telemetry_postgres.postgres.store import require_ours

    if path.is_dir() and table:
        raise click.UsageError("--table goes with a single file.")
    sources = _in_folder(path) if path.is_dir() else [_single(path, table)]
    lines = []
    with session.database() as database:
        ensure_schema(database, session.config["migrate"])
        store = look_at(database)
        require_ours(store, database)
        sources = _placed(sources, store)
        _bring_systems(database, session.config["migrate"], sources)
        for source in sources:
            loaded = load(database, source, keep_existing=keep_existing)
            lines.append(
                [
                    source.table,
                    *map(
                        output.text,
                        (loaded.rows, loaded.inserted, loaded.updated, loaded.unchanged),
                    ),
                ]
            )
    output.print_table(_COLUMNS, lines)


def _placed(sources: list[Source], store: Store) -> list[Source]:
    """The ledger's tables under the names that they have in this schema."""
    return [
        replace(source, table=store.name(source.ledgers)) if source.ledgers else source
        for source in sources
    ]


def _bring_systems(database: Database, mode: str, sources: list[Source]) -> None:
    """Make the tables of ours that are to be filled, as a load does when streams arrive."""
    import logging

    from target_telemetry_postgres.postgres.migrate import look_at
    from target_telemetry_postgres.schema.definition import Wanted
    from target_telemetry_postgres.schema.pg_types import fitted
    from target_telemetry_postgres.tables.systems import Systems

    systems = Systems(database, look_at(database), mode, logger=logging.getLogger(__name__))
    for source in sources:
        definition = source.definition
        if definition is None or not systems.store.takes_stream(source.table):
            continue
        columns = {column.name: column.type for column in definition.columns if column.written}
        systems.arrive(
            Wanted(source.table, fitted(source.table), columns, {}, tuple(definition.key))
        )


def _in_folder(folder: Path) -> list[Source]:
    from target_telemetry_postgres.cli.transfer.definition import (
        read_manifest,
    )
    from target_telemetry_postgres.cli.transfer.merging import Source

    manifest = read_manifest(folder)
    if manifest is not None:
        sources = []
        for exported in manifest.tables:
            path = folder / Path(exported.file).name
            if not path.is_file():
                raise ConfigError(f"{folder} lacks {path.name}, which its manifest names.")
            table = exported.definition.name
            sources.append(
                Source(path, table, _kind(path), exported.definition, manifest.ledgers(table))
            )
        return sources
    found = [_single(path, None) for path in sorted(folder.iterdir()) if _kind_or_none(path)]
    if not found:
        raise ConfigError(f"{folder} holds no .csv or .ndjson file to import.")
    return found


def _single(path: Path, table: str | None) -> Source:
    from target_telemetry_postgres.cli.transfer.merging import Source

    return Source(path, table or path.name.split(".")[0], _kind(path))


def _kind(path: Path) -> str:
    kind = _kind_or_none(path)
    if kind is None:
        raise ConfigError(f"{path} is neither .csv nor .ndjson (nor either with .gz).")
    return kind


def _kind_or_none(path: Path) -> str | None:
    name = path.with_suffix("") if path.suffix == ".gz" else path
    return _KINDS.get(name.suffix)

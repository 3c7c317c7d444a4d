"""`telemetry migrate`: bring the database to this version's tables."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click

from target_telemetry_postgres.cli import output
from target_telemetry_postgres.cli.session import Session, pass_session
from target_telemetry_postgres.errors import MigrationError
from target_telemetry_postgres.table_names import LEDGER

if TYPE_CHECKING:
    from target_telemetry_postgres.postgres.database import Database
    from target_telemetry_postgres.postgres.revisions import Migration
    from target_telemetry_postgres.postgres.store import Store

_PLACE = re.compile(r"(?P<branch>[a-z_]+)/(?P<to>head|base|[+-]\d+|\d{4})(_\w+)?")
_FORMS = (
    "--to takes a migration such as pipelines/0001, SYSTEM/head, SYSTEM/base, SYSTEM/-1, "
    "SYSTEM/+1, head or base"
)


@click.command(
    name="migrate",
    epilog="""\b
Needs the right to create tables in the schema. Two that start at once wait for each other.
Each system has migrations of its own; without a name all of them come. --to takes one such as
pipelines/0001, or pipelines/head, pipelines/base, a step such as pipelines/-1, or head and base
for everything that is there. Going back deletes what the migrations added: back up first.

\b
Example:
  telemetry migrate --check""",
)
@click.argument("systems", metavar="[SYSTEM]...", nargs=-1)
@click.option("--check", is_flag=True, help="Change nothing; exit 1 when migrations are pending.")
@click.option("--to", "place", metavar="PLACE", help="Go to this migration, forwards or back.")
@pass_session
def command(session: Session, *, systems: tuple[str, ...], check: bool, place: str | None) -> None:
    """Bring the tables, views and indexes to what this version needs."""
    from target_telemetry_postgres.postgres.migrate import look_at, waiting

    if sum((check, bool(place), bool(systems))) > 1:
        raise click.UsageError("Name systems, or --check, or --to a place: one of them.")
    known = _known(systems)
    with session.database() as database:
        store = look_at(database)
        if check:
            _check(store, waiting(store))
            return
        before = waiting(store, known)
        if place:
            _go(database, before, place)
        else:
            _bring(database, store, known)
        after = waiting(look_at(database), known)
    applied = [migration for migration in before if migration not in after]
    undone = [migration for migration in after if migration not in before]
    if applied:
        click.echo(f"Applied {_names(applied)}.")
    if undone:
        click.echo(f"Took back {_names(undone)}.")
    if not applied and not undone:
        click.echo(f'Schema "{store.schema}" is up to date; nothing to do.')
    if not place:
        _name_what_is_in_the_way(store, known)


def _known(systems: tuple[str, ...]) -> list[str]:
    """The systems that were named, or all of them; the ledger belongs to each."""
    from target_telemetry_postgres.postgres.revisions import branches

    every = branches()
    unknown = [name for name in systems if name not in every]
    if unknown:
        raise click.UsageError(f"There is no system {', '.join(unknown)}; {', '.join(every)} are.")
    return [name for name in every if not systems or name in (LEDGER, *systems)]


def _check(store: Store, before: list[Migration]) -> None:
    if before:
        pending = output.count(len(before), "migration")
        raise click.ClickException(
            f"{pending} pending ({_names(before)}); `telemetry migrate` applies them."
        )
    click.echo(f'Schema "{store.schema}" is up to date.')
    absent = [name for name in _known(()) if name not in store.branches]
    if absent:
        click.echo(
            f"Not there: {', '.join(absent)}. `telemetry migrate` makes them, and so does a run "
            "when their streams arrive."
        )


def _bring(database: Database, store: Store, systems: list[str]) -> None:
    from target_telemetry_postgres.postgres.migrate import head, upgrade, waiting

    free = [name for name in systems if not store.in_the_way(name)]
    if waiting(store, free):
        upgrade(database, *map(head, free))


def _name_what_is_in_the_way(store: Store, systems: list[str]) -> None:
    from target_telemetry_postgres.postgres.migrate import named_in_the_way

    sentences = [named_in_the_way(store, name) for name in systems]
    if any(sentences):
        raise click.ClickException(" ".join(filter(None, sentences)))


def _go(database: Database, before: list[Migration], place: str) -> None:
    from alembic.util import CommandError

    from target_telemetry_postgres.postgres.migrate import downgrade, upgrade

    match = _PLACE.fullmatch(place)
    if match is None and place not in {"head", "base"}:
        raise MigrationError(f'There is no "{place}"; {_FORMS}.')
    branch, to = (match["branch"], match["to"]) if match else ("", place)
    try:
        if to in {"head", *(m.number for m in before if m.branch == branch)} or to[0] == "+":
            upgrade(database, *([_alembics(branch, to)] if branch else []))
        else:
            downgrade(database, _alembics(branch, to) if branch else "base")
    except CommandError as error:
        raise MigrationError(f'There is no way to "{place}": {error}. {_FORMS}.') from error


def _alembics(branch: str, to: str) -> str:
    """The same place in Alembic's spelling."""
    return f"{branch}_{to}" if to.isdigit() else f"{branch}@{to}"


def _names(migrations: list[Migration]) -> str:
    return ", ".join(map(str, migrations))

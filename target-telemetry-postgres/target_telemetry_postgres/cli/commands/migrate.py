"""`telemetry migrate`: bring the database to this version's tables."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click

from target_telemetry_postgres.cli import output
from target_telemetry_postgres.cli.session import Session, pass_session
from target_telemetry_postgres.errors import MigrationError

if TYPE_CHECKING:
    from target_telemetry_postgres.postgres.database import Database
    from target_telemetry_postgres.postgres.revisions import Migration

_PLACE = re.compile(r"(?P<branch>[a-z_]+)/(?P<to>head|base|[+-]\d+|\d{4})(_\w+)?")
_FORMS = (
    "--to takes a migration such as pipelines/0001, SYSTEM/head, SYSTEM/base, SYSTEM/-1, "
    "SYSTEM/+1, head or base"
)


@click.command(
    name="migrate",
    epilog="""\b
Needs the right to create tables in the schema. Two that start at once wait for each other.
Each system has migrations of its own. --to takes one of them such as pipelines/0001, or
pipelines/head, pipelines/base, a step such as pipelines/-1, or head and base for all systems.
Going back deletes what the migrations added: back up first.

\b
Example:
  telemetry migrate --check""",
)
@click.option("--check", is_flag=True, help="Change nothing; exit 1 when migrations are pending.")
@click.option("--to", "revision", metavar="REV", help="Go to this revision, forwards or back.")
@pass_session
def command(session: Session, *, check: bool, revision: str | None) -> None:
    """Bring the tables, views and indexes to what this version needs."""
    from target_telemetry_postgres.postgres.migrate import pending, upgrade

    if check and revision:
        raise click.UsageError("--check looks and --to changes; use one of them.")
    with session.database() as database:
        before = pending(database)
        if check:
            if before:
                waiting = output.count(len(before), "migration")
                raise click.ClickException(
                    f"{waiting} pending ({_names(before)}); `telemetry migrate` applies them."
                )
            click.echo(f'Schema "{database.schema}" is up to date.')
            return
        if revision:
            _go(database, before, revision)
        elif before:
            upgrade(database)
        after = pending(database)
    applied = [migration for migration in before if migration not in after]
    undone = [migration for migration in after if migration not in before]
    if applied:
        click.echo(f"Applied {_names(applied)}.")
    if undone:
        click.echo(f"Took back {_names(undone)}.")
    if not applied and not undone:
        click.echo(f'Schema "{database.schema}" is up to date; nothing to do.')


def _go(database: Database, before: list[Migration], place: str) -> None:
    from alembic.util import CommandError

    from target_telemetry_postgres.postgres.migrate import HEADS, downgrade, upgrade

    match = _PLACE.fullmatch(place)
    if match is None and place not in {"head", "base"}:
        raise MigrationError(f'There is no "{place}"; {_FORMS}.')
    branch, to = (match["branch"], match["to"]) if match else ("", place)
    try:
        if to in {"head", *(m.number for m in before if m.branch == branch)} or to[0] == "+":
            upgrade(database, _alembics(branch, to) if branch else HEADS)
        else:
            downgrade(database, _alembics(branch, to) if branch else "base")
    except CommandError as error:
        raise MigrationError(f'There is no way to "{place}": {error}. {_FORMS}.') from error


def _alembics(branch: str, to: str) -> str:
    """The same place in Alembic's spelling."""
    return f"{branch}_{to}" if to.isdigit() else f"{branch}@{to}"


def _names(migrations: list[Migration]) -> str:
    return ", ".join(map(str, migrations))

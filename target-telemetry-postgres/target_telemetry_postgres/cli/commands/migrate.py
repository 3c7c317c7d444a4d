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

_NUMBERED = re.compile(r"\d{4}(?=$|_)")


@click.command(
    name="migrate",
    epilog="""\b
Needs the right to create tables in the schema. Two that start at once wait for each other.
--to takes a number such as 0002, head, base, or a step such as -1, which takes back the newest
migration and deletes what it added: back up first.

\b
Example:
  telemetry migrate --check""",
)
@click.option("--check", is_flag=True, help="Change nothing; exit 1 when migrations are pending.")
@click.option("--to", "revision", metavar="REV", help="Go to this revision, forwards or back.")
@pass_session
def command(session: Session, *, check: bool, revision: str | None) -> None:
    """Bring the tables, views and indexes to what this version needs."""
    from target_telemetry_postgres.postgres.migrate import pending

    if check and revision:
        raise click.UsageError("--check looks and --to changes; use one of them.")
    with session.database() as database:
        before = pending(database)
        if check:
            if before:
                waiting = output.count(len(before), "migration")
                raise click.ClickException(
                    f"{waiting} pending ({', '.join(before)}); `telemetry migrate` applies them."
                )
            click.echo(f'Schema "{database.schema}" is up to date.')
            return
        if before or revision:
            _go(database, before, revision or "head")
        after = pending(database)
    applied = [name for name in before if name not in after]
    undone = [name for name in after if name not in before]
    if applied:
        click.echo(f"Applied {', '.join(applied)}.")
    if undone:
        click.echo(f"Took back {', '.join(undone)}.")
    if not applied and not undone:
        click.echo(f'Schema "{database.schema}" is up to date; nothing to do.')


def _go(database: Database, before: list[str], revision: str) -> None:
    from alembic.util import CommandError

    from target_telemetry_postgres.postgres.migrate import downgrade, upgrade

    number = match[0] if (match := _NUMBERED.match(revision)) else revision
    forwards = number in {"head", *(name[:4] for name in before)} or number.startswith("+")
    try:
        (upgrade if forwards else downgrade)(database, number)
    except CommandError as error:
        raise MigrationError(
            f'There is no way to "{revision}": {error}. It takes a number such as 0002, head, '
            "base, -1 or +1."
        ) from error

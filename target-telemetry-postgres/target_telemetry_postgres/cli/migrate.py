"""`telemetry migrate`: bring the database to this version's tables."""

from __future__ import annotations

import click

from target_telemetry_postgres.cli import output
from target_telemetry_postgres.cli.session import Session, pass_session


@click.command(
    name="migrate",
    epilog="""\b
Needs the right to create tables in the schema. Two that start at once wait for each other.
--to takes a revision, "head", or a step such as -1, which goes back one revision and deletes
what that revision added: back up first.

\b
Example:
  telemetry migrate --check""",
)
@click.option("--check", is_flag=True, help="Change nothing; exit 1 when migrations are pending.")
@click.option("--to", "revision", metavar="REV", help="Go to this revision, forwards or back.")
@pass_session
def command(session: Session, check: bool, revision: str | None) -> None:
    """Bring the tables, views and indexes to what this version needs."""
    from target_telemetry_postgres import migrate

    if check and revision:
        raise click.UsageError("--check looks and --to changes; use one of them.")
    with session.database() as database:
        before = migrate.pending(database)
        if check:
            if before:
                waiting = output.count(len(before), "migration")
                raise click.ClickException(
                    f"{waiting} pending ({', '.join(before)}); `telemetry migrate` applies them."
                )
            click.echo(f'Schema "{database.schema}" is up to date.')
            return
        if revision is None or revision == "head" or revision in before:
            migrate.upgrade(database, revision or "head")
        else:
            migrate.downgrade(database, revision)
        after = migrate.pending(database)
    applied = [name for name in before if name not in after]
    undone = [name for name in after if name not in before]
    if applied:
        click.echo(f"Applied {', '.join(applied)}.")
    if undone:
        click.echo(f"Took back {', '.join(undone)}.")
    if not applied and not undone:
        click.echo(f'Schema "{database.schema}" is up to date; nothing to do.')

"""`telemetry grant`: the roles that write and that read, with the least they need."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from target_telemetry_postgres.cli import output
from target_telemetry_postgres.cli.session import Session, pass_session
from target_telemetry_postgres.errors import ConfigError

if TYPE_CHECKING:
    from target_telemetry_postgres.postgres.roles import Found, Plan


@click.command(
    name="grant",
    epilog="""\b
Run it as the owner of the schema, after every `telemetry migrate`: it can be repeated. Only a
role that does not exist yet needs CREATEROLE; --dry-run prints the SQL for an administrator.

\b
Example:
  telemetry grant --dry-run""",
)
@click.option(
    "--writer", default="telemetry_writer", show_default=True, help="The pipelines' role."
)
@click.option("--reader", default="telemetry_reader", show_default=True, help="The readers' role.")
@click.option(
    "--add-writer", "writers", metavar="USER", multiple=True, help="Give a user the role."
)
@click.option(
    "--add-reader", "readers", metavar="USER", multiple=True, help="Give a user the role."
)
@click.option(
    "--reader-table",
    "tables",
    metavar="TABLE",
    multiple=True,
    help="A further table that readers may read.",
)
@click.option("--dry-run", is_flag=True, help="Print the SQL and change nothing.")
@pass_session
def command(
    session: Session,
    *,
    writer: str,
    reader: str,
    writers: tuple[str, ...],
    readers: tuple[str, ...],
    tables: tuple[str, ...],
    dry_run: bool,
) -> None:
    """Make the roles that write and that read, with the least they need."""
    from psycopg import errors

    from target_telemetry_postgres.postgres import roles
    from target_telemetry_postgres.postgres.store import require_ours

    plan = roles.Plan(writer, reader, writers, readers, tables)
    with session.database() as database, database.connect(purpose="grant") as connection:
        found = roles.look(connection, database.schema, plan)
        _check(found, plan)
        planned = roles.statements(found, plan)
        if dry_run:
            for statement in planned:
                click.echo(statement.as_string(connection) + ";")
            return
        require_ours(found.store, database)
        for statement in planned:
            try:
                connection.execute(statement)
            except errors.InsufficientPrivilege as error:
                text = statement.as_string(connection)
                raise ConfigError(
                    f"This user may not run `{output.shorten(text, 120)}`; run `telemetry grant` "
                    "as the owner of the schema, or give an administrator the SQL of --dry-run."
                ) from error
    made = [role for role in (writer, reader) if role not in found.roles]
    click.echo(
        f'"{writer}" may write and "{reader}" may read in schema "{database.schema}"'
        + (f"; made {', '.join(made)}." if made else ".")
    )


def _check(found: Found, plan: Plan) -> None:
    if not found.tables:
        raise ConfigError(
            f'Schema "{found.schema}" has no tables to grant on; run `telemetry migrate` first.'
        )
    if plan.writer == plan.reader:
        raise ConfigError("The writer and the reader must be two roles.")
    unknown = [name for name in plan.reader_tables if name not in found.tables]
    if unknown:
        raise ConfigError(
            f'There is no table {", ".join(unknown)} in schema "{found.schema}"; '
            "correct --reader-table."
        )
    missing = [
        name for name in (*plan.writer_members, *plan.reader_members) if name not in found.roles
    ]
    if missing:
        raise ConfigError(f"There is no role {', '.join(missing)} to give rights to.")

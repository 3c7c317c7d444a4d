"""`telemetry url`: how other programs connect to the database."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import click

from target_telemetry_postgres.cli.session import Session, pass_session
from target_telemetry_postgres.errors import ConfigError

if TYPE_CHECKING:
    from target_telemetry_postgres.postgres.database import Database


@click.command(
    name="url",
    epilog="""\b
The password is left out: give it as PGPASSWORD or in ~/.pgpass. The embedded server stops with
its last user; --hold keeps it up for another program, until Ctrl-C.

\b
Example:
  telemetry url""",
)
@click.option("--hold", is_flag=True, help="Keep the embedded server up until interrupted.")
@click.option(
    "--meltano",
    is_flag=True,
    help="Print what MELTANO_DATABASE_URI has to be so that Meltano keeps its state in the schema "
    "meltano of this database, which is made if missing. The password is part of it.",
)
@pass_session
def command(session: Session, *, hold: bool, meltano: bool) -> None:
    """Print the URL of the database, without its password."""
    from target_telemetry_postgres.cli.addresses import (
        meltano_uri,
        public_url,
    )

    stop = {signal.SIGINT, signal.SIGTERM}
    with session.database() as database:
        if hold:
            signal.pthread_sigmask(signal.SIG_BLOCK, stop)
        if meltano:
            _make_state_schema(database)
            click.echo(meltano_uri(database))
        else:
            click.echo(public_url(database.conninfo))
        if hold and database.embedded:
            click.echo("The embedded server stays up until Ctrl-C.", err=True)
            signal.sigwait(stop)


def _make_state_schema(database: Database) -> None:
    """A role that may not create schemas is fine once an administrator made this one."""
    if database.embedded:
        raise ConfigError(
            "Meltano cannot keep its state in the embedded Postgres, which is not always up; "
            "name a server with --url."
        )
    with database.connect(autocommit=True, purpose="state") as connection:
        found = connection.execute("select to_regnamespace('meltano') is not null").fetchone()
        if found != (True,):
            connection.execute("create schema if not exists meltano")

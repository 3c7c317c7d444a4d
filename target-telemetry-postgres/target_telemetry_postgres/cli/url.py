"""`telemetry url`: how other programs connect to the database."""

from __future__ import annotations

import signal

import click

from target_telemetry_postgres.cli.session import Session, pass_session


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
@pass_session
def command(session: Session, hold: bool) -> None:
    """Print the URL of the database, without its password."""
    from target_telemetry_postgres.cli.connecting import (
        public_url,
    )

    with session.database() as database:
        click.echo(public_url(database.conninfo))
        if hold and database.embedded:
            click.echo("The embedded server stays up until Ctrl-C.", err=True)
            signal.sigwait({signal.SIGINT, signal.SIGTERM})

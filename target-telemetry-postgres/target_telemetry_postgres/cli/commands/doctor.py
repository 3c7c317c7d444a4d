"""`telemetry doctor`: everything that a run needs, checked before it is missed."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from target_telemetry_postgres.cli import output
from target_telemetry_postgres.cli.session import Session, pass_session

if TYPE_CHECKING:
    from collections.abc import Iterator

    from target_telemetry_postgres.cli.checks.findings import Finding

_COLOURS = {"ok": "green", "note": "blue", "warning": "yellow", "stops a run": "red"}


@click.command(
    name="doctor",
    epilog="""\b
Looks and changes nothing. The token is only used to ask the API what it may do, and is never
printed. The exit code is 1 when a finding stops a run.

\b
Example:
  telemetry doctor --offline""",
)
@click.option("--offline", is_flag=True, help="Do not ask GitHub about the token.")
@output.json_option
@pass_session
def command(session: Session, *, offline: bool, as_json: bool) -> None:
    """Check everything a run needs, and say what to do about each finding."""
    from target_telemetry_postgres.cli.checks.findings import STOPS

    found: list[Finding] = []
    for finding in findings(session, offline=offline):
        found.append(finding)
        if not as_json:
            _print(finding)
    if as_json:
        output.print_json({"findings": found})
    serious = sum(finding.level == STOPS for finding in found)
    if serious:
        raise click.ClickException(
            f"{output.count(serious, 'finding')} above {'stops' if serious == 1 else 'stop'} a run."
        )


def findings(session: Session, *, offline: bool) -> Iterator[Finding]:
    """Check the programs, the database, GitHub and the files, in the order of a run."""
    from target_telemetry_postgres.cli.checks import database, files, github, programs

    yield from programs.check()
    yield from database.check(session)
    yield from github.check(offline=offline)
    yield from files.check()


def _print(finding: Finding) -> None:
    level = finding.level
    if sys.stdout.isatty():
        level = click.style(level, fg=_COLOURS[finding.level])
    click.echo(f"[{level}] {finding.area}: {finding.what}")
    if finding.do:
        click.echo(f"    {finding.do}")

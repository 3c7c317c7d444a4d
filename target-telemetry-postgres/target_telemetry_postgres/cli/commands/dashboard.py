"""`telemetry dashboard`: the page that people look at."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from target_telemetry_postgres.cli.session import Session, pass_session
from target_telemetry_postgres.cli.spans import instant_option

if TYPE_CHECKING:
    from datetime import datetime

_DEFAULT_FILE = ".telemetry/dashboard.html"


@click.command(
    name="dashboard",
    epilog="""\b
The file asks nobody for anything: mail it, or put it on a server. It holds what --without does not
leave out: users, sessions, titles, branches, prompts, errors.

\b
Example:
  telemetry dashboard --open --timezone Europe/Berlin""",
)
@click.option(
    "--output",
    "file",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    default=_DEFAULT_FILE,
    show_default=True,
    help="Where the page goes.",
)
@click.option("--open", "then_open", is_flag=True, help="Open the page in the browser.")
@click.option(
    "--since",
    metavar="WHEN",
    callback=instant_option,
    help="From when on: 2026-02-01, 90d.  [default: 186d]",
)
@click.option(
    "--timezone",
    "zone",
    metavar="ZONE",
    default="UTC",
    show_default=True,
    help="Days are its days.",
)
@click.option(
    "--repository",
    "repositories",
    metavar="OWNER/NAME",
    multiple=True,
    help="Only this repository; may be given again.",
)
@click.option("--without", metavar="NAMES", default="", help="What to leave out, with commas.")
@pass_session
def command(
    session: Session,
    *,
    file: Path,
    then_open: bool,
    since: datetime | None,
    zone: str,
    repositories: tuple[str, ...],
    without: str,
) -> None:
    """Write a page with the charts and tables of CI and LLM calls: one HTML file."""
    from target_telemetry_postgres.dashboard.options import PageOptions, check_without
    from target_telemetry_postgres.dashboard.page import assemble
    from target_telemetry_postgres.dashboard.snapshot import take_snapshot

    options = PageOptions(
        since=since, zone=zone, repositories=repositories, without=check_without(without)
    )
    with session.reading() as reader:
        snapshot = take_snapshot(reader.cursor, options)
    text = assemble(snapshot.deflated())
    file.parent.mkdir(parents=True, exist_ok=True)
    # Whoever looks at the page meanwhile sees the old one or the new one.
    part = file.with_name(f"{file.name}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(file)
    click.echo(f"{file} ({len(text.encode()) / 1e6:.1f} MB)")
    if then_open:
        click.launch(str(file))

"""`telemetry dashboard`: the page that people look at."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from target_telemetry_postgres.cli.session import Session, pass_session
from target_telemetry_postgres.cli.spans import instant_option

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from target_telemetry_postgres.dashboard.options import PageOptions

_DEFAULT_FILE = ".telemetry/dashboard.html"
_DEFAULT_FOLDER = ".telemetry/grafana"


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
    "place",
    metavar="PATH",
    type=click.Path(path_type=Path),
    help=f"Where the page, or Grafana's files, go.  [default: {_DEFAULT_FILE}, {_DEFAULT_FOLDER}]",
)
@click.option("--open", "then_open", is_flag=True, help="Open the page in the browser.")
@click.option("--serve", is_flag=True, help="Serve the page with live data on this machine.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, help="Of --serve; 0 takes a free one."
)
@click.option("--grafana", is_flag=True, help="Write dashboards for Grafana instead.")
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
    place: Path | None,
    then_open: bool,
    serve: bool,
    port: int,
    grafana: bool,
    since: datetime | None,
    zone: str,
    repositories: tuple[str, ...],
    without: str,
) -> None:
    """Write a page with the charts and tables of CI and LLM calls: one HTML file."""
    from target_telemetry_postgres.dashboard.options import PageOptions, check_without

    if grafana:
        _write_for_grafana(session, place or Path(_DEFAULT_FOLDER))
        return
    options = partial(
        PageOptions,
        since=since,
        zone=zone,
        repositories=repositories,
        without=check_without(without),
    )
    if serve:
        _serve(session, options, port, then_open=then_open)
        return
    file = place or Path(_DEFAULT_FILE)
    size = _write(session, options(), file)
    click.echo(f"{file} ({size / 1e6:.1f} MB)")
    if then_open:
        _show(file.resolve().as_uri())


def _write_for_grafana(session: Session, folder: Path) -> None:
    import json

    from target_telemetry_postgres.dashboard.grafana import PROVISIONING, dashboards

    schema = str(session.config.get("default_target_schema") or "telemetry")
    folder.mkdir(parents=True, exist_ok=True)
    boards = dashboards(schema)
    for name, board in boards.items():
        (folder / name).write_text(json.dumps(board, indent=2) + "\n", encoding="utf-8")
    (folder / "provisioning.yaml").write_text(PROVISIONING, encoding="utf-8")
    click.echo(f"{folder}: {', '.join(boards)} and provisioning.yaml")


def _write(session: Session, options: PageOptions, file: Path) -> int:
    from target_telemetry_postgres.dashboard.page import assemble

    text = assemble(_data(session, options)).encode()
    file.parent.mkdir(parents=True, exist_ok=True)
    # Whoever looks at the page meanwhile sees the old one or the new one.
    part = file.with_name(f"{file.name}.part")
    part.write_bytes(text)
    part.replace(file)
    return len(text)


def _serve(
    session: Session, options: Callable[[], PageOptions], port: int, *, then_open: bool
) -> None:
    from target_telemetry_postgres.dashboard.server import LOOPBACK, open_server

    # One snapshot before anything is promised: what is wrong is said here, not in the browser.
    with session.database():
        _data(session, options())
        with open_server(port, lambda: _data(session, options())) as server:
            address = f"http://{LOOPBACK}:{server.server_port}/"
            click.echo(f"{address} shows the page; Ctrl-C ends it.")
            if then_open:
                _show(address)
            server.serve_forever()


def _data(session: Session, options: PageOptions) -> bytes:
    from target_telemetry_postgres.dashboard.snapshot import take_snapshot

    with session.reading() as reader:
        return take_snapshot(reader.cursor, options).deflated()


def _show(address: str) -> None:
    import webbrowser

    if not webbrowser.open(address):
        click.echo(f"No browser was found; open {address} in one.", err=True)

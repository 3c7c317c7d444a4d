"""`telemetry report`: the questions that the tables are for; each is a `.sql` file."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from typing import TYPE_CHECKING

import click

from target_telemetry_postgres.cli import output
from target_telemetry_postgres.cli.comparing import Period, in_columns, key_of, side_by_side
from target_telemetry_postgres.cli.session import (
    Reader,
    Row,
    Session,
    existing_columns,
    pass_session,
    read_sql,
)
from target_telemetry_postgres.cli.spans import instant_option
from target_telemetry_postgres.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

_FOLDER = "reports"
_ALL_ROWS = 100_000
_RELATION = re.compile(r"^\s*(?:from|join)\s+([a-z_]+)", re.IGNORECASE | re.MULTILINE)
# A column that not everybody may read.
_NEEDED = re.compile(r"^-- needs: (?P<table>\w+)\.(?P<column>\w+)$", re.MULTILINE)
_NAMED = re.compile(r"^\s*(?:with\s+)?([a-z_]+) as \($", re.IGNORECASE | re.MULTILINE)


class UnreadableError(ConfigError):
    """A report is about something that this role may not see."""


def report_names() -> list[str]:
    """The reports that this package carries."""
    folder = files("target_telemetry_postgres.cli") / "sql" / _FOLDER
    return sorted(
        entry.name.removesuffix(".sql").replace("_", "-")
        for entry in folder.iterdir()
        if entry.name.endswith(".sql")
    )


def teams_of(_: click.Context, __: click.Parameter, value: str | None) -> str:
    """Read `pattern=team,…` as a JSON list of pairs, in their order."""
    pairs = [part.partition("=")[::2] for part in (value or "").split(",") if part.strip()]
    for pattern, team in pairs:
        if not (pattern.strip() and team.strip()):
            raise click.BadParameter(
                f"'{pattern}' has no team: write owner/name=team, with * for any part of the name."
            )
    return json.dumps([[pattern.strip(), team.strip()] for pattern, team in pairs])


@click.command(
    name="report",
    epilog="""\b
Without a name: all of them. Without data the report is empty, not an error.

\b
Example:
  telemetry report cost-per-day --since 7d""",
)
@click.argument("name", type=click.Choice(report_names()), required=False)
@click.option("--list", "listing", is_flag=True, help="Only name the reports.")
@click.option(
    "--since",
    metavar="WHEN",
    callback=instant_option,
    help="From when on: 2026-02-01, 30d.  [default: 30d]",
)
@click.option(
    "--until",
    metavar="WHEN",
    callback=instant_option,
    help="Up to when.  [default: now]",
)
@click.option(
    "--compare", is_flag=True, help="Show the period of the same length before beside it."
)
@click.option(
    "--base", metavar="REF", help="coverage-change: the branch or commit to compare with."
)
@click.option("--head", metavar="REF", help="coverage-change: only this branch or commit.")
@click.option(
    "--teams",
    metavar="MAP",
    envvar="TELEMETRY_TEAMS",
    callback=teams_of,
    help="bill-back: whose repositories are whose: octo/api-*=platform,octo/*=product.",
)
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="Rows.")
@click.option("--sql", "show_sql", is_flag=True, help="Print the query instead of its answer.")
@output.json_option
@pass_session
def command(
    session: Session,
    *,
    name: str | None,
    listing: bool,
    since: datetime | None,
    until: datetime | None,
    compare: bool,
    base: str | None,
    head: str | None,
    teams: str,
    limit: int,
    show_sql: bool,
    as_json: bool,
) -> None:
    """Answer questions from the data: durations, flakiness, failures, costs."""
    names = [name] if name else report_names()
    if listing:
        width = max(map(len, names)) + 2
        for known in names:
            click.echo(f"{known:{width}}{title_of(known)}")
        return
    if show_sql:
        for known in names:
            click.echo(query_of(known).decode().replace("%%", "%").rstrip() + ";")
        return
    period = Period.of(since, until)
    more = {"base": base, "head": head, "teams": teams, "limit": limit}
    with session.reading() as reader:
        ask = compared if compare else answer
        answers = (
            {name: ask(reader, name, period, more)} if name else _all(ask, reader, period, more)
        )
    if as_json:
        output.print_json(answers[name] if name else answers)
        return
    for place, (known, rows) in enumerate(answers.items()):
        if place:
            click.echo()
        output.print_records(in_columns(rows) if compare else rows, f"{known}: {title_of(known)}")


def _all(
    ask: Callable[[Reader, str, Period, Mapping[str, str | int | None]], list[Row]],
    reader: Reader,
    period: Period,
    more: Mapping[str, str | int | None],
) -> dict[str, list[Row]]:
    """Every report that this role may see."""
    answers = {}
    for name in report_names():
        try:
            answers[name] = ask(reader, name, period, more)
        except UnreadableError as error:
            click.echo(f"{name} is left out. {error}", err=True)
    return answers


def answer(
    reader: Reader, name: str, period: Period, more: Mapping[str, str | int | None]
) -> list[Row]:
    """Run one report; nothing, where its tables are not there."""
    query = query_of(name)
    columns = existing_columns(reader)
    needed = _NEEDED.search(query.decode())
    missing = relations_of(query.decode()) - columns.keys()
    if missing:
        _refuse_closed(reader, name, missing)
        return []
    if needed and needed["column"] not in columns.get(needed["table"], {}):
        raise UnreadableError(
            f'This role may not read {needed["column"]} of "{needed["table"]}", which the report '
            f"{name} is made of; the role that owns the tables may."
        )
    return reader.rows(query, {**more, "since": period.since, "until": period.until})


def _refuse_closed(reader: Reader, name: str, missing: set[str]) -> None:
    """A table that is there and shows this role nothing must not look like an empty one."""
    for row in reader.rows(read_sql("tables.sql"), reader.place()):
        if row["table"] in missing and not row["readable"]:
            raise UnreadableError(
                f'This role may not read "{row["table"]}", which the report {name} is made of; '
                "the role that owns the tables may."
            )


def compared(
    reader: Reader, name: str, period: Period, more: Mapping[str, str | int | None]
) -> list[Row]:
    """Run one report for a period and the one before, and lay their rows side by side."""
    return side_by_side(
        answer(reader, name, period, more),
        answer(reader, name, period.before, {**more, "limit": _ALL_ROWS}),
        period,
        keys=key_of(query_of(name).decode()),
        limit=int(more["limit"] or 0),
    )


def query_of(name: str) -> bytes:
    """The query of a report."""
    return read_sql(f"{_FOLDER}/{name.replace('-', '_')}.sql")


def title_of(name: str) -> str:
    """The first line of a report's file says what it answers."""
    return query_of(name).decode().splitlines()[0].removeprefix("--").strip()


def relations_of(query: str) -> set[str]:
    """The tables that a report reads."""
    return set(_RELATION.findall(query)) - set(_NAMED.findall(query))

"""`telemetry check`: budgets and anomalies, for a cron or a step of a workflow."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import click

from target_telemetry_postgres.cli import output
from target_telemetry_postgres.cli.session import Session, pass_session

if TYPE_CHECKING:
    from target_telemetry_postgres.cli.session import Reader
    from target_telemetry_postgres.cli.watching.breaches import Breach
    from target_telemetry_postgres.cli.watching.rules import Rules

_DEFAULT_FILE = "telemetry-rules.toml"
_BROKEN = 2


@click.command(
    name="check",
    epilog="""\b
Built-in rules: a day's cost against its own past, a workflow's failures against its own past,
streams without new rows; with a budget also a day's cost against that. Exit code 0: all well;
2: a rule is broken; 1: it could not be checked.

\b
Example:
  telemetry check --budget 50""",
)
@click.option(
    "--rules",
    "file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help=f"The rules, in TOML.  [default: {_DEFAULT_FILE}, where it is there]",
)
@click.option(
    "--budget", type=click.FloatRange(min=0), metavar="USD", help="What a day's calls may cost."
)
@click.option("--post", "url", metavar="URL", help="Post breaches to a webhook, as Slack's.")
@output.json_option
@pass_session
def command(
    session: Session, *, file: Path | None, budget: float | None, url: str | None, as_json: bool
) -> int:
    """Check budgets and anomalies; exit code 2 when a rule is broken."""
    from target_telemetry_postgres.cli.watching import rules, webhook

    if url is not None:
        webhook.checked(url)
    if file is None and Path(_DEFAULT_FILE).is_file():
        file = Path(_DEFAULT_FILE)
    asked = rules.load(file) if file else rules.Rules()
    if budget is not None:
        asked = replace(asked, budget_per_day=budget)
    now = datetime.now(timezone.utc)
    with session.reading() as reader:
        broken = collect(reader, asked, now)
        database = reader.database.describe()
    checked = [*asked.built_in, *(rule.name for rule in asked.rules)]
    if asked.budget_per_day is not None:
        checked.insert(0, "budget-per-day")
    if as_json:
        output.print_json(
            {"checked_at": now, "rules": checked, "breaches": [b.told() for b in broken]}
        )
    else:
        _print(broken, len(checked))
    if broken and url is not None:
        webhook.post(url, webhook.message(broken, database))
    return _BROKEN if broken else 0


def collect(reader: Reader, asked: Rules, now: datetime) -> list[Breach]:
    """All breaches, of the built-in rules first."""
    from target_telemetry_postgres.cli.watching import breaches, rules

    broken: list[Breach] = []
    if asked.budget_per_day is not None:
        broken += breaches.of_rule(reader, rules.budget(asked.budget_per_day), now)
    for name in asked.built_in:
        if name == "cost-against-past":
            broken += breaches.of_rule(reader, rules.COST_AGAINST_PAST, now)
        elif name == "workflow-failures":
            broken += breaches.of_workflows(reader, now)
        else:
            broken += breaches.of_streams(reader, now)
    for rule in asked.rules:
        broken += breaches.of_rule(reader, rule, now)
    return broken


def _print(broken: list[Breach], checked: int) -> None:
    for breach in broken:
        click.echo(breach.sentence)
        click.echo("".join(f"    {line}\n" for line in breach.query.splitlines()), nl=False)
    if not broken:
        click.echo(f"All well: {output.count(checked, 'rule')} checked.")

"""`telemetry reprice`: estimated LLM costs with the prices known now."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import click

from target_telemetry_postgres.cli import output
from target_telemetry_postgres.cli.session import Session, pass_session
from target_telemetry_postgres.cli.spans import instant_option
from target_telemetry_postgres.errors import ConfigError

if TYPE_CHECKING:
    from datetime import datetime

    from target_telemetry_postgres.pricing.reprice import ModelChange

_ALIASES = "TAP_LLM_CSV_MODEL_ALIASES"
_OVERRIDES = "TAP_LLM_CSV_PRICE_OVERRIDES"
_COLUMNS = (
    output.Column("model"),
    output.Column("calls", right=True),
    output.Column("changed", right=True),
    output.Column("cost before", right=True),
    output.Column("cost after", right=True),
    output.Column("unpriced", right=True),
)


@click.command(
    name="reprice",
    epilog="""\b
Each call is priced at its own date. Costs that a provider gave stay as they are. What
tap-llm-csv is told by TAP_LLM_CSV_MODEL_ALIASES and TAP_LLM_CSV_PRICE_OVERRIDES counts here too.

\b
Example:
  telemetry reprice --dry-run --since 90d""",
)
@click.option("--dry-run", is_flag=True, help="Only say what would change.")
@click.option(
    "--since", metavar="WHEN", callback=instant_option, help="Only calls from then on: 90d."
)
@click.option("--model", metavar="MODEL", help="Only this model, as it is stored.")
@click.option(
    "--alias",
    "aliases",
    metavar="MODEL=NAME",
    multiple=True,
    help="Price MODEL as NAME; may be repeated.",
)
@output.json_option
@pass_session
def command(
    session: Session,
    *,
    dry_run: bool,
    since: datetime | None,
    model: str | None,
    aliases: tuple[str, ...],
    as_json: bool,
) -> None:
    """Recompute estimated LLM costs with the prices known now."""
    from target_telemetry_postgres.pricing.model_prices import learn
    from target_telemetry_postgres.pricing.prices import Prices, book_version
    from target_telemetry_postgres.pricing.reprice import reprice

    prices = Prices(
        {**_object_in(_ALIASES), **_aliases_from_options(aliases)}, _object_in(_OVERRIDES)
    )
    with session.database() as database:
        changes = reprice(database, prices, since=since, model=model, dry_run=dry_run)
        with database.connect(purpose="prices") as connection:
            noted = learn(connection, database.schema, prices, again=True)
            if dry_run:
                connection.rollback()
    if as_json:
        output.print_json(
            {
                "dry_run": dry_run,
                "price_version": book_version(),
                "models": changes,
                "model_prices": noted,
            }
        )
        return
    if changes:
        output.print_table(_COLUMNS, [_line(change) for change in changes])
    changed = output.count(sum(change.changed for change in changes), "call")
    verb = "would get" if dry_run else "got"
    click.echo(f"{changed} {verb} another cost ({book_version()}).")
    if noted:
        done = "would be" if dry_run else "were"
        click.echo(f"{output.count(noted, 'price')} of models {done} noted.")


def _line(change: ModelChange) -> list[str]:
    return [
        change.model,
        output.text(change.calls),
        output.text(change.changed),
        output.money(change.before),
        output.money(change.after),
        output.text(change.unpriced),
    ]


def _object_in(variable: str) -> dict[str, Any]:
    written = os.environ.get(variable, "")
    if not written:
        return {}
    try:
        read = json.loads(written)
    except ValueError as error:
        raise ConfigError(f"{variable} is not JSON: {error}.") from error
    if not isinstance(read, dict):
        raise ConfigError(f"{variable} must be a JSON object with a model on the left.")
    return {str(model): value for model, value in read.items()}


def _aliases_from_options(options: tuple[str, ...]) -> dict[str, str]:
    aliases = {}
    for option in options:
        model, equals, name = option.partition("=")
        if not (model and equals and name):
            raise click.BadParameter(
                f'"{option}" is not an alias; write MODEL=NAME.', param_hint="--alias"
            )
        aliases[model] = name
    return aliases

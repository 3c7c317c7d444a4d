"""`telemetry prune`: delete rows that are past their retention."""

from __future__ import annotations

import click

from target_telemetry_postgres.cli import output
from target_telemetry_postgres.cli.session import Session, pass_session
from target_telemetry_postgres.errors import RetentionError

_COLUMNS = (
    output.Column("table"),
    output.Column("column"),
    output.Column("older than (UTC)"),
    output.Column("rows", right=True),
    output.Column("oldest (UTC)"),
)


@click.command(
    name="prune",
    epilog="""\b
The policies are the target's setting `retention`. Rows go in small batches that do not keep
writers waiting; a prune that is interrupted has deleted only rows that were due.

\b
Example:
  telemetry prune --dry-run""",
)
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@click.option(
    "--table", "tables", metavar="TABLE", multiple=True, help="Only this table; may be repeated."
)
@output.json_option
@pass_session
def command(session: Session, *, dry_run: bool, tables: tuple[str, ...], as_json: bool) -> None:
    """Delete the rows that are past their retention."""
    from target_telemetry_postgres.retention import prune

    policies = prune.parse_policies(session.config)
    unknown = set(tables) - {policy.table for policy in policies}
    if unknown:
        raise RetentionError(
            f"No retention is set for {', '.join(sorted(unknown))}; name it in the setting "
            '"retention" of target-telemetry-postgres.'
        )
    chosen = [policy for policy in policies if not tables or policy.table in tables]
    with session.database() as database:
        with database.connect(purpose="prune") as connection:
            chosen = prune.check_policies(connection, database.schema, chosen)
        results = prune.prune(
            database,
            chosen,
            dry_run=dry_run,
            max_seconds=float(session.config["prune_max_seconds"]),
        )
    if as_json:
        output.print_json(
            {
                "dry_run": dry_run,
                "tables": [
                    {
                        "table": result.table,
                        "column": result.column,
                        "cutoff": result.cutoff,
                        "rows": result.rows,
                        "oldest": result.oldest,
                        "complete": result.complete,
                    }
                    for result in results
                ],
            }
        )
        return
    output.print_table(
        _COLUMNS,
        [
            [
                result.table,
                result.column,
                output.instant(result.cutoff),
                output.text(result.rows),
                output.instant(result.oldest),
            ]
            for result in results
        ],
    )
    total = output.count(sum(result.rows for result in results), "row")
    click.echo(f"{total} would go." if dry_run else f"{total} deleted.")
    waiting = [result.table for result in results if not result.complete]
    if waiting:
        click.echo(
            f"{', '.join(waiting)} is not done: time ran out, or another run holds rows. The next "
            "prune goes on."
        )

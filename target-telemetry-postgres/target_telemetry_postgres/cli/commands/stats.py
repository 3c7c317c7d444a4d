"""`telemetry stats`: how much there is, from when to when, how well it went, what it cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from target_telemetry_postgres.cli import output
from target_telemetry_postgres.cli.facts import MODELLED, Facts
from target_telemetry_postgres.cli.session import (
    Reader,
    Row,
    Session,
    existing_columns,
    pass_session,
    read_sql,
)

if TYPE_CHECKING:
    from psycopg import sql

_COLUMNS = (
    output.Column("table"),
    output.Column("rows", right=True),
    output.Column("first (UTC)"),
    output.Column("last (UTC)"),
    output.Column("success", right=True),
    output.Column("cost", right=True),
)


@click.command(
    name="stats",
    epilog="""\b
Times are when things happened, not when they were stored. The success rate leaves out what was
skipped or cancelled. A cost is the sum of the rows whose price is known.

\b
Example:
  telemetry stats --json""",
)
@output.json_option
@output.markdown_option
@pass_session
def command(session: Session, *, as_json: bool) -> None:
    """Count every table: rows, first and last times, success rate, cost."""
    with session.reading() as reader:
        tables = collect(reader)
        sources = cost_sources(reader)
    if as_json:
        output.print_json({"tables": tables, "llm_calls_by_cost_source": sources})
        return
    if not tables:
        click.echo(f'Schema "{reader.schema}" has no tables yet; `telemetry migrate` makes them.')
        return
    output.print_table(_COLUMNS, [_line(table) for table in tables])
    unpriced = next((s["rows"] for s in sources if s["cost_source"] == "unpriced"), 0)
    if unpriced:
        calls = output.count(unpriced, "LLM call")
        click.echo(f"{calls} without a known price; `telemetry report unpriced` names the models.")


def collect(reader: Reader) -> list[Row]:
    """Count each table of the schema."""
    columns = existing_columns(reader)
    counted: list[Row] = []
    for row in reader.rows(read_sql("tables.sql"), reader.place()):
        name = row["table"]
        figures: Row = {"table": name, "readable": row["readable"]}
        if row["readable"]:
            figures |= reader.one(
                statistics_query(reader.schema, name, facts_of(reader, name), columns.get(name, {}))
            )
        counted.append(figures)
    order = {reader.store.name(name): place for place, name in enumerate(MODELLED)}
    order |= {name: place for place, name in enumerate(MODELLED)}
    return sorted(counted, key=lambda row: (order.get(row["table"], len(order)), row["table"]))


def facts_of(reader: Reader, table: str) -> Facts:
    """What is known of a table; of one that only has the name of ours, nothing."""
    if not reader.store.owns(table):
        return Facts()
    return MODELLED.get(table.removeprefix(reader.store.prefix), Facts())


def cost_sources(reader: Reader) -> list[Row]:
    """Where the costs of LLM calls come from: given by the provider, estimated, unknown."""
    columns = existing_columns(reader).get("llm_calls", {})
    if not {"cost_source", "estimated_cost"} <= columns.keys():
        return []
    return reader.rows(read_sql("cost_sources.sql"))


def statistics_query(
    schema: str, table: str, facts: Facts, columns: dict[str, str]
) -> sql.Composed:
    """One row for one table; what the table lacks is NULL."""
    from psycopg import sql

    def aggregate(function: sql.SQL, column: str | None) -> sql.Composable:
        if column is None or column not in columns:
            return sql.SQL("null")
        return sql.SQL("{}({})").format(function, sql.Identifier(column))

    success: sql.Composable = sql.SQL("null")
    if facts.outcome is not None and facts.outcome.column in columns:
        success = sql.SQL(
            "avg(case when {column}::text = any({good}) then 1 "
            "when {column}::text = any({bad}) then 0 end)"
        ).format(
            column=sql.Identifier(facts.outcome.column),
            good=sql.Literal(list(facts.outcome.good)),
            bad=sql.Literal(list(facts.outcome.bad)),
        )
    return sql.SQL(
        "select count(*) as rows, {first} as first, {last} as last, "
        "{success} as success_rate, {cost} as cost from {table}"
    ).format(
        first=aggregate(sql.SQL("min"), facts.time),
        last=aggregate(sql.SQL("max"), facts.last_time or facts.time),
        success=success,
        cost=aggregate(sql.SQL("sum"), facts.cost),
        table=sql.Identifier(schema, table),
    )


def _line(table: dict[str, Any]) -> list[str]:
    if not table["readable"]:
        return [table["table"], "no access", "-", "-", "-", "-"]
    return [
        table["table"],
        output.text(table["rows"]),
        output.instant(table["first"]),
        output.instant(table["last"]),
        output.share(table["success_rate"]),
        output.money(table["cost"]),
    ]

"""`telemetry status`: is the telemetry coming in, and is it coming in well."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from target_telemetry_postgres.cli import output
from target_telemetry_postgres.cli.facts import MODELLED
from target_telemetry_postgres.cli.session import (
    Reader,
    Row,
    Session,
    existing_columns,
    pass_session,
    read_sql,
)
from target_telemetry_postgres.cli.spans import span_option

if TYPE_CHECKING:
    from datetime import timedelta

    from psycopg import sql

    from target_telemetry_postgres.postgres.database import Database

# Whose newest times tell whether GitHub or the files are behind.
_WATCHED = (
    "workflow_runs", "llm_calls", "token_estimation_v2_events", "chat_telemetry_log",
    "pr_trace_events",
)  # fmt: skip
_STREAMS = (
    output.Column("stream"),
    output.Column("last loaded (UTC)"),
    output.Column("lag", right=True),
    output.Column("last run"),
    output.Column("rows", right=True),
    output.Column("rejected (7 d)", right=True),
    output.Column("failed runs (7 d)", right=True),
)
_PRUNING = (
    output.Column("retention"),
    output.Column("keep"),
    output.Column("by"),
    output.Column("rows due", right=True),
    output.Column("next row due (UTC)"),
)


@click.command(
    name="status",
    epilog="""\b
The lag of a stream is the time since its last run that succeeded. With --max-lag the exit code
is 1 when a stream is further behind, or when nothing was ever loaded: for cron or an uptime check.

\b
Example:
  telemetry status --json""",
)
@output.json_option
@output.markdown_option
@click.option(
    "--max-lag",
    metavar="SPAN",
    callback=span_option,
    help="Exit 1 when a stream is further behind: 12h, 2d.",
)
@click.option(
    "--stream", "streams", metavar="NAME", multiple=True, help="Only this stream; may be repeated."
)
@pass_session
def command(
    session: Session, *, as_json: bool, max_lag: timedelta | None, streams: tuple[str, ...]
) -> None:
    """Show when each stream last loaded, how far behind it is, and what failed."""
    with session.database() as database:
        report = collect(session, database, streams)
    late = behind(report["streams"], streams, max_lag) if max_lag is not None else []
    report["behind"] = late
    if as_json:
        output.print_json(report)
    else:
        _print(report)
    if late:
        raise click.ClickException(" ".join(late))


def collect(session: Session, database: Database, streams: tuple[str, ...]) -> dict[str, Any]:
    """Everything that `status` knows."""
    from target_telemetry_postgres.postgres.migrate import pending

    missing = [str(migration) for migration in pending(database)]
    with session.reading(database) as reader:
        columns = existing_columns(reader)
        health = health_of(reader) if reader.store.name("pipeline_health") in columns else []
        latest = [
            newest(reader, table)
            for table in _WATCHED
            if reader.store.owns(table) and MODELLED[table].time in columns.get(table, {})
        ]
        bookmarks = meltano_state(reader)
    return {
        "database": database.describe(),
        "schema": database.schema,
        "streams": [row for row in health if not streams or row["stream"] in streams],
        "latest": {row["table"]: row["latest"] for row in latest if row["latest"]},
        "retention": next_prunes(session, database, columns) if not missing else [],
        "pending_migrations": missing,
        "bookmarks": bookmarks,
    }


def health_of(reader: Reader) -> list[Row]:
    """One row a stream, from the ledger's view."""
    from psycopg import sql

    query = sql.SQL(read_sql("health.sql").decode())
    return reader.rows(query.format(pipeline_health=reader.store.table("pipeline_health")))


def newest(reader: Reader, table: str) -> Row:
    """The newest time of what is stored: whether the source is behind, and not only its loading."""
    from psycopg import sql

    column = sql.Identifier(str(MODELLED[table].time))
    query = sql.SQL("select {name} as table, max({column}) as latest from {table}").format(
        name=sql.Literal(table), column=column, table=sql.Identifier(reader.schema, table)
    )
    return reader.one(query)


def meltano_state(reader: Reader) -> list[Row]:
    """Meltano's bookmarks, where this role may read them."""
    (found,) = reader.rows(
        b"select coalesce(has_table_privilege(to_regclass('meltano.state'), 'select'), false) "
        b"as readable where true"
    )
    if not found["readable"]:
        return []
    return [
        {
            "state_id": row["state_id"],
            "updated_at": row["updated_at"],
            "state": _singer_state(row["completed_state"]),
        }
        for row in reader.rows(read_sql("meltano_state.sql"))
    ]


def _singer_state(stored: Any) -> Any:
    """Meltano stores a state as JSON text under `singer_state`."""
    if isinstance(stored, str):
        try:
            stored = json.loads(stored)
        except ValueError:
            return stored
    return stored.get("singer_state", stored) if isinstance(stored, dict) else stored


def next_prunes(
    session: Session, database: Database, columns: dict[str, dict[str, str]]
) -> list[Row]:
    """What each retention policy would delete now, and when its next row falls due."""
    from target_telemetry_postgres.retention.prune import check_policies, parse_policies, prune

    policies = [
        policy
        for policy in parse_policies(session.config)
        if policy.column in columns.get(policy.table, {})
    ]
    with database.connect(purpose="read") as connection:
        policies = check_policies(connection, database.schema, policies)
        keeps = {policy.table: policy.keep for policy in policies}
        found = []
        for result in prune(database, policies, dry_run=True):
            keep = keeps[result.table]
            due = connection.execute(
                _next_due(database.schema, result.table, result.column),
                {"keep": keep, "cutoff": result.cutoff},
            ).fetchone()
            found.append(
                {
                    "table": result.table,
                    "column": result.column,
                    "keep": keep,
                    "rows_due": result.rows,
                    "next_row_due_at": due[0] if due else None,
                }
            )
    return found


def _next_due(schema: str, table: str, column: str) -> sql.Composed:
    from psycopg import sql

    return sql.SQL(
        "select min({column})::timestamptz + %(keep)s::interval "
        "from {table} where {column} >= %(cutoff)s"
    ).format(column=sql.Identifier(column), table=sql.Identifier(schema, table))


def behind(rows: list[Row], wanted: tuple[str, ...], max_lag: timedelta) -> list[str]:
    """A sentence for each stream that is further behind than it may be."""
    known = {row["stream"] for row in rows}
    sentences = [f"{name} was never loaded." for name in wanted if name not in known]
    if not rows and not sentences:
        sentences = ["Nothing was ever loaded."]
    limit = max_lag.total_seconds()
    for row in rows:
        lag = row["lag_seconds"]
        if lag is None:
            sentences.append(f"{row['stream']} was never loaded successfully.")
        elif lag > limit:
            sentences.append(
                f"{row['stream']} is {output.duration(lag)} behind, "
                f"more than {output.duration(limit)}."
            )
    return sentences


def _print(report: dict[str, Any]) -> None:
    missing = report["pending_migrations"]
    click.echo(f"{report['database']}, schema {report['schema']}")
    if missing:
        click.echo(f"{output.count(len(missing), 'migration')} pending: `telemetry migrate`.")
    if report["streams"]:
        output.print_table(_STREAMS, [_stream_line(row) for row in report["streams"]])
    else:
        click.echo("Nothing was loaded yet.")
    for table, latest in report["latest"].items():
        click.echo(f"Latest in {table}: {output.instant(latest)} UTC")
    if report["retention"]:
        click.echo()
        output.print_table(_PRUNING, [_prune_line(row) for row in report["retention"]])
    for bookmark in report["bookmarks"]:
        click.echo(f"Bookmark {bookmark['state_id']}: {output.instant(bookmark['updated_at'])}")


def _stream_line(row: Row) -> list[str]:
    return [
        row["stream"],
        output.instant(row["last_loaded_at"]),
        output.duration(row["lag_seconds"]),
        output.text(row["last_status"]),
        output.text(row["rows_loaded"]),
        output.share(row["rejected_share"]),
        output.text(row["failed_runs"]),
    ]


def _prune_line(row: Row) -> list[str]:
    return [
        row["table"],
        row["keep"],
        row["column"],
        output.text(row["rows_due"]),
        output.instant(row["next_row_due_at"]),
    ]

"""`telemetry trace`: all that was done and ran for a pull request, branch or commit, in order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from target_telemetry_postgres.cli import output
from target_telemetry_postgres.cli.pr_traces import (
    collect_runs,
    collect_traces,
    in_order,
    may_read,
    parse_reference,
    what_happened,
)
from target_telemetry_postgres.cli.session import Row, Session, existing_columns, pass_session

if TYPE_CHECKING:
    from datetime import datetime

_COLUMNS = (
    output.Column("started (UTC)"),
    output.Column("after", right=True),
    output.Column("what"),
    output.Column("ended"),
    output.Column("took", right=True),
    output.Column("queued", right=True),
    output.Column("commit"),
)


@click.command(
    name="trace",
    epilog="""\b
Takes 42, owner/name#42, a branch, a commit (seven digits or more), or the id of a trace. Where
the work on it was traced, its edits, commands, tests and commits are shown between the runs,
and the LLM calls of its sessions, commits and branch; --json is the whole trace then.

\b
Example:
  telemetry trace 42""",
)
@click.argument("reference", metavar="PR|BRANCH|COMMIT")
@click.option("--repository", metavar="OWNER/NAME", help="Only in this repository.")
@output.json_option
@pass_session
def command(session: Session, *, reference: str, repository: str | None, as_json: bool) -> None:
    """Show all that was done and ran for a pull request, branch or commit, in order."""
    wanted = parse_reference(reference, repository)
    with session.reading() as reader:
        columns = existing_columns(reader)
        traces = collect_traces(reader, reference, wanted, columns)
        runs = [] if traces else collect_runs(reader, wanted, columns)
    if "pr_traces" in columns and not may_read(columns):
        click.echo("What was done for it is left out: this role may not read that.", err=True)
    if as_json:
        output.print_json(traces[0] if len(traces) == 1 else traces or runs)
        return
    if not traces and not runs:
        raise click.ClickException(
            f"No run is known for {reference}, and no trace; `telemetry status` says how far the "
            "data reaches."
        )
    for place, trace in enumerate(traces):
        if place:
            click.echo()
        output.print_table(_COLUMNS, story(trace), _headline(trace))
    if runs:
        output.print_table(_COLUMNS, timeline(runs), _title(runs))


def story(trace: Row) -> list[list[str]]:
    """The lines of a trace; "after" counts from its first event."""
    entries = in_order(trace)
    begin = trace["timeline"]["start_time"] or (entries[0][0] if entries else None)
    lines = []
    for _, kind, row in entries:
        if kind == "event":
            what, ended = what_happened(row)
            lines.append(_line({"started_at": row["ts"], "conclusion": ended}, what, begin, ""))
        elif kind == "run":
            lines.append(_run_line(row, begin))
        elif kind == "job":
            lines.append(_job_line(row, begin))
        else:
            lines.append(_call_line(row, begin))
    return lines


def timeline(runs: list[Row]) -> list[list[str]]:
    """Runs in order, each followed by its jobs; "after" counts from the first start."""
    begin = next((run["started_at"] for run in runs if run["started_at"]), None)
    lines = []
    for run in runs:
        lines.append(_run_line(run, begin))
        lines.extend(_job_line(job, begin) for job in run["jobs"])
    return lines


def _run_line(run: Row, begin: datetime | None) -> list[str]:
    name = f"{run['workflow_name']} #{run['run_number']}"
    if run["run_attempt"] != 1:
        name += f" attempt {run['run_attempt']}"
    return _line(run, f"{name} ({run['event_type']})", begin, (run["commit_sha"] or "")[:7])


def _job_line(job: Row, begin: datetime | None) -> list[str]:
    carried = " (carried over)" if job["is_carried_over"] else ""
    return _line(job, f"  {job['job_name']}{carried}", begin, "")


def _call_line(call: Row, begin: datetime | None) -> list[str]:
    took = call["duration_ms"]
    row = {
        "started_at": call["timestamp"],
        "conclusion": {True: "success", False: "failure"}.get(call["success"]),
        "duration_seconds": None if took is None else took / 1000,
    }
    what = " ".join(filter(None, ("asked", call["model"], call["prompt_name"])))
    return _line(row, f"{what} {output.money(call['estimated_cost'])}", begin, "")


def _line(row: Row, what: str, begin: datetime | None, commit: str) -> list[str]:
    started = row["started_at"]
    after = (started - begin).total_seconds() if started and begin else None
    return [
        started.strftime("%Y-%m-%d %H:%M:%S") if started else "-",
        "-" if after is None else output.duration(after),
        output.shorten(what),
        output.text(row["conclusion"]),
        output.duration(row.get("duration_seconds")),
        output.duration(row.get("queued_seconds")),
        commit,
    ]


def _headline(trace: dict[str, Any]) -> str:
    pr = trace["pr"]
    name = pr["pr_id"] or trace["repo"]["branch"] or trace["trace_id"]
    counts = (
        output.count(len(trace["events"]), "event"),
        output.count(len(trace["runs"]), "run"),
        output.count(len(trace["llm_calls"]), "LLM call"),
    )
    title = f" {output.shorten(pr['title'])}" if pr["title"] else ""
    status = f" ({pr['status']})" if pr["status"] else ""
    return f"{name}{title}{status}: {', '.join(counts)}"


def _title(runs: list[dict[str, Any]]) -> str:
    jobs = sum(len(run["jobs"]) for run in runs)
    where = ", ".join(sorted({run["repository"] or "?" for run in runs}))
    return f"{where}: {output.count(len(runs), 'run')}, {output.count(jobs, 'job')}"

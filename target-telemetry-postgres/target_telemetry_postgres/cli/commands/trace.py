"""`telemetry trace`: all that ran for a pull request, branch or commit, as one timeline."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from target_telemetry_postgres.cli import output
from target_telemetry_postgres.cli.session import (
    Reader,
    Row,
    Session,
    existing_columns,
    pass_session,
    read_sql,
)

if TYPE_CHECKING:
    from datetime import datetime

_REFERENCE = re.compile(r"(?:(?P<repository>[\w.-]+/[\w.-]+))?#?(?P<number>\d+)", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{7,40}", re.ASCII | re.IGNORECASE)
_LARGEST = 2**63 - 1
_COLUMNS = (
    output.Column("started (UTC)"),
    output.Column("after", right=True),
    output.Column("what"),
    output.Column("ended"),
    output.Column("took", right=True),
    output.Column("queued", right=True),
    output.Column("commit"),
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the argument may mean."""

    number: int | None
    branch: str | None
    commit: str | None
    repository: str | None


def parse_reference(text: str, repository: str | None = None) -> Wanted:
    """Read `42`, `#42`, `owner/name#42`, a branch, or at least seven digits of a commit."""
    match = _REFERENCE.fullmatch(text)
    if match and (match["repository"] is None or "#" in text):
        number = int(match["number"])
        return Wanted(
            number=number if number <= _LARGEST else None,
            branch=text,
            commit=_prefix(text),
            repository=match["repository"] or repository,
        )
    return Wanted(number=None, branch=text, commit=_prefix(text), repository=repository)


def _prefix(text: str) -> str | None:
    return text.lower() + "%" if _COMMIT.fullmatch(text) else None


@click.command(
    name="trace",
    epilog="""\b
Takes 42, owner/name#42, a branch, or a commit (seven digits or more).

\b
Example:
  telemetry trace 42""",
)
@click.argument("reference", metavar="PR|BRANCH|COMMIT")
@click.option("--repository", metavar="OWNER/NAME", help="Only in this repository.")
@output.json_option
@pass_session
def command(session: Session, *, reference: str, repository: str | None, as_json: bool) -> None:
    """Show every run, attempt and job of a pull request, branch or commit in order."""
    wanted = parse_reference(reference, repository)
    with session.reading() as reader:
        runs = collect(reader, wanted)
    if as_json:
        output.print_json(runs)
        return
    if not runs:
        raise click.ClickException(
            f"No run is known for {reference}; `telemetry status` says how far the data reaches."
        )
    output.print_table(_COLUMNS, timeline(runs), _title(runs))


def collect(reader: Reader, wanted: Wanted) -> list[Row]:
    """The runs with their jobs."""
    columns = existing_columns(reader)
    if "workflow_runs" not in columns:
        return []
    runs = reader.rows(
        read_sql("trace_runs.sql"),
        {
            "number": wanted.number,
            "branch": wanted.branch,
            "commit": wanted.commit,
            "repository": wanted.repository,
        },
    )
    jobs: dict[tuple[int, int], list[Row]] = {}
    if "workflow_jobs" in columns:
        ids = list({run["github_run_id"] for run in runs})
        for job in reader.rows(read_sql("trace_jobs.sql"), {"runs": ids}):
            jobs.setdefault((job["github_run_id"], job["run_attempt"]), []).append(job)
    return [
        {**run, "jobs": jobs.get((run["github_run_id"], run["run_attempt"]), [])} for run in runs
    ]


def timeline(runs: list[Row]) -> list[list[str]]:
    """Runs in order, each followed by its jobs; "after" counts from the first start."""
    begin = next((run["started_at"] for run in runs if run["started_at"]), None)
    lines = []
    for run in runs:
        name = f"{run['workflow_name']} #{run['run_number']}"
        if run["run_attempt"] != 1:
            name += f" attempt {run['run_attempt']}"
        lines.append(
            _line(run, f"{name} ({run['event_type']})", begin, (run["commit_sha"] or "")[:7])
        )
        for job in run["jobs"]:
            carried = " (carried over)" if job["is_carried_over"] else ""
            lines.append(_line(job, f"  {job['job_name']}{carried}", begin, ""))
    return lines


def _line(row: Row, what: str, begin: datetime | None, commit: str) -> list[str]:
    started = row["started_at"]
    after = (started - begin).total_seconds() if started and begin else None
    return [
        started.strftime("%Y-%m-%d %H:%M:%S") if started else "-",
        "-" if after is None else output.duration(after),
        output.shorten(what),
        output.text(row["conclusion"]),
        output.duration(row["duration_seconds"]),
        output.duration(row.get("queued_seconds")),
        commit,
    ]


def _title(runs: list[dict[str, Any]]) -> str:
    jobs = sum(len(run["jobs"]) for run in runs)
    where = ", ".join(sorted({run["repository"] or "?" for run in runs}))
    return f"{where}: {output.count(len(runs), 'run')}, {output.count(jobs, 'job')}"

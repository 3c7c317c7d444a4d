"""`make run` on a fresh clone: the README's first command."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from support.project import Project, copy_repository

if TYPE_CHECKING:
    from pathlib import Path

ROW = re.compile(r"^(\w+) +([\d,]+) ", re.MULTILINE)


def data_rows(printed: str) -> dict[str, str]:
    """Rows by table as `telemetry stats` printed them; the ledger grows with each run."""
    return {table: rows for table, rows in ROW.findall(printed) if table != "ingest_runs"}


def test_make_run_sets_up_loads_and_prints_and_a_second_one_adds_nothing(tmp_path: Path) -> None:
    project = Project(copy_repository(tmp_path))
    first = project.run("make", "run").out
    rows = data_rows(first)
    assert set(rows) >= {"workflow_runs", "workflow_jobs", "workflow_steps", "llm_calls"}
    filled = (
        *("workflow_runs", "workflow_jobs", "llm_calls", "token_estimation_v2_events"),
        *("chat_telemetry_log", "pr_traces", "pr_trace_events"),
    )
    assert all(rows[table] != "0" for table in filled)
    assert [line[:5] for line in first.splitlines() if line.startswith("[")] == [
        "[1/3]",
        "[2/3]",
        "[3/3]",
    ]
    page = re.search(r"to open in a browser: (\S+\.html) ", first)
    assert page is not None
    assert "<title>Engineering telemetry</title>" in (project.root / page[1]).read_text()
    second = project.run("make", "run").out
    assert data_rows(second) == rows
    assert "setup" not in second

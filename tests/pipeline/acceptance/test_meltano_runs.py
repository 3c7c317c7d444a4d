"""`meltano run` loads both pipelines, incrementally, and tells when one fails."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from support.project import BIN
from support.readers import LONG

if TYPE_CHECKING:
    from pathlib import Path

    from github_simulator import Simulator
    from support.project import Project

TARGET = "target-telemetry-postgres"
GITHUB_STATE = f"dev:tap-github-actions-to-{TARGET}"
CSV_STATE = f"dev:tap-llm-csv-to-{TARGET}"
HEADER = (
    "timestamp,model,prompt_tokens,completion_tokens,task_success,task_type,duration_ms,notes\n"
)


def rows(project: Project) -> dict[str, int]:
    """Rows by table, empty tables left out."""
    stats = json.loads(project.telemetry("stats", "--json").out)
    return {table["table"]: table["rows"] for table in stats["tables"] if table["rows"]}


def state(project: Project, state_id: str) -> Any:
    return json.loads(project.meltano("state", "get", state_id).out)


@pytest.fixture(autouse=True)
def usage(demo_project: Project, request: pytest.FixtureRequest) -> Path:
    """A file of its own for each test."""
    path = demo_project.root / ".telemetry" / f"{request.node.name}.csv"
    path.parent.mkdir(exist_ok=True)
    path.write_text(
        HEADER + f"2026-10-01T10:00:00Z,gpt-4o,10,5,true,{request.node.name},100,Phase 5 setup\n",
        encoding="utf-8",
    )
    return path


def test_a_second_run_of_github_asks_for_little_and_changes_no_row(
    demo_project: Project, simulated_github: Simulator
) -> None:
    demo_project.meltano("run", "tap-github-actions", TARGET)
    first, bookmark = rows(demo_project), state(demo_project, GITHUB_STATE)
    asked = simulated_github.log.count()
    assert first["workflow_runs"] > 100
    assert first["workflow_steps"] > first["workflow_jobs"] > first["workflow_runs"]

    demo_project.meltano("run", "tap-github-actions", TARGET)
    second = rows(demo_project)
    assert simulated_github.log.count() - asked <= 3
    assert {**second, "ingest_runs": 0} == {**first, "ingest_runs": 0}
    assert state(demo_project, GITHUB_STATE).keys() == bookmark.keys()


def test_a_second_run_of_the_files_reads_only_what_was_added(
    demo_project: Project, usage: Path
) -> None:
    settings = {"TAP_LLM_CSV_PATH": str(usage)}
    demo_project.meltano("run", "tap-llm-csv", TARGET, **settings)
    before, first = rows(demo_project), state(demo_project, CSV_STATE)
    with usage.open("a", encoding="utf-8") as file:
        file.write("2026-10-01T11:00:00Z,gpt-4o,20,7,false,plan,90,it broke\n")
    log = demo_project.meltano("run", "tap-llm-csv", TARGET, **settings).text
    assert rows(demo_project)["llm_calls"] == before["llm_calls"] + 1
    assert "llm_calls: 1 read, 1 inserted" in log
    assert state(demo_project, CSV_STATE) != first


def test_a_lost_state_repeats_the_work_and_changes_no_row(
    demo_project: Project, usage: Path
) -> None:
    settings = {"TAP_LLM_CSV_PATH": str(usage)}
    demo_project.meltano("run", "ingest-csv", **settings)
    before = rows(demo_project)
    demo_project.meltano("state", "clear", "--force", CSV_STATE)
    log = demo_project.meltano("run", "ingest-csv", **settings).text
    assert "llm_calls: 1 read, 0 inserted, 0 updated, 1 unchanged" in log
    assert rows(demo_project)["llm_calls"] == before["llm_calls"]


def test_two_pipelines_at_once_share_the_embedded_server(
    demo_project: Project, usage: Path
) -> None:
    with ThreadPoolExecutor() as pool:
        github = pool.submit(demo_project.meltano, "run", "tap-github-actions", TARGET)
        files = pool.submit(
            demo_project.meltano, "run", "tap-llm-csv", TARGET, TAP_LLM_CSV_PATH=str(usage)
        )
        assert (github.result().code, files.result().code) == (0, 0)
    found = rows(demo_project)
    assert found["workflow_runs"] > 100
    assert found["llm_calls"] >= 1


def test_a_failing_github_leaves_the_files_loaded_and_the_run_failed(
    demo_project: Project, usage: Path
) -> None:
    before = rows(demo_project).get("llm_calls", 0)
    ran = demo_project.meltano(
        "run",
        "ingest-all",
        check=False,
        TAP_LLM_CSV_PATH=str(usage),
        TAP_GITHUB_ACTIONS_REPOSITORIES='["octo-org/no-such-repository"]',
    )
    assert ran.code == 1
    assert "octo-org/no-such-repository" in ran.text
    assert "Traceback" not in ran.text
    assert rows(demo_project)["llm_calls"] == before + 1


def test_an_earlier_start_date_fetches_the_gap_and_keeps_the_bookmark(
    demo_project: Project,
) -> None:
    demo_project.meltano("run", "ingest-github")
    before = rows(demo_project)["workflow_runs"]
    demo_project.meltano("run", "ingest-github", TAP_GITHUB_ACTIONS_START_DATE="2025-01-01")
    assert rows(demo_project)["workflow_runs"] >= before
    assert GITHUB_STATE in demo_project.meltano("state", "list").text


def test_a_run_of_prod_without_a_database_url_says_so_and_starts_no_server(
    demo_project: Project, usage: Path
) -> None:
    ran = demo_project.meltano(
        "--environment=prod",
        *("run", "tap-llm-csv", TARGET),
        check=False,
        TAP_LLM_CSV_PATH=str(usage),
    )
    assert ran.code == 1
    assert "DATABASE_URL" in ran.text
    assert "Traceback" not in ran.text


def test_the_telemetry_commands_work_through_meltano(demo_project: Project) -> None:
    for command in ("stats", "status", "migrate"):
        assert demo_project.meltano("invoke", f"{TARGET}:{command}").code == 0


def test_a_number_can_be_set_through_meltano(demo_project: Project, usage: Path) -> None:
    demo_project.meltano(
        *("run", "tap-llm-csv", TARGET),
        TAP_LLM_CSV_PATH=str(usage),
        TAP_LLM_CSV_MAX_REJECT_RATIO="0.25",
        TARGET_TELEMETRY_POSTGRES_PRUNE_MAX_SECONDS="1.5",
    )


def test_estimates_that_programs_record_are_loaded_by_default_and_replayed(
    demo_project: Project,
) -> None:
    for number, actual in enumerate((100, 300, 200)):
        demo_project.run(
            *("telemetry-record", "token-estimation", f"event_id=m{number}", "category=tests"),
            *("predicted_output_tokens=100", f"actual_output_tokens={actual}"),
            'deliverables_json=["src/a.py", "src/b.py"]',
            TELEMETRY_DB_ENABLED="1",
        )
    demo_project.meltano("run", "tap-llm-csv", TARGET)
    told = json.loads(demo_project.meltano("invoke", f"{TARGET}:replay", "--json").out)
    assert told["samples"] == 3
    assert told["overall"]["mean_smape"] == pytest.approx((0 + 100 + 66.666667) / 3)

    before = demo_project.telemetry("export", "token_estimation_v2_events").out
    demo_project.meltano("run", "--full-refresh", "tap-llm-csv", TARGET)
    assert demo_project.telemetry("export", "token_estimation_v2_events").out == before


def test_chats_and_traces_that_programs_write_are_loaded_by_default_and_told(
    demo_project: Project,
) -> None:
    on = {"TELEMETRY_DB_ENABLED": "1"}
    demo_project.run(
        *("telemetry-record", "chat-request", "log_id=6f1b5c3e-0000-4000-8000-000000000001"),
        *("user_id=ana", "user_question=Why?", "is_off_topic=false", "sql_model=gpt-4o"),
        *("sql_input_tokens=1000000", "sql_output_tokens=100000", "sql_cached_tokens=400000"),
        **on,
    )
    demo_project.run(
        *("telemetry-record", "trace-event", "trace_id=t-1", "seq=1", "type=edit"),
        *("ts=2026-11-01T10:00:00Z", 'payload={"file": "a.py"}'),
        **on,
    )
    folder = demo_project.root / ".telemetry" / "pr-traces"
    folder.mkdir()
    passed = {"seq": 2, "ts": "2026-11-01T10:01:30Z", "type": "test", "payload": {"passed": 1.5}}
    batch = {
        "trace_id": "t-1",
        "pr_id": "octo/repo#9",
        "repo": {"name": "octo/repo", "language": ["python", 'a "b"']},
        "status": "merged",
        "events": [passed, {**passed, "seq": None}, {**passed, "seq": None}],
    }
    (folder / "batch.json").write_text(json.dumps(batch, indent=2), encoding="utf-8")
    demo_project.meltano("run", "tap-llm-csv", TARGET)
    (day,) = json.loads(demo_project.telemetry("report", "chat-cost-per-day", "--json").out)
    # 600,000 at $2.50, 400,000 at $1.25 and 100,000 at $10 a million.
    assert (day["cost"], day["requests_without_price"]) == (3, 0)

    told = demo_project.telemetry("trace", "octo/repo#9", "--json").out
    trace = json.loads(told)
    assert [event["type"] for event in trace["events"]] == ["edit", "test", "test", "test"]
    assert trace["timeline"]["duration_seconds"] == 90

    tables = ("chat_telemetry_log", "pr_traces", "pr_trace_events")
    before = [demo_project.telemetry("export", table).out for table in tables]
    (folder / "told.json").write_text(told, encoding="utf-8")
    for number, exported in enumerate(before):
        (folder / f"exported-{number}.csv").write_text(exported, encoding="utf-8")
    demo_project.meltano("run", "--full-refresh", "tap-llm-csv", TARGET)
    assert [demo_project.telemetry("export", table).out for table in tables] == before


def long_log(path: Path, rows: int) -> None:
    """A log that takes some seconds to load."""
    lines = (
        f"2026-10-{2 + second // 86_400:02d}T{second // 3_600 % 24:02d}:{second // 60 % 60:02d}:"
        f"{second % 60:02d}Z,gpt-4o,{second},5,true,{path.stem},100,n{second}\n"
        for second in range(rows)
    )
    path.write_text(HEADER + "".join(lines), encoding="utf-8")


def loaded(project: Project, usage: Path) -> int:
    query = f"select count(*) from llm_calls where prompt_name = '{usage.stem}'"
    return int(project.telemetry("psql", "-At", "-c", query).out)


def test_a_target_that_fails_says_so_in_one_sentence(demo_project: Project, usage: Path) -> None:
    """Meltano prints a hundred lines where the pipe breaks before it sees that the target ended."""
    long_log(usage, 60_000)
    refuse = (
        "create function no() returns trigger language plpgsql as "
        "$$ begin raise exception 'not today' using errcode = '42501'; end $$; "
        "create trigger no before insert on llm_calls for each row "
        "when (new.input_tokens = 15000) execute function no()"
    )
    demo_project.meltano("run", "tap-llm-csv", TARGET, TAP_LLM_CSV_PATH="examples/usage.csv")
    demo_project.telemetry("psql", "-c", refuse)
    try:
        ran = demo_project.meltano(
            "run", "tap-llm-csv", TARGET, check=False, TAP_LLM_CSV_PATH=str(usage)
        )
    finally:
        demo_project.telemetry("psql", "-c", "drop trigger no on llm_calls; drop function no()")
    assert ran.code == 1
    assert "not today" in ran.text
    assert "BrokenPipe" not in ran.text
    assert "Traceback" not in ran.text


@pytest.mark.proof
def test_told_to_stop_at_any_moment_the_next_run_completes(
    demo_project: Project, usage: Path
) -> None:
    """By a signal to Meltano alone, as a supervisor sends it, or to its group, as a terminal."""
    rounds = 25 if os.environ.get("TELEMETRY_PROOF") == "full" else 1
    chance = random.Random(rounds)  # noqa: S311 - repeatable on purpose
    settings = {"TAP_LLM_CSV_PATH": str(usage)}
    long_log(usage, 30_000)
    for _ in range(rounds):
        for send in (os.kill, os.killpg):
            with subprocess.Popen(
                [str(BIN / "meltano"), "run", "tap-llm-csv", TARGET],
                cwd=demo_project.root,
                env={**demo_project.environment, **settings},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            ) as run:
                time.sleep(chance.uniform(1, 15))
                send(run.pid, signal.SIGTERM)
                run.wait(LONG)
            demo_project.meltano("run", "--force", "tap-llm-csv", TARGET, **settings)
            assert loaded(demo_project, usage) == 30_000

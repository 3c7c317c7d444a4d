"""`telemetry-record` from a shell."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from support.project import Project, clean_environment


@pytest.fixture
def shell(tmp_path: Path) -> Project:
    return Project(tmp_path, clean_environment(TELEMETRY_DB_ENABLED="yes"))


def rows(project: Project, stream: str) -> list[dict[str, Any]]:
    text = (project.root / f".telemetry/records/{stream}.ndjson").read_text("utf-8")
    return [json.loads(line) for line in text.splitlines()]


def test_a_call_from_a_shell(shell: Project) -> None:
    ran = shell.run(
        *("telemetry-record", "llm-call", "model=gpt-4o", "input_tokens=12", "output_tokens=3"),
        *("success=no", "estimated_cost=1", "notes=a=b", "prompt_name=", "commit_sha=1234567"),
    )
    assert (ran.out, ran.err) == ("", "")
    [row] = rows(shell, "llm_calls")
    del row["call_id"], row["timestamp"]
    assert row == {
        "model": "gpt-4o", "input_tokens": 12, "output_tokens": 3, "success": False,
        "estimated_cost": 1, "notes": "a=b", "prompt_name": None, "commit_sha": "1234567",
    }  # fmt: skip


def test_json_where_the_column_holds_it(shell: Project) -> None:
    shell.run("telemetry-record", "trace-event", "trace_id=t", "type=edit", 'payload={"a": [1]}')
    shell.run("telemetry-record", "token-estimation", 'deliverables_json=["a.py", "b.py"]')
    assert rows(shell, "pr_trace_events")[0]["payload"] == {"a": [1]}
    assert rows(shell, "token_estimation_v2_events")[0]["deliverables_json"] == ["a.py", "b.py"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["llm-call", "modle=x"], "llm-call has no column modle; its columns are call_id,"),
        (["llm-call", "input_tokens=many"], "input_tokens is 'many', which is not a whole number"),
        (["llm-call", "input_tokens=1.5"], "which is not a whole number"),
        (["llm-call", "input_tokens=true"], "which is not a whole number"),
        (["llm-call", "success=perhaps"], "which is not true or false"),
        (["trace-event", "payload=[1]"], "which is not a JSON object"),
        (["llm-call", "model"], "'model' has no value: write COLUMN=VALUE"),
        (["llm-call"], "COLUMN=VALUE"),
        (["call"], "invalid choice"),
        ([], "KIND"),
    ],
)
def test_a_wrong_word_is_one_sentence_and_exit_code_1(
    shell: Project, arguments: list[str], message: str
) -> None:
    ran = shell.run("telemetry-record", *arguments, check=False)
    assert ran.code == 1
    assert message in ran.err
    assert len(ran.err.splitlines()) == 1
    assert not (shell.root / ".telemetry").exists()


def test_a_record_that_cannot_be_written_is_exit_code_1(shell: Project) -> None:
    (shell.root / ".telemetry").write_text("")
    ran = shell.run("telemetry-record", "llm-call", "model=m", check=False)
    assert ran.code == 1
    assert "cannot be written" in ran.err
    assert "Traceback" not in ran.err


def test_off_it_does_nothing_and_says_nothing(shell: Project) -> None:
    ran = shell.run("telemetry-record", "llm-call", "model=m", TELEMETRY_DB_ENABLED="")
    assert (ran.out, ran.err) == ("", "")
    assert list(Path(shell.root).iterdir()) == []

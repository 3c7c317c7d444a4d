"""The command: plain sentences, exit codes, the ledger as the last word."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from support.singer import lines, record, records, schema, state

if TYPE_CHECKING:
    from pathlib import Path

    from support.singer import Loader

STREAM = schema("s", {"id": {"type": "integer"}}, ["id"])


def run(
    text: str, folder: Path, *arguments: str, environ: dict[str, str] | None = None, **settings: Any
) -> subprocess.CompletedProcess[str]:
    config = folder / "config.json"
    config.write_text(json.dumps(settings))
    return subprocess.run(
        [sys.executable, "-m", "target_telemetry_postgres", "--config", str(config), *arguments],
        input=text,
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={**os.environ, **(environ or {})},
    )


def last(text: str) -> str:
    return text.strip().splitlines()[-1].split(" | ", 3)[-1]


def test_the_last_line_is_the_ledger(loader: Loader, tmp_path: Path) -> None:
    text = lines([STREAM, *records("s", [{"id": n} for n in range(1204)]), state(a=1)])
    done = run(text, tmp_path, sqlalchemy_url=loader.url)
    assert done.returncode == 0, done.stderr
    assert last(done.stderr) == "s: 1,204 read, 1,204 inserted, 0 updated, 0 unchanged"
    assert done.stdout == '{"a": 1}\n'


def test_input_may_be_a_file_without_a_last_newline(loader: Loader, tmp_path: Path) -> None:
    file = tmp_path / "input.jsonl"
    file.write_text(lines([STREAM, record("s", {"id": 1})]).strip())
    done = run("", tmp_path, "--input", str(file), sqlalchemy_url=loader.url)
    assert done.returncode == 0, done.stderr
    assert len(loader.table("s")) == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            lines([STREAM, record("s", {"id": "x"})]),
            "stream 's', line 2, column 'id': 'x' is not of type 'integer'",
        ),
        (
            lines([record("s", {"id": 1})]),
            "A record for stream 's' was encountered before a corresponding schema",
        ),
        ('{"type": "RECORD", "str\n', "Unable to parse line as JSON"),
        ("[1]\n", "Line 1 is not a Singer message: [1]"),
        ('{"type": "HELLO"}\n', "Unknown message type 'HELLO'"),
        ('{"type": "RECORD", "stream": "s"}\n', "Line is missing required record key(s)"),
    ],
)
def test_what_is_wrong_with_the_input_is_one_sentence(
    loader: Loader, tmp_path: Path, text: str, said: str
) -> None:
    done = run(text, tmp_path, sqlalchemy_url=loader.url)
    assert done.returncode == 1
    assert said in last(done.stderr)
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("how", ["option", "environment"])
def test_a_traceback_is_there_for_whoever_asks(loader: Loader, tmp_path: Path, how: str) -> None:
    text = lines([record("s", {"id": 1})])
    done = run(
        text,
        tmp_path,
        *(["--log-level", "debug"] if how == "option" else []),
        environ={"TELEMETRY_DEBUG": "1"} if how == "environment" else None,
        sqlalchemy_url=loader.url,
    )
    assert done.returncode == 1
    assert "Traceback" in done.stderr


def test_a_server_that_is_not_there_is_one_sentence_without_the_password(tmp_path: Path) -> None:
    done = run(
        lines([STREAM]),
        tmp_path,
        sqlalchemy_url="postgresql://me:geheim@127.0.0.1:1/db",
        connect_retry_seconds=0,
    )
    assert done.returncode == 1
    assert "127.0.0.1" in last(done.stderr)
    assert "Traceback" not in done.stderr
    assert "geheim" not in done.stderr


def test_nothing_in_nothing_out(loader: Loader, tmp_path: Path) -> None:
    done = run("", tmp_path, sqlalchemy_url=loader.url)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_rows_that_retention_would_prune_at_once_are_refused_at_the_door(
    loader: Loader, tmp_path: Path
) -> None:
    stream = schema(
        "llm_calls",
        {
            "call_id": {"type": "string", "format": "uuid"},
            "timestamp": {"type": "string", "format": "date-time"},
        },
        ["call_id"],
    )
    old = {
        "call_id": "00000000-0000-0000-0000-000000000001",
        "timestamp": "2001-01-01T00:00:00+02:00",
    }
    new = {"call_id": "00000000-0000-0000-0000-000000000002", "timestamp": "2100-01-01T00:00:00Z"}
    done = run(
        lines([stream, record("llm_calls", old), record("llm_calls", new)]),
        tmp_path,
        sqlalchemy_url=loader.url,
        retention={"llm_calls": {"keep": "90 days", "column": "timestamp"}},
    )
    assert done.returncode == 0, done.stderr
    assert last(done.stderr) == "llm_calls: 2 read, 1 inserted, 0 updated, 0 unchanged, 1 expired"


def test_a_run_prunes_at_its_end_only_if_it_succeeded(loader: Loader, tmp_path: Path) -> None:
    loader.execute(
        "INSERT INTO workflows (workflow_id, created_at) VALUES (1, now() - interval '2 years')"
    )
    policy = {"workflows": "1 year"}
    failed = run(
        lines([record("s", {"id": 1})]), tmp_path, sqlalchemy_url=loader.url, retention=policy
    )
    assert failed.returncode == 1
    assert len(loader.table("workflows")) == 1
    kept = run("", tmp_path, sqlalchemy_url=loader.url, retention=policy, prune=False)
    assert kept.returncode == 0
    assert len(loader.table("workflows")) == 1
    done = run("", tmp_path, sqlalchemy_url=loader.url, retention=policy)
    assert done.returncode == 0, done.stderr
    assert loader.table("workflows") == []
    assert last(done.stderr).endswith("1 pruned")

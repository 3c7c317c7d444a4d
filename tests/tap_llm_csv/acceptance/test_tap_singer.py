"""The tap as Singer sees it: discovery, catalog, state, messages and the command line."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pytest
from singer_sdk.testing import SuiteConfig, get_tap_test_class

from support.llm_csv import HEADER, row
from tap_llm_csv.tap import TapLLMCsv

SAMPLE = Path(__file__).parents[1] / "fixtures" / "singer"
COMMAND = [sys.executable, "-c", "from tap_llm_csv.tap import TapLLMCsv; TapLLMCsv.cli()"]

TestTapLLMCsv = get_tap_test_class(
    TapLLMCsv,
    config={"path": str(SAMPLE)},
    suite_config=SuiteConfig(
        ignore_no_records_for_streams=[
            "llm_usage_buckets",
            "coverage_snapshots",
            "llm_csv_rejects",
            "chat_telemetry_log",
            "pr_traces",
            "pr_trace_events",
            "token_estimation_v2_events",
        ]
    ),
)


def messages(config: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    with redirect_stdout(out):
        tap = TapLLMCsv(config=config, **more)
        tap.begin()
        tap.sync_all()
        tap.flush()
    out.seek(0)
    return [json.loads(line) for line in out.read().splitlines()]


def records(found: list[dict[str, Any]], stream: str) -> list[dict[str, Any]]:
    return [m["record"] for m in found if m["type"] == "RECORD" and m["stream"] == stream]


def run(*arguments: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    keep = {name: value for name, value in os.environ.items() if not name.startswith("TAP_LLM")}
    keep.pop("TELEMETRY_CSV_PATH", None)
    return subprocess.run(
        [*COMMAND, *arguments], cwd=folder, env={**keep, **environment}, text=True,
        capture_output=True, check=False, timeout=120,
    )  # fmt: skip


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "usage.csv"
    path.write_text("\n".join([HEADER, *(row(s, notes=f"n{s} é") for s in range(20)), "bad", ""]))
    return path


def plain(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    kept = []
    for message in found:
        same = message
        if message["type"] == "RECORD":
            same = {**message, "time_extracted": None}
            same["record"].pop("seen_at", None)
        elif message["type"] == "STATE":
            # Each state without one begins a lineage of its own.
            same = {**message, "value": {**message["value"], "lineage": None}}
        kept.append(same)
    return kept


def test_the_fast_writer_and_the_sdk_say_the_same(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.utime(log, (1_770_000_000, 1_770_000_000))
    fast = messages({"path": str(log)})
    monkeypatch.setattr("tap_llm_csv.output.streams.FileStream.is_plain", False)
    slow = messages({"path": str(log)})
    assert plain(fast) == plain(slow)
    assert len(records(fast, "llm_calls")) == 20


def test_a_deselected_column_does_not_leave(log: Path) -> None:
    catalog = json.loads(TapLLMCsv(config={"path": str(log)}).catalog_json_text)
    for stream in catalog["streams"]:
        for entry in stream["metadata"]:
            if entry["breadcrumb"] == ["properties", "notes"]:
                entry["metadata"]["selected"] = False
    found = records(messages({"path": str(log)}, catalog=catalog), "llm_calls")
    assert len(found) == 20
    assert all("notes" not in record for record in found)


def test_a_stream_map_is_applied(log: Path) -> None:
    config = {
        "path": str(log),
        "stream_maps": {"llm_calls": {"model": "model.upper()", "__filter__": "input_tokens > 5"}},
    }
    found = records(messages(config), "llm_calls")
    assert {record["model"] for record in found} == {"GPT-4O"}


def test_a_file_of_a_deselected_stream_is_left_for_later(log: Path) -> None:
    catalog = json.loads(TapLLMCsv(config={"path": str(log)}).catalog_json_text)
    for stream in catalog["streams"]:
        if stream["tap_stream_id"] == "llm_calls":
            for entry in stream["metadata"]:
                if not entry["breadcrumb"]:
                    entry["metadata"]["selected"] = False
    found = messages({"path": str(log)}, catalog=catalog)
    assert not records(found, "llm_calls")
    states = [message for message in found if message["type"] == "STATE"]
    assert not any("files" in entry for m in states for entry in m["value"]["bookmarks"].values())


def test_a_state_comes_after_the_records_it_covers_and_stops_them_coming_again(log: Path) -> None:
    found = messages({"path": str(log)})
    kinds = [message["type"] for message in found]
    assert kinds[0] == "STATE", "what the run begins from comes before everything"
    covering = [i for i, m in enumerate(found) if m["type"] == "STATE" and m["value"]["bookmarks"]]
    assert covering[0] > max(i for i, kind in enumerate(kinds) if kind == "RECORD")
    state = found[covering[0]]["value"]
    again = messages({"path": str(log)}, state=state)
    assert not [message for message in again if message["type"] == "RECORD"]


def test_each_stream_has_one_schema_before_its_records(log: Path) -> None:
    found = messages({"path": str(log)})
    schemas = [message["stream"] for message in found if message["type"] == "SCHEMA"]
    assert len(schemas) == len(set(schemas))
    for stream in ("llm_calls", "llm_csv_files", "llm_csv_rejects"):
        first = next(i for i, m in enumerate(found) if m.get("stream") == stream)
        assert found[first]["type"] == "SCHEMA"


def test_the_summary_is_the_last_log_line(log: Path) -> None:
    done = run("--config=ENV", folder=log.parent, TAP_LLM_CSV_PATH="usage.csv")
    assert done.returncode == 0
    assert (
        done.stderr.strip()
        .splitlines()[-1]
        .endswith(
            "21 rows read = 20 emitted + 1 rejected + 0 skipped; "
            "files: 1 read, 0 unchanged, 0 failed"
        )
    )


def test_the_path_comes_from_the_environment_or_is_the_default(log: Path) -> None:
    named = run(
        "--config=ENV", folder=log.parent, TELEMETRY_CSV_PATH="usage.csv", TAP_LLM_CSV_PATH=""
    )
    assert named.stdout.count('"RECORD","stream":"llm_calls"') == 20
    (log.parent / ".telemetry").mkdir()
    log.rename(log.parent / ".telemetry" / "usage.csv")
    default = run(folder=log.parent)
    assert default.stdout.count('"RECORD","stream":"llm_calls"') == 20


def test_without_a_default_file_there_is_a_warning_and_nothing_else(tmp_path: Path) -> None:
    done = run(folder=tmp_path)
    assert done.returncode == 0
    assert ".telemetry/pr-traces/: nothing to read there" in done.stderr


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({"TAP_LLM_CSV_PATH": "nowhere.csv"}, "nowhere.csv is not there"),
        ({"TAP_LLM_CSV_TIMEZONE": "Mars/Base"}, "the time zone 'Mars/Base' is unknown"),
        ({"TAP_LLM_CSV_START_DATE": "soon"}, "start_date 'soon' is no date"),
        ({"TAP_LLM_CSV_FILES": "[{bad"}, "TAP_LLM_CSV_FILES is not a JSON list"),
        ({"TAP_LLM_CSV_MAX_REJECTS": "few"}, "TAP_LLM_CSV_MAX_REJECTS is not a whole number"),
        ({"TAP_LLM_CSV_DELIMITER": '"'}, "cannot separate cells"),
        ({"TAP_LLM_CSV_DELIMITER": "::"}, "the delimiter '::' is not one character"),
    ],
)
def test_what_a_person_can_mend_ends_in_one_sentence(
    tmp_path: Path, environment: dict[str, str], sentence: str
) -> None:
    done = run("--config=ENV", folder=tmp_path, **environment)
    assert done.returncode == 1
    assert sentence in done.stderr.strip().splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_a_file_that_fails_makes_the_run_fail_after_the_others_were_read(log: Path) -> None:
    (log.parent / "other.csv").write_text("what,is,this\n1,2,3\n")
    done = run("--config=ENV", folder=log.parent, TAP_LLM_CSV_PATH=".")
    assert done.returncode == 1
    assert done.stdout.count('"RECORD","stream":"llm_calls"') == 20
    assert "other.csv: no dialect knows" in done.stderr.strip().splitlines()[-1]
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_goes_away_is_told_in_one_sentence(tmp_path: Path, unbuffered: str) -> None:
    path = tmp_path / "usage.csv"
    path.write_text("\n".join([HEADER, *(row(s, notes="x" * 200) for s in range(20_000))]) + "\n")
    process = subprocess.Popen(
        [*COMMAND, "--config=ENV"], cwd=tmp_path, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "TAP_LLM_CSV_PATH": "usage.csv", "PYTHONUNBUFFERED": unbuffered},
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    log = process.stderr.read()
    assert process.wait(60) == 1
    assert "has stopped" in log.strip().splitlines()[-1]
    assert "Traceback" not in log


def test_files_lists_what_would_be_read(log: Path) -> None:
    (log.parent / "other.csv").write_text("what,is,this\n1,2,3\n")
    done = run("--config=ENV", "--files", folder=log.parent, TAP_LLM_CSV_PATH=".")
    entries = {entry["path"]: entry for entry in map(json.loads, done.stdout.splitlines())}
    assert entries["./usage.csv"]["dialect"] == "base"
    assert entries["./other.csv"]["status"] == "failed"


def test_test_mode_reads_a_little_and_remembers_nothing(log: Path) -> None:
    done = run("--config=ENV", "--test", folder=log.parent, TAP_LLM_CSV_PATH="usage.csv")
    assert done.returncode == 0
    assert done.stdout.count('"RECORD","stream":"llm_calls"') == 1
    assert '"files"' not in done.stdout


def test_empty_variables_are_unset_and_numbers_are_read(log: Path) -> None:
    done = run(
        "--config=ENV", folder=log.parent, TAP_LLM_CSV_PATH=str(log), TAP_LLM_CSV_FILES="",
        TAP_LLM_CSV_MAX_REJECTS="", TAP_LLM_CSV_MAX_REJECT_RATIO="0.9",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_signal_in_mid_run_ends_it_with_a_true_state(tmp_path: Path, unbuffered: str) -> None:
    path = tmp_path / "usage.csv"
    count = 150_000
    with path.open("w") as file:
        file.write(HEADER + "\n")
        file.writelines(row(second, notes=f"n{second}") + "\n" for second in range(count))
    (tmp_path / "config.json").write_text(json.dumps({"path": str(path)}))
    with (tmp_path / "told").open("wb") as log:
        process = subprocess.Popen(
            [*COMMAND, "--config", str(tmp_path / "config.json")],
            stdout=subprocess.PIPE, stderr=log,
            env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
        )  # fmt: skip
        assert process.stdout is not None
        with process.stdout as out:
            before = [out.readline() for _ in range(20_000)]
            process.terminate()
            rest = out.read()
        assert process.wait(timeout=60) == 143
    told = (tmp_path / "told").read_text()
    assert "the next run goes on" in told.strip().splitlines()[-1]
    assert "Traceback" not in told
    found = [json.loads(line) for line in [*before, *rest.splitlines()]]
    state = [message["value"] for message in found if message["type"] == "STATE"][-1]
    sent = {record["call_id"] for record in records(found, "llm_calls")}
    assert 0 < len(sent) < count
    later = messages({"path": str(path)}, state=state)
    again = {record["call_id"] for record in records(later, "llm_calls")}
    assert not sent & again
    assert len(sent | again) == count


@pytest.mark.parametrize(
    "state", ["", "null", "[]", '{"bookmarks": null}', '{"bookmarks": {"llm_calls": 5}}']
)
def test_a_state_that_is_none_costs_time_only(log: Path, state: str) -> None:
    (log.parent / "state.json").write_text(state)
    done = run("--config=ENV", "--state=state.json", folder=log.parent, TAP_LLM_CSV_PATH=str(log))
    assert done.returncode == 0, done.stderr
    assert done.stdout.count('"stream":"llm_calls","record"') == 20


def test_a_state_that_is_no_json_is_told_in_one_sentence(log: Path) -> None:
    (log.parent / "state.json").write_text("{bookmarks")
    done = run("--config=ENV", "--state=state.json", folder=log.parent, TAP_LLM_CSV_PATH=str(log))
    assert done.returncode == 1
    assert "the --state file state.json is not JSON" in done.stderr.strip().splitlines()[-1]

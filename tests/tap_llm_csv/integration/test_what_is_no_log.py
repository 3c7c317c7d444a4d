"""Paths that are no logs are named for what they are, and keep nobody waiting."""

from __future__ import annotations

import os
import sqlite3
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from support.llm_csv import HEADER, Machine, row
from tap_llm_csv import settings
from tap_llm_csv.environment import refuse_unknown
from tap_llm_csv.errors import SettingsError
from tap_llm_csv.tap import TapLLMCsv

if TYPE_CHECKING:
    from pathlib import Path


def failure_of(path: Path | str, **config: Any) -> str:
    (failure,) = Machine(path, **config).run().failures
    return failure


def test_a_named_pipe_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    assert "is a named pipe" in failure_of(tmp_path / "pipe.csv")
    assert "is a device" in failure_of("/dev/zero")


def test_a_link_to_nowhere_and_a_glob_without_a_file_fail(tmp_path: Path) -> None:
    (tmp_path / "usage.csv").symlink_to(tmp_path / "away.csv")
    assert "is a link to" in failure_of(tmp_path / "usage.csv")
    assert "no file fits" in failure_of(tmp_path / "*.tsv")


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.csv", b"\x89PNG\r\n\x1a\n", "a picture"),
        ("a.csv", b'<?xml version="1.0"?>\n<coverage/>\n', "XML"),
        ("a.csv", b"\xef\xbb\xbf<html><body>\n", "HTML"),
        ("a.csv", b"%PDF-1.7\n", "a PDF"),
        ("a.csv", b"PAR1\x15\x04", "Parquet"),
        ("a.json", b'{\n  "timestamp": 1,\n  "model": "x"\n}\n', "one JSON document"),
        ("a.json", b"[\n{}\n]\n", "one JSON document"),
    ],
)
def test_other_formats_are_named_for_what_they_are(
    tmp_path: Path, name: str, content: bytes, told: str
) -> None:
    (tmp_path / name).write_bytes(content)
    os.utime(tmp_path / name, (1, 1))
    assert told in failure_of(tmp_path / name)


def test_archives_and_databases_are_named_for_what_they_are(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "book.csv", "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
    assert "a zip archive or a workbook" in failure_of(tmp_path / "book.csv")
    sqlite3.connect(tmp_path / "calls.csv").execute("CREATE TABLE calls (id)").connection.close()
    assert "a SQLite database" in failure_of(tmp_path / "calls.csv")


def test_a_folders_other_files_are_not_passed_over_without_a_word(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("a.json", "coverage.xml", "lcov.info", ".hidden.json", "README.md"):
        (tmp_path / name).write_text("{}")
    (tmp_path / "usage.csv").write_text(HEADER + "\n" + row(1) + "\n")
    machine = Machine(tmp_path)
    assert machine.run().failures == []
    assert "a.json, coverage.xml, lcov.info are not read" in caplog.text
    assert len(machine.calls) == 1


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"max_rejects": -1}, "max_rejects is -1"),
        ({"max_reject_ratio": 7}, "max_reject_ratio is 7"),
        ({"idle_seconds": -5}, "idle_seconds is -5"),
        ({"files": [{"path": "b.csv", "time_format": "%Q"}]}, "'%Q' of b.csv"),
        ({"files": [{"path": "b.csv", "column_map": {"colour": "x"}}]}, "b.csv: column_map names"),
        ({"files": [{"path": "b.csv", "constants": {"input_tokens": "many"}}]}, "b.csv: constants"),
        ({"files": [{"path": "b.csv", "dialect": "bas"}]}, "'bas' of b.csv"),
    ],
)
def test_a_setting_that_could_never_do_what_was_meant_is_refused_by_name(
    config: dict[str, Any], told: str
) -> None:
    with pytest.raises(SettingsError) as error:
        settings.load({"path": "a.csv", **config}, {})
    assert told in str(error.value)


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"max_rejetcs": 3}, "'max_rejetcs'; 'max_rejects' is probably meant"),
        ({"files": [{"path": "a.csv", "column_mpa": {}}]}, "'column_mpa' of 'files'"),
        ({"zzz": 1}, "there is no setting 'zzz'"),
    ],
)
def test_a_misspelt_setting_is_refused_by_name(config: dict[str, Any], told: str) -> None:
    schema = TapLLMCsv(config={}, validate_config=False, setup_mapper=False).config_jsonschema
    with pytest.raises(SettingsError) as error:
        refuse_unknown(schema, config)
    assert told in str(error.value)


SECRET = "sk-" + "a1B2c3D4" * 4


def test_secrets_stay_out_of_the_tables(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "usage.csv"
    lines = [
        HEADER + ",api_key,max_tokens,token,request",
        row(1, success="false", notes="x") + f',{SECRET},512,7,"say {SECRET}"',
        row(2) + f',{SECRET},512,{SECRET},"{{""password"": ""hunter2""}}"',
        f"bad line {SECRET}",
        "",
    ]
    path.write_text("\n".join(lines))
    machine = Machine(path)
    machine.run()
    first, second = sorted(machine.calls, key=lambda call: call["source_line"])
    assert first["extra"] == {"max_tokens": "512", "token": "7", "request": "say [secret]"}
    assert second["extra"] == {"max_tokens": "512", "request": '{"password": "[secret]"}'}
    assert SECRET not in str(machine.tables) + caplog.text
    assert caplog.text.count("look like secrets") == 1


def test_secrets_are_hashed_or_kept_where_the_settings_say_so(tmp_path: Path) -> None:
    path = tmp_path / "usage.csv"
    path.write_text(f"{HEADER},api_key\n{row(1)},{SECRET}\n")
    kept = Machine(path, secrets="keep")
    kept.run()
    assert kept.calls[0]["extra"] == {"api_key": SECRET}
    hashed = Machine(path, secrets="hash", redact_key="k")
    hashed.run()
    assert len(hashed.calls[0]["extra"]["api_key"]) == 32
    assert SECRET not in str(hashed.tables)


def test_an_error_message_is_stored_without_the_key_in_it(tmp_path: Path) -> None:
    path = tmp_path / "usage.csv"
    header = HEADER.replace("notes", "notes,error")
    path.write_text(f"{header}\n{row(1, success='false')},Incorrect API key: {SECRET}\n")
    machine = Machine(path)
    machine.run()
    assert machine.calls[0]["error_message"] == "Incorrect API key: [secret]"


def test_a_column_that_is_not_understood_is_told_once_a_file(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text(f"{HEADER},latency,price\n{row(1)},3,4\n{row(2)},3,4\n")
    Machine(tmp_path).run()
    told = [record.message for record in caplog.records if "looks like" in record.message]
    assert len(told) == 2
    assert "latency (looks like a time), price (looks like a cost) are kept in extra" in told[0]
    assert '{"duration_s": "latency"}' in told[0]


def test_a_cost_below_zero_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "usage.csv"
    path.write_text(f"{HEADER},cost\n{row(1)},-0.5\n{row(2)},0.5\n{row(3)},-1\n")
    machine = Machine(path)
    machine.run()
    assert "2 rows cost less than 0, the first -0.5" in caplog.text
    assert len(machine.calls) == 3


def test_json_with_half_a_surrogate_pair_is_read(tmp_path: Path) -> None:
    path = tmp_path / "usage.ndjson"
    line = (
        '{"ts": "2026-02-01T00:00:00Z", "model": "gpt-4o", "prompt_tokens": 1, '
        '"completion_tokens": 2, "notes": "cut \\ud83d"}\n'
    )
    path.write_text(line * 2)
    machine = Machine(path)
    assert machine.run().failures == []
    assert {call["notes"] for call in machine.calls} == {"cut \ufffd"}
    assert machine.rejects == []

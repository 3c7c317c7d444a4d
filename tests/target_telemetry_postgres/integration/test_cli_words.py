"""How the command reads what people write, and writes what people read."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.telemetry_command import telemetry
from target_telemetry_postgres.cli import output
from target_telemetry_postgres.cli.addresses import public_url, secret_environment
from target_telemetry_postgres.cli.output import Column
from target_telemetry_postgres.cli.pr_traces import parse_reference
from target_telemetry_postgres.cli.spans import parse_instant, parse_span

NOW = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("text", "hours"), [("12h", 12), ("90m", 1.5), ("1d12h", 36), ("2w", 336), ("1.5h", 1.5)]
)
def test_a_span_is_read_as_written(text: str, hours: float) -> None:
    assert parse_span(text) == timedelta(hours=hours)


@pytest.mark.parametrize("text", ["", "12", "h", "12 parsecs", "-1h", "1h x", "9" * 400 + "w"])
def test_what_is_no_span_is_refused(text: str) -> None:
    assert parse_span(text) is None


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-02-01", datetime(2026, 2, 1, tzinfo=timezone.utc)),
        ("2026-02-01T10:00:00Z", datetime(2026, 2, 1, 10, tzinfo=timezone.utc)),
        ("2026-02-01T10:00:00+02:00", datetime(2026, 2, 1, 8, tzinfo=timezone.utc)),
        ("1d", NOW - timedelta(days=1)),
        ("yesterday", None),
        ("", None),
        ("99999999w", None),
    ],
)
def test_an_instant_is_a_date_a_time_or_a_span_ago(text: str, instant: datetime | None) -> None:
    assert parse_instant(text, NOW) == instant


@given(st.text())
def test_no_text_breaks_the_reading_of_times(text: str) -> None:
    parse_instant(text, NOW)


def test_a_reference_is_a_number_a_branch_or_a_commit() -> None:
    assert parse_reference("#42").number == 42
    assert parse_reference("octo/repo#42").repository == "octo/repo"
    assert parse_reference("42", "octo/repo").repository == "octo/repo"
    assert parse_reference("feature/x").branch == "feature/x"
    assert parse_reference("feature/x").number is None
    assert parse_reference("ABC1234").commit == "abc1234%"
    assert parse_reference("abc").commit is None
    assert parse_reference("1234567").commit == "1234567%"
    assert parse_reference("9" * 40).number is None


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "-"),
        (Decimal(0), "$0.00"),
        (Decimal("1234.567"), "$1,234.57"),
        (Decimal("0.0000015"), "$0.000001500"),
        (Decimal("0.25"), "$0.2500"),
        (Decimal("-2.5"), "-$2.50"),
    ],
)
def test_money_never_rounds_a_small_amount_to_nothing(value: Decimal | None, words: str) -> None:
    assert output.money(value) == words


def test_a_share_says_all_or_nothing_only_when_it_is() -> None:
    assert output.share(Decimal("0.99999")) == ">99.9%"
    assert output.share(Decimal("0.00001")) == "<0.1%"
    assert [output.share(1), output.share(0)] == ["100.0%", "0.0%"]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0s"), (59, "59s"), (3600, "1h"), (3661, "1h 1m"), (90061, "1d 1h"), (-60, "-1m")],
)
def test_a_duration_is_told_in_its_two_largest_units(seconds: int, words: str) -> None:
    assert output.duration(seconds) == words


def test_a_piped_table_is_aligned_and_plain() -> None:
    lines = output.aligned(
        [Column("table"), Column("rows", right=True)], [["a", "1"], ["long_name", "1,000"]]
    )
    assert lines == ["table       rows", "a              1", "long_name  1,000"]


def test_json_keeps_decimals_exact(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_json({"cost": Decimal("0.000000000001"), "at": NOW, "span": timedelta(hours=1)})
    printed = capsys.readouterr().out
    assert json.loads(printed, parse_float=Decimal)["cost"] == Decimal("0.000000000001")
    assert json.loads(printed)["at"] == "2026-03-01T12:00:00Z"


def test_a_url_carries_no_secret_and_keeps_the_rest() -> None:
    conninfo = "host=db.example port=6543 user='a b' password=s3cret dbname=t sslmode=require"
    assert public_url(conninfo) == "postgresql://a%20b@db.example:6543/t?sslmode=require"
    assert secret_environment(conninfo) == {"PGPASSWORD": "s3cret"}


def test_a_url_of_a_socket_names_its_folder() -> None:
    assert public_url("host=/run/x port=5432 dbname=t") == (
        "postgresql:///t?host=%2Frun%2Fx&port=5432"
    )


def test_an_unknown_subcommand_is_one_sentence_and_exit_1() -> None:
    ran = telemetry("statz")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.count("\n") == 1
    assert "statz" in ran.err
    assert "telemetry --help" in ran.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["status", "--max-lag", "soon"],
        ["export", "--since", "later", "llm_calls"],
        ["export"],
        ["export", "--all"],
        ["export", "--all", "llm_calls", "--output", "x"],
        ["reprice", "--alias", "nothing"],
        ["migrate", "--check", "--to", "head"],
        ["--url", "mysql://x", "stats"],
    ],
    ids=" ".join,
)
def test_a_wrong_option_is_one_sentence_and_exit_1(arguments: list[str]) -> None:
    ran = telemetry(*arguments)
    assert (ran.code, ran.err.count("\n")) == (1, 1), ran.err
    assert "Traceback" not in ran.err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_its_completion(shell: str) -> None:
    ran = telemetry("completion", shell)
    assert ran.code == 0
    assert "_TELEMETRY_COMPLETE" in ran.out


def test_the_version_is_the_packages() -> None:
    ran = telemetry("--version")
    assert (ran.code, ran.out.split()[0]) == (0, "telemetry")


def on_a_terminal(*arguments: str, **environment: str) -> str:
    """What the command prints on a pseudo-terminal."""
    reader, terminal = pty.openpty()
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "from target_telemetry_postgres.cli import main; main()",
            *arguments,
        ],
        stdout=terminal,
        env=os.environ | {"TERM": "xterm-256color", "COLUMNS": "120"} | environment,
    )
    os.close(terminal)
    printed = b""
    # Linux says EIO where others say end of file.
    with suppress(OSError):
        while block := os.read(reader, 65536):
            printed += block
    os.close(reader)
    assert process.wait() == 0
    return printed.decode()


def test_a_terminal_gets_rules_and_colour_and_a_pipe_does_not(database_url: str) -> None:
    shown = on_a_terminal("--url", database_url, "stats")
    assert "─" in shown
    assert "\x1b[" in shown
    assert "\x1b[" not in on_a_terminal("--url", database_url, "stats", NO_COLOR="1").replace(
        "\x1b[1m", ""
    ).replace("\x1b[0m", "")
    piped = telemetry("--url", database_url, "stats").out
    assert "─" not in piped
    assert "\x1b[" not in piped

"""What a terminal is sent."""

from __future__ import annotations

import pytest

from target_telemetry_postgres.cli.output import Column, print_table, visible


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("\x1b[2J\x07", "\\x1b[2J\\x07"),
        ("a\nb\tc", "a\\nb\\tc"),
        ("\x9b31m", "\\x9b31m"),
        ("abc\u202ecba", "abc\\u202ecba"),
        ("é 日本 🙂 \\n", "é 日本 🙂 \\n"),
    ],
)
def test_control_characters_are_shown_and_not_sent(
    capsys: pytest.CaptureFixture[str], value: str, shown: str
) -> None:
    assert visible(value) == shown
    print_table([Column("name")], [[value]])
    assert capsys.readouterr().out.splitlines() == ["name", shown]

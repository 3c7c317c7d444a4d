from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tap_llm_csv.records import cells
from tap_llm_csv.records.cells import RowReject

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("0", 0),
        (" 42 ", 42),
        ("59200.0", 59200),
        ("1e3", 1000),
        ("'7", 7),
        ("", None),
        ("null", None),
        ("9223372036854775807", 2**63 - 1),
        ("-0", 0),
    ],
)
def test_a_whole_number_is_read_in_the_forms_that_exporters_write(cell: str, value: object) -> None:
    assert cells.integer(cell, "n") == value


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        ("NaN", "bad_integer"),
        ("inf", "bad_integer"),
        ("-Infinity", "bad_integer"),
        ("1.5", "bad_integer"),
        ("1_000", "bad_integer"),
        ("1,234", "bad_integer"),
        ("0x10", "bad_integer"),
        ("٣", "bad_integer"),
        ("-1", "negative_value"),
        ("9223372036854775808", "out_of_range"),
        ("1e400", "out_of_range"),
        ("1\x00", "nul_byte"),
    ],
)
def test_a_number_that_is_no_count_is_refused_by_name(cell: str, code: str) -> None:
    with pytest.raises(RowReject) as reject:
        cells.integer(cell, "prompt_tokens")
    assert reject.value.code == code
    assert reject.value.column == "prompt_tokens"
    assert "prompt_tokens" in reject.value.message


def test_thousands_separators_count_only_where_the_dialect_has_them() -> None:
    assert cells.integer("1,234,567", "n", thousands=",") == 1234567
    with pytest.raises(RowReject):
        cells.integer("1,23", "n", thousands=",")


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("$0.02", "0.02"),
        ("1,234.50", "1234.5"),
        ("-0.5", "-0.5"),
        ("0.0012345678901234567890123456", "0.001234567890"),
        ("1.5e-7", "0.00000015"),
    ],
)
def test_money_is_exact_to_twelve_places(cell: str, value: object) -> None:
    assert cells.money(cell, "cost") == Decimal(value)


def test_money_beyond_the_column_is_refused() -> None:
    with pytest.raises(RowReject) as reject:
        cells.money("1000000", "cost")
    assert reject.value.code == "out_of_range"


def test_durations_are_whole_milliseconds() -> None:
    assert cells.seconds("2.5", "latency") == 2500
    assert cells.milliseconds("12.5", "ms") == 12
    with pytest.raises(RowReject):
        cells.milliseconds("-1", "ms")


@pytest.mark.parametrize(
    ("cell", "value"), [("true", True), ("No", False), ("0", False), ("", None)]
)
def test_booleans_come_in_the_words_of_exporters(cell: str, value: object) -> None:
    assert cells.boolean(cell, "ok") is value
    assert cells.BOOLEANS.get(cell, value) is value


def test_a_word_that_is_neither_is_refused() -> None:
    with pytest.raises(RowReject) as reject:
        cells.boolean("maybe", "task_success")
    assert reject.value.code == "bad_boolean"


def test_a_nul_is_refused_also_when_json_escapes_it() -> None:
    with pytest.raises(RowReject) as reject:
        cells.json_value('{"a": "x\\u0000y"}', "usage")
    assert reject.value.code == "nul_byte"
    assert cells.json_value('{"a": "x\\\\u0000y"}', "usage") == {"a": "x\\u0000y"}


@pytest.mark.parametrize("cell", ["{", "NaN", '{"a": Infinity}', "[" * 100_000])
def test_json_that_no_database_takes_is_refused(cell: str) -> None:
    with pytest.raises(RowReject) as reject:
        cells.json_value(cell, "usage")
    assert reject.value.code == "bad_json"


def test_half_a_surrogate_pair_is_read() -> None:
    assert cells.json_value('{"a": "x\\ud83d"}', "usage") == {"a": "x\ufffd"}
    assert cells.json_value('"\\ud83d\\ude00"', "usage") == "\U0001f600"


@settings(deadline=None)
@given(st.text())
def test_any_text_is_a_value_or_a_reason(cell: str) -> None:
    for read in (
        cells.integer, cells.money, cells.number, cells.boolean, cells.seconds,
        cells.milliseconds, cells.text, cells.free_text, cells.json_value,
    ):  # fmt: skip
        reason = why_refused(read, cell)
        assert reason is None or (reason.code and "\n" not in reason.message)


def why_refused(read: Callable[[str, str], object], cell: str) -> RowReject | None:
    try:
        read(cell, "column")
    except RowReject as reject:
        return reject
    return None

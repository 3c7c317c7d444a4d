from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tap_llm_csv.dialects.model import PlanOptions
from tap_llm_csv.plans.choose import plan_for
from tap_llm_csv.records.cells import RowReject
from tap_llm_csv.records.times import Instants

UTC = timezone.utc


@pytest.mark.parametrize(
    ("cell", "instant"),
    [
        ("2026-02-23T22:19:28Z", "2026-02-23T22:19:28+00:00"),
        ("2026-02-23 22:19:28", "2026-02-23T22:19:28+00:00"),
        ("2026-02-23T22:19:28.5Z", "2026-02-23T22:19:28.500000+00:00"),
        ("2026-02-23T22:19:28.1234567Z", "2026-02-23T22:19:28.123456+00:00"),
        ("2026-02-23T23:19:28+01:00", "2026-02-23T22:19:28+00:00"),
        ("2026-02-23T17:49:28-0430", "2026-02-23T22:19:28+00:00"),
        ("2026-02-23 22:19", "2026-02-23T22:19:00+00:00"),
        ("2026-02-23", "2026-02-23T00:00:00+00:00"),
        ('"2026-02-23T22:19:28Z"', "2026-02-23T22:19:28+00:00"),
        ("'2026-02-23T22:19:28Z", "2026-02-23T22:19:28+00:00"),
        ("1771885168", "2026-02-23T22:19:28+00:00"),
        ("1771885168000", "2026-02-23T22:19:28+00:00"),
        ("1771885168000001", "2026-02-23T22:19:28.000001+00:00"),
        ("1771885168.25", "2026-02-23T22:19:28.250000+00:00"),
        ("", None),
    ],
)
def test_an_instant_is_read_in_every_usual_form(cell: str, instant: str | None) -> None:
    assert Instants().text(cell, "timestamp") == instant


@pytest.mark.parametrize(
    "cell",
    [
        "01/02/2026", "25/12/2026 10:00", "20260223", "2026-02-30T00:00:00Z",
        "2026-02-23T24:00:00Z",
        "2026-02-23T22:60:00Z", "2026-W08-1T22:19:28", "12", "yesterday",
        "2026-02-23T22:19:28+99:00",
        "0001-01-01T00:00:00+10:00", "2026-02-23T22:19:28Zx", "99999999999999999999",
    ],
)  # fmt: skip
def test_a_time_that_can_be_misread_is_refused(cell: str) -> None:
    with pytest.raises(RowReject) as reject:
        Instants().text(cell, "timestamp")
    assert reject.value.code == "bad_timestamp"
    assert reject.value.column == "timestamp"


def test_day_and_month_are_told_apart_by_a_format_only() -> None:
    with pytest.raises(RowReject, match="time_format"):
        Instants().text("01/02/2026", "timestamp")
    assert Instants("UTC", "%d/%m/%Y").text("01/02/2026", "t") == "2026-02-01T00:00:00+00:00"
    with pytest.raises(RowReject, match="does not follow"):
        Instants("UTC", "%d/%m/%Y").text("2026-02-01", "t")


def test_naive_times_are_in_the_files_zone() -> None:
    berlin = Instants("Europe/Berlin")
    assert berlin.text("2026-07-01 12:00:00", "t") == "2026-07-01T10:00:00+00:00"
    assert berlin.text("2026-01-01 12:00:00", "t") == "2026-01-01T11:00:00+00:00"
    assert berlin.text("2026-07-01T12:00:00Z", "t") == "2026-07-01T12:00:00+00:00"


def test_an_hour_that_the_clock_repeats_is_its_first_one() -> None:
    assert Instants("Europe/Berlin").text("2026-10-25 02:30:00", "t") == "2026-10-25T00:30:00+00:00"


def test_an_hour_that_the_clock_skips_goes_on_as_if_it_had_not() -> None:
    assert Instants("Europe/Berlin").text("2026-03-29 02:30:00", "t") == "2026-03-29T01:30:00+00:00"


HEADER = ["timestamp", "model", "prompt_tokens", "completion_tokens"]
PLAN = plan_for(HEADER, PlanOptions(pricing="off"))


@settings(deadline=None)
@given(
    st.datetimes(min_value=datetime(1980, 1, 1), max_value=datetime(2100, 1, 1)),  # noqa: DTZ001
    st.integers(-14 * 60, 14 * 60),
    st.sampled_from(["T", " "]),
)
def test_the_shortcut_and_the_careful_way_agree(
    moment: datetime, minutes: int, separator: str
) -> None:
    aware = moment.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    plan = PLAN
    for cell in (aware.isoformat(separator), moment.isoformat(separator) + "Z", moment.isoformat()):
        first = plan.convert([cell, "m", "1", "1"])["timestamp"]
        again = plan.convert([cell, "m", "1", "1"])["timestamp"]
        expected = datetime.fromisoformat(cell.replace("Z", "+00:00"))
        expected = expected if expected.tzinfo else expected.replace(tzinfo=UTC)
        assert first == again == expected.astimezone(UTC).isoformat()


@settings(deadline=None)
@given(st.text(alphabet="0123456789-:TZ .+W/", max_size=32))
def test_what_the_shortcut_lets_through_is_what_the_careful_way_reads(cell: str) -> None:
    plan = PLAN
    for text in (cell, "2026-02-23T22" + cell, "2026-02-23T22:19:28" + cell):
        try:
            moment = Instants().moment(text, "timestamp")
        except RowReject:
            moment = None
        try:
            found = plan.convert([text, "m", "1", "1"])["timestamp"]
        except RowReject:
            found = None
        assert found == (None if moment is None else moment.isoformat())


def test_times_sort_as_text() -> None:
    cells = ["2026-02-23T22:19:28.5Z", "2026-02-23T22:19:28Z", "2026-02-23T22:19:29Z"]
    read = [Instants().text(cell, "t") for cell in cells]
    assert sorted(read) == [read[1], read[0], read[2]]

"""Time spans of exports that say only when a span began."""

from __future__ import annotations

from datetime import datetime, timedelta

from tap_llm_csv.records.cells import RowReject

_DAY_TEXT = len("2026-09-01")


def end_of_span(cell: str | None, start: str | None) -> str | None:
    """A day where the cell is a date (`2026-09-01`), an hour where it has a time of day."""
    if cell is None or start is None:
        return None
    is_day = len(cell.strip("'\" ")) == _DAY_TEXT
    return _after(start, timedelta(days=1) if is_day else timedelta(hours=1))


def end_of_day(start: str | None) -> str | None:
    """The end of the day that begins at `start`."""
    return None if start is None else _after(start, timedelta(days=1))


def _after(start: str, span: timedelta) -> str:
    try:
        return (datetime.fromisoformat(start) + span).isoformat()
    except OverflowError:
        raise RowReject("bad_timestamp", None, f"a span from {start} has no end") from None


def milliseconds_between(start: str | None, end: str | None) -> int | None:
    """From one instant to a later one; None where either is missing or they run backwards."""
    if start is None or end is None or end < start:
        return None
    span = datetime.fromisoformat(end) - datetime.fromisoformat(start)
    return round(span / timedelta(milliseconds=1))

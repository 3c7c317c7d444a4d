"""Instants: reading them in any form GitHub has used, writing them in one."""

from __future__ import annotations

from datetime import datetime, timezone


def parse_time(value: object) -> datetime | None:
    """Read an instant in any of the forms GitHub has used; None for none and for year one."""
    if not isinstance(value, str) or value.startswith("0001-"):
        return None
    text = f"{value[:-1]}+00:00" if value.endswith(("Z", "z")) else value
    try:
        moment = datetime.fromisoformat(_six_digits(text))
    except ValueError:
        return None
    return moment.astimezone(timezone.utc) if moment.tzinfo else moment.replace(tzinfo=timezone.utc)


def _six_digits(text: str) -> str:
    """Write a fraction of a second with six digits: before Python 3.11 only 3 or 6 are read."""
    head, dot, tail = text.partition(".")
    if not dot:
        return text
    digits = next((i for i, sign in enumerate(tail) if not sign.isdigit()), len(tail))
    return f"{head}.{tail[:digits][:6]:0<6}{tail[digits:]}"


def format_time(moment: datetime | None) -> str | None:
    """Write an instant in UTC; a fraction only where there is one."""
    if moment is None:
        return None
    text = moment.astimezone(timezone.utc).isoformat()
    return text.replace("+00:00", "Z")


def normal_time(value: object) -> str | None:
    """Return an instant of a payload as records carry it."""
    return format_time(parse_time(value))


def seconds_between(start: datetime | None, end: datetime | None) -> float | None:
    """Return the seconds from one instant to the other, never below zero."""
    if start is None or end is None:
        return None
    return max((end - start).total_seconds(), 0.0)

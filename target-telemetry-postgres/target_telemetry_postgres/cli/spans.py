"""Lengths of time and instants as people write them on a command line."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

import click

_PART = re.compile(r"(\d+(?:\.\d+)?)\s*([smhdw])", re.IGNORECASE)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


def parse_span(text: str) -> timedelta | None:
    """Read `12h`, `90m`, `1d12h` or `2w`; None when it is not a length of time."""
    parts = _PART.findall(text)
    if not parts or _PART.sub("", text).strip():
        return None
    try:
        return timedelta(
            seconds=sum(float(amount) * _SECONDS[unit.lower()] for amount, unit in parts)
        )
    except OverflowError:
        return None


def parse_instant(text: str, now: datetime) -> datetime | None:
    """Read a date, an ISO instant (UTC when it names no offset) or a span before now."""
    span = parse_span(text)
    if span is not None:
        try:
            return now - span
        except OverflowError:
            return None
    written = text.strip()
    if written[-1:] in {"Z", "z"}:
        written = written[:-1] + "+00:00"
    try:
        parsed = datetime.fromisoformat(written)
    except ValueError:
        return None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=timezone.utc)


def span_option(ctx: click.Context, param: click.Parameter, value: str | None) -> timedelta | None:
    """Turn the text of an option into a length of time."""
    if value is None:
        return None
    span = parse_span(value)
    if span is None:
        raise click.BadParameter(
            f'"{value}" is not a length of time; write 90m, 12h, 2d or 1w.', ctx, param
        )
    return span


def instant_option(
    ctx: click.Context, param: click.Parameter, value: str | None
) -> datetime | None:
    """Turn the text of an option into an instant."""
    if value is None:
        return None
    instant = parse_instant(value, datetime.now(timezone.utc))
    if instant is None:
        raise click.BadParameter(
            f'"{value}" is not a time; write 2026-02-01, 2026-02-01T12:00:00Z, or 30d for thirty '
            "days ago.",
            ctx,
            param,
        )
    return instant

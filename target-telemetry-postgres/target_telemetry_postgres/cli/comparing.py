"""A report's period beside the one before: which rows are the same, and how they changed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from target_telemetry_postgres.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from target_telemetry_postgres.cli.session import Row

DEFAULT_LENGTH = timedelta(days=30)
_KEY = re.compile(r"^-- key: (.+)$", re.MULTILINE)
_DAYS = {"day": 1, "week": 7}


@dataclass(frozen=True, slots=True)
class Period:
    """From an instant on, up to another that does not belong to it."""

    since: datetime
    until: datetime

    @classmethod
    def of(cls, since: datetime | None, until: datetime | None) -> Period:
        """What the options say; the last 30 days without any.

        Raises:
            ConfigError: It ends before it begins.
        """
        until = until or datetime.now(timezone.utc)
        since = since or until - DEFAULT_LENGTH
        if since >= until:
            raise ConfigError(f"The period from {since:%F %T} to {until:%F %T} is empty.")
        return cls(since, until)

    @property
    def before(self) -> Period:
        """The period of the same length that ends where this one begins."""
        return Period(self.since - (self.until - self.since), self.since)


def key_of(query: str) -> tuple[str, ...] | None:
    """The columns by which a report says that its rows are told apart (`-- key: a, b`)."""
    found = _KEY.search(query)
    return tuple(name.strip() for name in found[1].split(",")) if found else None


def side_by_side(
    now: Sequence[Row],
    before: Sequence[Row],
    period: Period,
    *,
    keys: tuple[str, ...] | None,
    limit: int,
) -> list[Row]:
    """The rows of a period, each with its figures of the period before under `before`.

    Rows are the same when their key is: the columns before the first number, unless the report says
    others. A day, week or month is the one that is as long before its period's end. Rows that there
    were only before come last.
    """
    if not now and not before:
        return []
    names = list((now or before)[0])
    numbers = numeric(names, [*now, *before])
    keys = keys or tuple(
        names[: next((i for i, n in enumerate(names) if n in numbers), len(names))]
    )
    measures = [name for name in names if name in numbers and name not in keys]

    def key(row: Row, end: datetime) -> tuple[Any, ...]:
        return tuple(_place(name, row[name], end) for name in keys)

    earlier = {key(row, period.before.until): row for row in before}
    rows: list[Row] = []
    for row in now:
        known = earlier.pop(key(row, period.until), None)
        rows.append({**row, "before": known and {name: known[name] for name in measures}})
    gone: list[Row] = [
        {
            **{name: row[name] if name in keys else None for name in names},
            "before": {name: row[name] for name in measures},
        }
        for row in earlier.values()
    ]
    return rows + gone[: max(0, limit - len(rows))]


def numeric(names: Sequence[str], rows: Sequence[Row]) -> set[str]:
    """The columns that hold numbers."""
    return {
        name
        for name in names
        if any(
            isinstance(row[name], int | float | Decimal) and not isinstance(row[name], bool)
            for row in rows
        )
    }


def _place(name: str, value: Any, end: datetime) -> Any:
    """A value as it is compared: a bucket of time by its distance from the period's end."""
    if not isinstance(value, date):
        return value
    last = end.astimezone(timezone.utc).date()
    if name == "month":
        return (last.year - value.year) * 12 + last.month - value.month
    if name in _DAYS:
        day = value.date() if isinstance(value, datetime) else value
        return (last - day).days // _DAYS[name]
    return value


def in_columns(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """The same rows for a table: after each figure what it was, and by how much it changed."""
    measures = {name for row in rows for name in row["before"] or ()}
    lines = []
    for row in rows:
        line: dict[str, Any] = {}
        for name, value in row.items():
            if name == "before":
                continue
            line[name] = value
            if name in measures:
                known = (row["before"] or {}).get(name)
                line[f"{name} before"] = known
                line[f"{name} change"] = change(value, known)
        lines.append(line)
    return lines


def change(now: Any, before: Any) -> str | None:
    """`+20.0%`; nothing where there is nothing to compare with."""
    if now is None or not before:
        return None
    return f"{(float(now) - float(before)) / abs(float(before)) * 100:+,.1f}%"

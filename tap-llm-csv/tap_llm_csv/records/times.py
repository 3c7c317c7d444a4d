"""A cell → an instant, in one normal form: ISO 8601 in UTC, whole seconds or six decimals.

The form sorts as text in the order of time (`…:28+00:00` < `…:28.500000+00:00`), so bookmarks,
price dates and `start_date` compare it without parsing it again.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone, tzinfo
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from tap_llm_csv.records.cells import RowReject, bare, shown

if TYPE_CHECKING:
    from collections.abc import Mapping

UTC = timezone.utc
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ISO = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
    r"(?:[T ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]+))?)?"
    r"\s*(Z|UTC|GMT|[+-][0-9]{2}(?::?[0-9]{2}(?::?[0-9]{2})?)?)?)?",
    re.IGNORECASE,
)
# 20250623-224532; without anything between only in years that no epoch could mean.
_DIGITS = re.compile(
    r"((?:19|20)[0-9]{2}|[0-9]{4}(?=[0-9]{4}[-_T ]))([0-9]{2})([0-9]{2})[-_T ]?"
    r"([0-9]{2})([0-9]{2})([0-9]{2})(Z)?",
    re.IGNORECASE,
)
_HOUR = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}")
_TAIL = re.compile(r"(?:\.([0-9]+))?(Z|[+-]00:?00)?")
_EPOCH_TEXT = re.compile(r"[0-9]{1,20}(?:\.[0-9]+)?")
_DAY_OR_MONTH_FIRST = re.compile(r"[0-9]{1,2}[/.-][0-9]{1,2}[/.-][0-9]{2,4}.*")
# From September 2001 in seconds, so that 20260223 is not taken for a day in 1970.
_EPOCH_UNITS = ((10**9, 10**11, 1), (10**11, 10**14, 10**3), (10**14, 10**17, 10**6))
_MOST_KEPT = 20_000


class Instants:
    """Reads times of one file: its zone for naive ones, its format where it has an odd one.

    The dictionaries are a shortcut for the common form, ISO 8601 in UTC. A plan looks up the text's
    first 13 characters in `hours` and its rest in `clock`, which knows whole seconds; where there
    are fractions, the next 6 in `seconds` and the rest in `tails`.
    """

    def __init__(self, zone: str = "UTC", time_format: str | None = None) -> None:
        self._zone: tzinfo = UTC if zone.upper() in {"UTC", "Z"} else ZoneInfo(zone)
        self._format = time_format
        self.hours: dict[str, str] = _Hours()
        self.clock: Mapping[str, str] = {}
        self.seconds: Mapping[str, str] = {}
        self.tails: dict[str, str] = _Tails(naive_is_utc=self._zone is UTC)
        if time_format is None:
            self.seconds = _seconds_of_an_hour()
            self.clock = _clock(naive_is_utc=self._zone is UTC)

    def text(self, cell: str, column: str) -> str | None:
        """The instant in its normal form, or None for an empty cell."""
        try:
            return self.hours[cell[:13]] + self.seconds[cell[13:19]] + self.tails[cell[19:]]
        except KeyError:
            pass
        moment = self.moment(cell, column)
        return None if moment is None else moment.isoformat()

    def moment(self, cell: str, column: str) -> datetime | None:
        """The instant as an aware datetime in UTC."""
        plain = bare(cell).strip('"')
        if not plain or plain.lower() in {"null", "none"}:
            return None
        try:
            return self._parse(plain).astimezone(UTC)
        except (ValueError, OverflowError, InvalidOperation):
            raise _reject(cell, plain, column, self._format) from None

    def _parse(self, plain: str) -> datetime:
        if self._format is not None:
            moment = datetime.strptime(plain, self._format)  # noqa: DTZ007 - the zone follows
            return moment if moment.tzinfo else moment.replace(tzinfo=self._zone)
        if found := _ISO.fullmatch(plain):
            year, month, day, hour, minute, second, fraction, zone = found.groups()
            return datetime(
                int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0),
                int((fraction or "")[:6].ljust(6, "0")),
                tzinfo=self._zone if zone is None else _offset(zone),
            )  # fmt: skip
        if found := _DIGITS.fullmatch(plain):
            year, month, day, hour, minute, second = map(int, found.groups()[:6])
            zone_given = UTC if found[7] else self._zone
            return datetime(year, month, day, hour, minute, second, tzinfo=zone_given)
        if _EPOCH_TEXT.fullmatch(plain):
            return _from_epoch(Decimal(plain))
        raise ValueError(plain)


@cache
def _seconds_of_an_hour() -> Mapping[str, str]:
    texts = (f":{second // 60:02d}:{second % 60:02d}" for second in range(3600))
    return {text: text for text in texts}


@cache
def _clock(*, naive_is_utc: bool) -> Mapping[str, str]:
    tails = ("Z", "") if naive_is_utc else ("Z",)
    return {text + tail: text + "+00:00" for text in _seconds_of_an_hour() for tail in tails}


class _Hours(dict[str, str]):
    """`2026-09-01 12` → `2026-09-01T12`, for hours that there are; others are a `KeyError`."""

    def __missing__(self, text: str) -> str:
        if not _HOUR.fullmatch(text):
            raise KeyError(text)
        try:
            datetime(int(text[:4]), int(text[5:7]), int(text[8:10]), int(text[11:]), tzinfo=UTC)
        except ValueError:
            raise KeyError(text) from None
        if len(self) >= _MOST_KEPT:
            self.clear()
        self[text] = f"{text[:10]}T{text[11:]}"
        return self[text]


class _Tails(dict[str, str]):
    """`.5Z` → `.500000+00:00`, for zones that are UTC; others are a `KeyError`."""

    def __init__(self, *, naive_is_utc: bool) -> None:
        super().__init__()
        self._naive_is_utc = naive_is_utc

    def __missing__(self, text: str) -> str:
        found = _TAIL.fullmatch(text)
        if not found or not (found[2] or self._naive_is_utc):
            raise KeyError(text)
        if len(self) >= _MOST_KEPT:
            self.clear()
        fraction = (found[1] or "")[:6].ljust(6, "0")
        self[text] = "+00:00" if fraction == "000000" else f".{fraction}+00:00"
        return self[text]


def _offset(zone: str) -> tzinfo:
    if zone[0] not in "+-":
        return UTC
    digits = zone[1:].replace(":", "").ljust(6, "0")
    hours, minutes, secs = int(digits[:2]), int(digits[2:4]), int(digits[4:])
    if minutes > 59 or secs > 59:  # noqa: PLR2004 - sixty minutes, sixty seconds
        raise ValueError(zone)
    delta = timedelta(hours=hours, minutes=minutes, seconds=secs)
    return timezone(-delta if zone[0] == "-" else delta)


def _from_epoch(value: Decimal) -> datetime:
    for low, high, per_second in _EPOCH_UNITS:
        if low <= value < high:
            return _EPOCH + timedelta(microseconds=int(value * (10**6 // per_second)))
    raise ValueError(value)


def _reject(cell: str, plain: str, column: str, time_format: str | None) -> RowReject:
    if "\0" in cell:
        return RowReject("nul_byte", column, f"{column} holds a NUL byte")
    if time_format is not None:
        why = f"which does not follow the time_format {time_format}"
    elif _DAY_OR_MONTH_FIRST.fullmatch(plain):
        why = "where day and month cannot be told apart; set time_format, for example %d/%m/%Y"
    else:
        why = "which is neither an ISO 8601 time nor an epoch in s, ms or µs"
    return RowReject("bad_timestamp", column, f"{column} is {shown(cell)}, {why}")

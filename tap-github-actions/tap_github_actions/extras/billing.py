"""What was really billed: GitHub's usage report of an organization or a user, month by month."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tap_github_actions.errors import NotFoundError, UnavailableError
from tap_github_actions.extras.records import usage_record

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date, datetime

    from tap_github_actions.api.client import Client

MOST_MONTHS = 24
"""GitHub keeps the report for two years."""
STILL_CHANGING = 2
"""Months that are read again: the present one, and the one before, which is settled late."""


@dataclass(frozen=True, slots=True)
class BillingReader:
    """Reads one owner's report: one request a month."""

    client: Client

    def read(
        self, owner: str, start: datetime, now: datetime, read_to: str
    ) -> Iterator[list[dict[str, Any]]]:
        """Yield the records of each month that may have changed.

        Args:
            owner: The organization or user.
            start: From when on usage matters.
            now: The present.
            read_to: The last month that has been read, as `2026-11`; empty: none.

        Raises:
            NotFoundError: There is no report for this token.
            DeniedError: The token may not read it.
        """
        months = months_between(start.date(), now.date())[-MOST_MONTHS:]
        for year, month in months:
            is_settled = (year, month) not in months[-STILL_CHANGING:]
            if is_settled and f"{year}-{month:02}" <= read_to:
                continue
            items = self._items(owner, year, month)
            yield summed(items, owner)

    def _items(self, owner: str, year: int, month: int) -> list[dict[str, Any]]:
        asked = {"year": year, "month": month}
        try:
            body = self.client.get(f"/organizations/{owner}/settings/billing/usage", asked).body
        except NotFoundError:
            body = self.client.get(f"/users/{owner}/settings/billing/usage", asked).body
        items = body.get("usageItems") if isinstance(body, dict) else None
        if not isinstance(items, list) or not all(isinstance(each, dict) for each in items):
            raise UnavailableError(f"GitHub's answer about the billing of {owner} is no report.")
        return items


def summed(items: list[dict[str, Any]], owner: str) -> list[dict[str, Any]]:
    """Return one record a day, SKU and repository: the report may have several lines for one."""
    rows: dict[str, dict[str, Any]] = {}
    for item in items:
        row = usage_record(item, owner)
        known = rows.setdefault(row["usage_id"], row)
        if known is not row:
            for name in ("quantity", "gross_amount", "discount_amount", "net_amount"):
                known[name] = Decimal(str(known[name] or 0)) + Decimal(str(row[name] or 0))
    return list(rows.values())


def months_between(first: date, last: date) -> list[tuple[int, int]]:
    """Return the months from one date to another, both included."""
    count = (last.year - first.year) * 12 + last.month - first.month
    numbers = range(first.month - 1, first.month + count)
    return [(first.year + number // 12, number % 12 + 1) for number in numbers]

"""Which runs a listing shows, in which order, and where GitHub stops showing more.

Unfiltered listings come from GitHub's database: fresh, 40,000 runs at most. Filtered ones come
from its search index: 1,000 runs at most, counted inexactly, and sometimes behind.
"""

from __future__ import annotations

import random
from bisect import bisect_left, bisect_right
from calendar import timegm
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from github_simulator.paging import Paging
from github_simulator.states import DAY, FOREVER, attempt_status, current_attempt, exists

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from github_simulator.model import Repository, Run, Workflow

FILTERS = ("actor", "branch", "check_suite_id", "created", "event", "head_sha", "status")
FILTERED_CAP = 1_000
UNFILTERED_CAP = 40_000
COUNT_CAP = 2_500


@dataclass(slots=True)
class ListingRules:
    """How this GitHub lists; the caps can be lowered so that small worlds reach them."""

    filtered_cap: int = FILTERED_CAP
    unfiltered_cap: int = UNFILTERED_CAP
    count_cap: int = COUNT_CAP
    stable_ties: bool = False
    index_lag: int = 0
    """How many seconds the search index is behind."""
    count_factor: float = 1.0
    """Below 1, `total_count` of filtered listings is too low, as after a timeout."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page: its runs, the count GitHub gives, and the number of the last page."""

    runs: list[Run]
    total_count: int
    last_page: int
    refused: bool = False


class Listing:
    """Lists runs of one world."""

    def __init__(self, rules: ListingRules) -> None:
        self.rules = rules
        self._requests = 0
        self._visible: dict[int, tuple[tuple[int, int, int, int], list[Run]]] = {}

    def page(
        self,
        repository: Repository,
        workflow: Workflow | None,
        query: Mapping[str, str],
        now: int,
    ) -> Page:
        """Return the page of runs that the query asks for."""
        self._requests += 1
        paging = Paging.from_query(query)
        runs = self._newest_last(repository, now)
        if workflow is not None:
            runs = [run for run in runs if run.workflow is workflow]
        if not any(name in query for name in FILTERS):
            return self._unfiltered(runs, paging)
        return self._filtered(runs, query, paging, now)

    def _unfiltered(self, runs: Sequence[Run], paging: Paging) -> Page:
        cap = self.rules.unfiltered_cap
        if paging.offset >= cap:
            return Page([], cap, 1, refused=True)
        total = min(len(runs), cap)
        shown = self._slice(runs, paging.offset, min(paging.offset + paging.per_page, cap))
        return Page(shown, total, paging.last_page(total))

    def _filtered(
        self, runs: Sequence[Run], query: Mapping[str, str], paging: Paging, now: int
    ) -> Page:
        as_of = now - self.rules.index_lag
        first, last = parse_created(query.get("created"))
        low = bisect_left(runs, first, key=lambda run: run.created)
        high = bisect_right(runs, min(last, as_of), key=lambda run: run.created)
        keep = conditions(query, as_of)
        found = [run for run in runs[low:high] if all(fits(run) for fits in keep)]
        cap = self.rules.filtered_cap
        shown = self._slice(found, paging.offset, min(paging.offset + paging.per_page, cap))
        total = int(min(len(found), self.rules.count_cap) * self.rules.count_factor)
        return Page(shown, total, paging.last_page(min(len(found), cap)))

    def _newest_last(self, repository: Repository, now: int) -> list[Run]:
        """Return the runs that exist now; kept until the clock or the world adds or removes one."""
        created = bisect_right(repository.runs, now, key=lambda run: run.created)
        gone = sum(not exists(run, now) for run in repository.doomed)
        days = repository.retention_days
        oldest = 0 if days is None else now - days * DAY + 1
        expired = bisect_left(repository.runs, oldest, key=lambda run: run.created)
        key = (repository.changes, created, gone, expired)
        cached = self._visible.get(repository.id)
        if cached is None or cached[0] != key:
            cached = (key, [run for run in repository.runs[expired:created] if exists(run, now)])
            self._visible[repository.id] = cached
        return cached[1]

    def _slice(self, runs: Sequence[Run], start: int, stop: int) -> list[Run]:
        """Return runs `start` … `stop` counted from the newest.

        Runs created in one second have no order of their own: it is another one in each request,
        also across the edge of the page.
        """
        size = len(runs)
        stop = min(stop, size)
        if start >= stop:
            return []
        low, high = size - stop, size - start
        while low > 0 and runs[low - 1].created == runs[low].created:
            low -= 1
        while high < size and runs[high].created == runs[high - 1].created:
            high += 1
        window = list(runs[low:high])
        window.sort(key=self._order(), reverse=True)
        offset = size - high
        return window[start - offset : stop - offset]

    def _order(self) -> Callable[[Run], tuple[int, float]]:
        if self.rules.stable_ties:
            return lambda run: (run.created, run.id)
        dice = random.Random(self._requests)
        return lambda run: (run.created, dice.random())


def parse_created(text: str | None) -> tuple[int, int]:
    """Return the first and last second that a `created` filter covers, both included.

    What GitHub's search cannot read matches nothing.
    """
    if text is None:
        return 0, FOREVER
    if ".." in text:
        left, right = text.split("..", 1)
        low = (0, 0) if left == "*" else day_or_second(left)
        high = (FOREVER, FOREVER) if right == "*" else day_or_second(right)
        return (low[0], high[1]) if low and high else (1, 0)
    for sign in (">=", "<=", ">", "<"):
        if text.startswith(sign):
            edge = day_or_second(text[len(sign) :])
            if edge is None:
                return 1, 0
            return {
                ">=": (edge[0], FOREVER),
                ">": (edge[1] + 1, FOREVER),
                "<=": (0, edge[1]),
                "<": (0, edge[0] - 1),
            }[sign]
    return day_or_second(text) or (1, 0)


def day_or_second(text: str) -> tuple[int, int] | None:
    """Return the first and last second of a date, or twice the second of a time."""
    try:
        if len(text) == len("2026-01-31"):
            start = timegm(datetime.strptime(text, "%Y-%m-%d").timetuple())  # noqa: DTZ007 (UTC)
            return start, start + 86_399
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return None
    seconds = int(moment.timestamp()) if moment.tzinfo else timegm(moment.timetuple())
    return seconds, seconds


def conditions(query: Mapping[str, str], now: int) -> list[Callable[[Run], bool]]:
    """Return what a run has to fulfil besides its creation time."""
    checks: list[Callable[[Run], bool]] = []
    if (actor := query.get("actor")) is not None:
        checks.append(lambda run: run.actor == actor)
    if (branch := query.get("branch")) is not None:
        checks.append(lambda run: run.branch == branch)
    if (event := query.get("event")) is not None:
        checks.append(lambda run: run.event == event)
    if (sha := query.get("head_sha")) is not None:
        checks.append(lambda run: run.sha == sha)
    if (suite := query.get("check_suite_id")) is not None:
        checks.append(lambda run: str(run.check_suite_id) == suite)
    if (status := query.get("status")) is not None:
        checks.append(lambda run: status in status_and_conclusion(run, now))
    return checks


def status_and_conclusion(run: Run, now: int) -> tuple[str, str | None]:
    """Return both things that the `status` filter looks at."""
    attempt = current_attempt(run, now)
    status = attempt_status(attempt, now)
    return status, attempt.conclusion if status == "completed" else None

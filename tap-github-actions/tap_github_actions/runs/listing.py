"""Which runs exist: the newest-first walk, and seeking by creation below its end.

The plain listing comes from GitHub's database: fresh and complete, but 40,000 runs deep at most.
The listing filtered by `created` comes from a search index: any depth, but late, now and then
empty, and cut at 1,000. So recent runs are walked, and only what lies deeper is sought, by asking
each time for what is older than the oldest run seen; no page number ever grows large enough to
matter. Whatever slips through between two pages is found by the audit (`audit.py`).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from tap_github_actions.api.paging import PAGE_SIZES, Page, read_all, read_page
from tap_github_actions.errors import PaginationLimitError, RepositoryError
from tap_github_actions.runs.bookmark import SECOND
from tap_github_actions.runs.readable import readable
from tap_github_actions.runs.records import created
from tap_github_actions.times import format_time

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from tap_github_actions.api.client import Client
    from tap_github_actions.runs.bookmark import Head
    from tap_github_actions.runs.records import Run
    from tap_github_actions.runs.stretches import Stretch

KEY = "workflow_runs"
FULL = PAGE_SIZES[0]
FILTER_CAP = 1000
QUIET_ANSWERS = 2
"""How often in a row a filtered listing must have nothing new before it is believed."""
CHEAP_PAGES = 2
TIE_READS = 8


@dataclass(frozen=True, slots=True)
class Batch:
    """Runs in the order of the listing, and how far down it has been read with them."""

    runs: list[Run]
    low: datetime
    """Everything created since has been read, up to the start of the walk."""
    start: int | None = None
    """Where the page begins in the plain listing; None in a filtered one."""
    unchanged: bool = False
    has_shrunk: bool = False
    """Whether the list was longer when the page before was read."""
    parted: datetime | None = None
    """The second that some of this page's runs share with the end of the page before."""


@dataclass(slots=True)
class Listing:
    """One repository's runs, newest first."""

    client: Client
    path: str
    """`/repos/{owner}/{name}`."""
    params: dict[str, str | int] = field(default_factory=dict)
    head: Head | None = None
    """What the first page looked like last time, where a conditional request is free."""
    first: Page | None = None
    etag: str | None = None
    """Of the first page."""
    seen: set[int] = field(default_factory=set)
    is_unchanged: bool = False
    """Whether the first page was not shown, for it is as it was."""
    _offset: int = 0
    _total: int | None = None
    _last: datetime | None = None
    _pages: int = 0
    _too_deep: bool = False
    _oldest: datetime | None = None

    def open(self) -> Page:
        """Read the first page; its `moment` is when the sync began, by GitHub's clock."""
        known = self.head.etag if self.head else None
        self.first = self._page(self._runs, 0, self.params, etag=known)
        self.etag = self.first.etag
        self.is_unchanged = self.first.unchanged
        return self.first

    def walk(self, stretch: Stretch) -> Iterator[Batch]:
        """Yield the runs of a stretch, newest first, in pages."""
        if stretch.high is not None:
            self._skip_to(stretch.high)
        if not self._too_deep:
            for batch in self._plain(stretch):
                yield batch
                self._oldest = batch.low
            if not self._too_deep:
                return
        high = self._oldest if stretch.high is None else stretch.high
        if self._oldest is not None and high is not None:
            high = min(high, self._oldest)
        if high is not None:
            yield from self._seek(stretch.low, high)

    def again(self, start: int, keep: Callable[[Run], bool] | None = None) -> list[Run]:
        """Read a page of the plain listing once more; return what is new on it."""
        page = self._page(self._runs, start, self.params)
        return self._fresh(page.items, keep)

    def of_second(self, second: datetime, start: int, *, is_young: bool) -> list[Run]:
        """Return what two pages have lost of a second that they part.

        Runs created within one second have no stable order: each request may deal them out anew.

        Args:
            second: The second.
            start: Where the upper page begins.
            is_young: Whether the search index may not know the second yet.
        """
        if not is_young:
            return self._within(second)
        found: list[Run] = []
        quiet = 0
        for number in range(TIE_READS):
            more = self.again(start + (number % 2) * FULL, keep=lambda run: created(run) == second)
            found += more
            quiet = 0 if more else quiet + 1
            if quiet > QUIET_ANSWERS:
                break
        return found

    def of_workflow(
        self, workflow: int, keep: Callable[[Run], bool], lowest: int, window: str | None
    ) -> list[Run]:
        """Return runs of a workflow that have not been seen.

        Args:
            workflow: Its id.
            keep: Which runs are looked for.
            lowest: The lowest run number among them.
            window: The creations to look at; None: the newest, straight from the database.
        """
        path = f"{self.path}/actions/workflows/{workflow}/runs"
        params = {**self.params, **({"created": window} if window else {})}
        found: list[Run] = []
        for offset in range(0, FILTER_CAP, FULL):
            page = self._page(path, offset, params)
            found += self._fresh(page.items, keep)
            numbers = [run.get("run_number") or 0 for run in page.items]
            if page.is_last or not numbers or (window is None and min(numbers) < lowest):
                break
        return found

    @property
    def _runs(self) -> str:
        return f"{self.path}/actions/runs"

    def _page(
        self, path: str, offset: int, params: Mapping[str, str | int], *, etag: str | None = None
    ) -> Page:
        page = read_page(self.client, path, KEY, offset, params=params, etag=etag)
        return replace(page, items=readable(page.items))

    def _fresh(self, runs: Sequence[Run], keep: Callable[[Run], bool] | None = None) -> list[Run]:
        """Take the runs not seen yet; those not to keep stay unseen and come with their page."""
        fresh = [run for run in runs if run["id"] not in self.seen and (keep is None or keep(run))]
        self.seen.update(run["id"] for run in fresh)
        return fresh

    def _plain(self, stretch: Stretch) -> Iterator[Batch]:
        self._total = self._last = None
        is_first = stretch.high is not None
        while True:
            try:
                page = self._page_here()
            except PaginationLimitError:
                self._too_deep = True
                return
            if is_first and self._begins_below(page, stretch.high):
                self._offset -= FULL  # the list has shrunk while its middle was looked for
                continue
            is_first = False
            self._pages += 1
            if page.unchanged and self.head is not None:
                low = self.head.low
                yield Batch([], low, page.start, unchanged=True)
            else:
                end = page.is_last or not page.items
                oldest = created(page.items[-1]) if page.items else stretch.low
                low = min(stretch.low, oldest) if end else oldest + SECOND
                yield self._batch(page, low)
                if end:
                    return
            self._offset = page.end
            enough = stretch.low
            if stretch.reach is not None and self._pages < CHEAP_PAGES:
                enough = min(enough, stretch.reach)
            if low <= enough:
                return

    def _batch(self, page: Page, low: datetime) -> Batch:
        """Return the new runs of a page, with what makes the border above it suspicious."""
        shrunk = self._total is not None and page.total is not None and page.total < self._total
        first = created(page.items[0]) if page.items else None
        parted = first if first is not None and first == self._last else None
        self._total = page.total
        self._last = created(page.items[-1]) if page.items else None
        return Batch(self._fresh(page.items), low, page.start, has_shrunk=shrunk, parted=parted)

    def _page_here(self) -> Page:
        if self._offset == 0 and self.first is not None:
            page, self.first = self.first, None
            return page
        return self._page(self._runs, self._offset, self.params)

    def _skip_to(self, high: datetime) -> None:
        """Move on to about the first run created before `high`, in a few requests."""
        above, step = self._offset // FULL, 1
        while self._is_above(above + step, high):
            above += step
            step *= 2
        below = above + step
        while below - above > 1:
            middle = (above + below) // 2
            if self._is_above(middle, high):
                above = middle
            else:
                below = middle
        self._offset = above * FULL

    def _begins_below(self, page: Page, high: datetime | None) -> bool:
        return (
            self._offset >= FULL
            and bool(page.items)
            and high is not None
            and created(page.items[0]) < high
        )

    def _is_above(self, number: int, high: datetime) -> bool:
        """Whether the page begins with a run created after `high`."""
        try:
            page = self._page(self._runs, number * FULL, self.params)
        except PaginationLimitError:
            self._too_deep = True
            return False
        if not page.items or created(page.items[0]) < high:
            self._too_deep = False
            return False
        return True

    def _seek(self, low: datetime, high: datetime) -> Iterator[Batch]:
        quiet = 0
        while high >= low:
            page = self._filtered(low, high)
            fresh = self._fresh(page.items)
            if not is_descending(page.items):
                yield from self._halve(low, high)
                return
            oldest = created(page.items[-1]) if page.items else high
            if fresh:
                yield Batch(fresh, oldest + SECOND)
            if len(page.items) >= FULL and oldest == created(page.items[0]):
                yield Batch(self._within(oldest), oldest)
                high = oldest - SECOND
                continue
            quiet = 0 if fresh else quiet + 1
            if quiet >= QUIET_ANSWERS:
                break
            high = oldest
        yield Batch([], low)

    def _halve(self, low: datetime, high: datetime) -> Iterator[Batch]:
        """List a window whose order cannot be relied on, in halves that fit under the cap."""
        if low == high:
            yield Batch(self._within(low), low)
            return
        runs, whole = self._window(f"{self.path}/actions/runs", low, high)
        if whole:
            yield Batch(self._fresh(runs), low)
            return
        middle = low + (high - low) // 2
        middle = middle.replace(microsecond=0)
        yield from self._halve(middle + SECOND, high)
        yield from self._halve(low, middle)

    def _within(self, second: datetime) -> list[Run]:
        """Return the runs of one second that have not been seen."""
        runs, whole = self._window(f"{self.path}/actions/runs", second, second)
        if not whole:
            for workflow in read_all(self.client, f"{self.path}/actions/workflows", "workflows"):
                path = f"{self.path}/actions/workflows/{workflow['id']}/runs"
                more, whole = self._window(path, second, second)
                if not whole:
                    raise RepositoryError(
                        f"One workflow has over {FILTER_CAP} runs created within the second "
                        f"{format_time(second)}: GitHub's API does not show them all."
                    )
                runs += more
        return self._fresh(runs)

    def _window(self, path: str, low: datetime, high: datetime) -> tuple[list[Run], bool]:
        """List a window; also say whether it fits under the cap of filtered listings.

        A window of several pages is listed until nothing new comes up: within a second each request
        may deal the runs out anew, so that some are on none of the pages.
        """
        runs: dict[int, Run] = {}
        quiet = 0
        while quiet < QUIET_ANSWERS:
            before = len(runs)
            pages, whole = self._pass_through(path, between(low, high), runs)
            if not whole or pages == 1:
                return list(runs.values()), whole
            quiet = quiet + 1 if len(runs) == before else 0
        return list(runs.values()), True

    def _pass_through(self, path: str, window: str, runs: dict[int, Run]) -> tuple[int, bool]:
        """Add a window's runs; return how many pages it has, and whether they were all of them."""
        params = {**self.params, "created": window}
        for offset in range(0, FILTER_CAP, FULL):
            page = self._page(path, offset, params)
            runs.update((run["id"], run) for run in page.items)
            if page.is_last or not page.items:
                return offset // FULL + 1, True
        return FILTER_CAP // FULL, False

    def _filtered(self, low: datetime, high: datetime) -> Page:
        params = {**self.params, "created": between(low, high)}
        return self._page(self._runs, 0, params)


def between(low: datetime | None, high: datetime) -> str:
    """Return a range of creations, both ends included, as GitHub's search understands it."""
    return f"{format_time(low) if low else '*'}..{format_time(high)}"


def is_descending(runs: Sequence[Run]) -> bool:
    """Whether each run was created no later than the one before it."""
    return all(created(above) >= created(below) for above, below in pairwise(runs))

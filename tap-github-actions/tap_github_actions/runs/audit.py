"""The completeness audit: run numbers count up by one in each workflow, so a gap is a question.

A gap between two runs means that a run was deleted, or that it slipped through between two pages
while something above it was deleted. The page before is read once more, then the workflow is asked
directly; what is still not there is recorded as missing and not asked for again.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

from tap_github_actions.errors import NotFoundError
from tap_github_actions.runs.listing import between
from tap_github_actions.runs.records import created

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tap_github_actions.runs.bookmark import Bookmark
    from tap_github_actions.runs.listing import Batch, Listing
    from tap_github_actions.runs.records import Run
    from tap_github_actions.runs.stretches import Stretch

INDEX_DELAY = timedelta(days=1)
"""The search index is not asked for anything younger."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Run numbers of one workflow that ought to lie between two runs."""

    workflow: int
    low: int
    high: int
    below: datetime | None
    """The creation of the run below; None where it was not met in this walk."""
    above: datetime


@dataclass(slots=True)
class Numbers:
    """The run numbers met so far in one stretch, by workflow, going down."""

    lowest: dict[int, tuple[int, datetime]] = field(default_factory=dict)
    edge: dict[int, dict[int, datetime]] = field(default_factory=dict)
    """Those of the second in which the last page ended: GitHub shows the runs of one second in any
    order, so higher numbers may follow."""

    def gaps(self, runs: Iterable[Run], ahead: Iterable[Run]) -> list[Gap]:
        """Return the gaps that the runs leave, above each of them and down to the page ahead."""
        found: list[Gap] = []
        by_workflow = grouped(runs)
        following = grouped(ahead)
        for workflow, numbers in by_workflow.items():
            known = {**numbers, **following.get(workflow, {}), **self.edge.get(workflow, {})}
            if workflow in self.lowest:
                number, moment = self.lowest[workflow]
                known[number] = moment
            # What lies ahead is judged with its own page; its highest number closes this one.
            floor = max(following.get(workflow, {0: None}))
            known = {number: moment for number, moment in known.items() if number >= floor}
            found += between_neighbours(workflow, known)
        return found

    def pass_by(self, runs: Sequence[Run]) -> None:
        """Take over runs that have been judged."""
        by_workflow = grouped(runs)
        for workflow, numbers in by_workflow.items():
            number = min(numbers)
            if workflow not in self.lowest or number < self.lowest[workflow][0]:
                self.lowest[workflow] = (number, numbers[number])
        last = min((created(run) for run in runs), default=None)
        if last is not None:
            self.edge = {
                workflow: {number: moment for number, moment in numbers.items() if moment == last}
                for workflow, numbers in merged(self.edge, by_workflow).items()
            }


def grouped(runs: Iterable[Run]) -> dict[int, dict[int, datetime]]:
    """Return creations by run number, by workflow."""
    numbers: dict[int, dict[int, datetime]] = {}
    for run in runs:
        workflow, number = run.get("workflow_id"), run.get("run_number")
        if workflow and number:
            numbers.setdefault(workflow, {})[number] = created(run)
    return numbers


def merged(
    one: dict[int, dict[int, datetime]], other: dict[int, dict[int, datetime]]
) -> dict[int, dict[int, datetime]]:
    """Return the creations of both."""
    return {
        workflow: one.get(workflow, {}) | other.get(workflow, {})
        for workflow in one.keys() | other.keys()
    }


def between_neighbours(workflow: int, known: dict[int, datetime]) -> list[Gap]:
    """Return the gaps within a set of run numbers."""
    ordered = sorted(known)
    return [
        Gap(workflow, low + 1, high - 1, known[low], known[high])
        for low, high in pairwise(ordered)
        if high - low > 1
    ]


@dataclass(slots=True)
class Audit:
    """Audits a walk, and repairs what it lost."""

    listing: Listing
    before: Bookmark
    """As the sync began with it."""
    now: datetime
    missing: list[Gap] = field(default_factory=list)
    numbers: Numbers = field(default_factory=Numbers)

    def walk(self, stretch: Stretch) -> Iterator[Batch]:
        """Yield the batches of a stretch, each made whole before it is yielded."""
        self.numbers = Numbers()
        held: Batch | None = None
        for batch in self.listing.walk(stretch):
            if held is not None:
                yield self._judge(held, batch)
            held = batch
        if held is not None:
            yield self._judge(held, None)

    def _judge(self, batch: Batch, following: Batch | None) -> Batch:
        runs, ahead = list(batch.runs), following.runs if following else []
        if batch.start is not None and following is not None:
            runs += self._lost_at_border(runs, batch.start, following)
        gaps = self._open_gaps(runs, ahead, is_end=following is None)
        if gaps:
            runs += self._asked_for(gaps)
            self.missing += self._open_gaps(runs, ahead, is_end=following is None)
        self.numbers.pass_by(runs)
        if len(runs) != len(batch.runs):
            runs.sort(key=created, reverse=True)
        return replace(batch, runs=runs)

    def _lost_at_border(self, runs: Sequence[Run], start: int, following: Batch) -> list[Run]:
        found: list[Run] = []
        if following.has_shrunk or self._is_torn(runs, following.runs):
            # A deletion above the cursor moves runs up by a place, onto the page already read.
            found += self.listing.again(start)
        if following.parted is not None:
            is_young = following.parted > self.now - INDEX_DELAY
            found += self.listing.of_second(following.parted, start, is_young=is_young)
        return found

    def _is_torn(self, runs: Sequence[Run], ahead: Sequence[Run]) -> bool:
        """Whether numbers are missing just where one page ends and the next begins."""
        edges = {workflow: max(numbers) for workflow, numbers in grouped(ahead).items()}
        return any(
            gap.low - 1 == edges.get(gap.workflow) and not self._is_known(gap)
            for gap in self.numbers.gaps(runs, ahead)
        )

    def _open_gaps(self, runs: Sequence[Run], ahead: Sequence[Run], *, is_end: bool) -> list[Gap]:
        gaps = self.numbers.gaps(runs, ahead)
        if is_end:
            gaps += self._gaps_to_bookmark(runs)
        return [gap for gap in gaps if self._is_open(gap)]

    def _gaps_to_bookmark(self, runs: Sequence[Run]) -> list[Gap]:
        """Return the gaps between the walk's lowest numbers and those audited before."""
        end = Numbers(dict(self.numbers.lowest))
        end.pass_by(runs)
        return [
            Gap(workflow, self.before.numbers[workflow] + 1, number - 1, None, moment)
            for workflow, (number, moment) in end.lowest.items()
            if workflow in self.before.numbers and self.before.numbers[workflow] + 1 < number
        ]

    def _is_open(self, gap: Gap) -> bool:
        """Whether nobody has asked for it yet."""
        # A walk that was killed half-way down leaves looks of different age: the run may belong to
        # the part that has not been looked at since.
        below = gap.above if gap.below is None else min(gap.below, gap.above)
        return not self.before.is_settled(below, gap.above) and not self._is_known(gap)

    def _is_known(self, gap: Gap) -> bool:
        return all(self.before.was_missing(gap.workflow, n) for n in (gap.low, gap.high))

    def _asked_for(self, gaps: Sequence[Gap]) -> list[Run]:
        found: list[Run] = []
        by_workflow: dict[int, list[Gap]] = {}
        for gap in gaps:
            by_workflow.setdefault(gap.workflow, []).append(gap)
        for workflow, asked in by_workflow.items():
            belows = [gap.below for gap in asked if gap.below is not None]
            below = min(belows) if len(belows) == len(asked) else None
            above = max(gap.above for gap in asked)
            is_young = above > self.now - INDEX_DELAY
            keep = partial(fills, asked)
            try:
                lowest = min(gap.low for gap in asked)
                window = None if is_young else between(below, above)
                found += self.listing.of_workflow(workflow, keep, lowest, window)
            except NotFoundError:
                continue  # the workflow is gone, and its runs with it
        return found


def fills(gaps: Sequence[Gap], run: Run) -> bool:
    """Whether a run is one of those that a gap is about."""
    number = run.get("run_number") or 0
    return any(gap.low <= number <= gap.high for gap in gaps)

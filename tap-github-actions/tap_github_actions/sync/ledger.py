"""What the bookmark remembers of single runs: unfinished ones, and those that cannot be read."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tap_github_actions.errors import RepositoryError
from tap_github_actions.runs import gaps
from tap_github_actions.runs.bookmark import OVERLAP
from tap_github_actions.runs.due import began, touched
from tap_github_actions.runs.records import LONGEST_RUN

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from tap_github_actions.runs.attempts import Outcome
    from tap_github_actions.runs.bookmark import Bookmark
    from tap_github_actions.runs.records import Run

_logger = logging.getLogger("tap-github-actions")


@dataclass(frozen=True, slots=True)
class Found:
    """What asking again gave."""

    run: Run | None
    """The run, if GitHub shows it."""
    outcome: Outcome


@dataclass(slots=True)
class Ledger:
    """Brings a bookmark up to date with what reading runs gave, and tells of the gaps."""

    bookmark: Bookmark
    repository: str
    now: datetime
    walked_from: datetime | None = None
    """Every run created since is in the listing that this sync has walked, if it exists."""
    met: set[int] = field(default_factory=set)
    """Runs that this sync has seen."""
    tried: set[gaps.Key] = field(default_factory=set)
    """Gaps that this sync has asked for."""
    _records: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    _opened: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def settle(self, runs: Iterable[Run], outcomes: Sequence[Outcome]) -> None:
        """Take over what became of runs that were met."""
        bookmark = self.bookmark
        by_run = {outcome.run_id: outcome for outcome in outcomes}
        for run in runs:
            run_id = run["id"]
            self.met.add(run_id)
            outcome = by_run.get(run_id)
            final = bookmark.recent.pop(run_id, None)
            bookmark.open.pop(run_id, None)
            if outcome is not None:
                final = outcome.final
                if outcome.open_from is not None:
                    self._keep_open(run_id, outcome.open_from, began(run))
                self.note(outcome)
            if final is not None and max(began(run), touched(run)) >= self.now - OVERLAP:
                bookmark.recent[run_id] = final
            workflow, number = run.get("workflow_id"), run.get("run_number")
            if workflow and number:
                bookmark.audited(workflow, number)
                if bookmark.was_missing(workflow, number):
                    bookmark.found(workflow, number)

    def settle_again(self, found: Iterable[Found]) -> None:
        """Take over what became of runs that were asked for once more."""
        for each in found:
            run, outcome = each.run, each.outcome
            self.met.add(outcome.run_id)
            if run is not None and outcome.run_id in self.bookmark.open:
                self.settle([run], [outcome])
                continue
            self.note(outcome)
            if run is not None and outcome.open_from is not None:
                self._keep_open(outcome.run_id, outcome.open_from, began(run))

    def note(self, outcome: Outcome) -> None:
        """Open and close the gaps that reading a run has shown."""
        for number in outcome.read:
            if number not in outcome.unread:
                self.close(gaps.key_of(outcome.run_id, number, gaps.RUN))
        if outcome.open_from is not None:
            self.close(gaps.key_of(outcome.run_id, outcome.open_from, gaps.RUN))
        for number, (what, reason) in outcome.unread.items():
            self.open(outcome.run_id, number, what, reason, is_kept=number not in outcome.conceded)

    def open(self, run: int, attempt: int, what: str, reason: str, *, is_kept: bool = True) -> None:
        """Note that something was not shown; once more, if it is known already.

        Raises:
            RepositoryError: Too much is not shown for the rest to count as read.
        """
        key = gaps.key_of(run, attempt, what)
        known = self.bookmark.gaps.pop(key, None)
        gap = (
            gaps.seen(run, attempt, what, reason, self.now)
            if known is None
            else known.again(what, reason, self.now)
        )
        if is_kept:
            self.bookmark.gaps[key] = gap
        if len(self.bookmark.gaps) > gaps.MAX_GAPS:
            raise RepositoryError(
                f"more than {gaps.MAX_GAPS} of its runs could not be read, the last because "
                f"{reason}"
            )
        self.tried.add(key)
        self._tell(gap, self._opened if known is None else self._records)

    def close(self, key: gaps.Key) -> None:
        """Note that what was missing is there, or gone for good."""
        gap = self.bookmark.gaps.pop(key, None)
        if gap is not None:
            self._tell(gap, self._records, resolved_at=self.now)

    def is_gone(self, run: int, attempt: int) -> bool:
        """Whether a run that is not shown has been deleted, and not only hidden for a moment."""
        gap = self.bookmark.gaps.get(gaps.key_of(run, attempt, gaps.RUN))
        return self._is_absent(run) or (
            gap is not None
            and (gap.what, gap.reason) == (gaps.RUN, gaps.NOT_SHOWN)
            and self.now - gap.last_tried >= gaps.BELIEVED_AFTER
        )

    def _is_absent(self, run: int) -> bool:
        """Whether the listing ought to show an unfinished run, and does not."""
        attempt, began = self.bookmark.open.get(run, (0, self.now))
        # A first attempt begins within minutes of the run's creation, by which it is listed.
        return (
            attempt == 1
            and self.walked_from is not None
            and began - gaps.BEGINS_WITHIN >= self.walked_from
        )

    def forget(self, run: int) -> None:
        """Drop all that is remembered of a run that has been deleted."""
        self.bookmark.open.pop(run, None)
        for key in [key for key in self.bookmark.gaps if key[0] == run]:
            self.close(key)

    def take(self) -> list[tuple[str, dict[str, Any]]]:
        """Return the records of gaps that are known to the last state, and not taken yet."""
        taken, self._records = self._records, []
        return taken

    def take_opened(self) -> list[tuple[str, dict[str, Any]]]:
        """Return the records of new gaps, which have to follow a state that knows them.

        A run that is killed in between would leave a row that nothing ever closes.
        """
        taken, self._opened = self._opened, []
        return taken

    def _keep_open(self, run_id: int, attempt: int, since: datetime) -> None:
        if self.now - since <= LONGEST_RUN:
            self.bookmark.open[run_id] = (attempt, since)
            return
        _logger.info(
            "%s: run %d is unfinished since %s, longer than GitHub lets a run live; "
            "it is not waited for any longer",
            *(self.repository, run_id, since.date()),
        )
        self.open(
            *(run_id, attempt, gaps.RUN),
            f"it is unfinished since {since.date()}, longer than GitHub lets a run live",
            is_kept=False,
        )

    def _tell(
        self,
        gap: gaps.Gap,
        records: list[tuple[str, dict[str, Any]]],
        resolved_at: datetime | None = None,
    ) -> None:
        record = gaps.gap_record(
            gap,
            repository=self.repository,
            repository_id=self.bookmark.repository_id,
            resolved_at=resolved_at,
        )
        records.append(("github_gaps", record))

"""Asking again: for unfinished runs that the walk did not meet, and for what could not be read."""

from __future__ import annotations

import logging
import math
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from tap_github_actions.runs import gaps
from tap_github_actions.runs.attempts import Outcome, UnreadError
from tap_github_actions.runs.due import Due
from tap_github_actions.runs.records import attempt_number
from tap_github_actions.sync.ledger import Found

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tap_github_actions.runs.attempts import AttemptReader
    from tap_github_actions.runs.bookmark import Bookmark
    from tap_github_actions.sync.ledger import Ledger

ASKED_ALWAYS = timedelta(hours=6)
"""Younger unfinished runs are asked for at every sync."""
GROWTH = 1.25
_logger = logging.getLogger("tap-github-actions")


def is_worth_asking(began: datetime, last: datetime | None, now: datetime) -> bool:
    """Whether an unfinished run is asked for, the less often the longer it has been waiting.

    Sweeps meet most of them anyway; this is for those that none meets.
    """
    if last is None or now - began <= ASKED_ALWAYS:
        return True

    def step(moment: datetime) -> int:
        age = max((moment - began) / ASKED_ALWAYS, 1.0)
        return math.floor(math.log(age, GROWTH))

    return step(now) > step(last)


def unfinished(before: Bookmark, ledger: Ledger) -> list[int]:
    """Return the unfinished runs to ask for."""
    last = before.looks[0].at if before.looks else None
    asked: list[int] = []
    for run_id, (attempt, began) in before.open.items():
        gap = before.gaps.get(gaps.key_of(run_id, attempt, gaps.RUN))
        is_due = is_worth_asking(began, last, ledger.now) if gap is None else gap.is_due(ledger.now)
        if is_due and run_id not in ledger.met:
            asked.append(run_id)
    return asked


def unread(before: Bookmark, ledger: Ledger) -> list[gaps.Gap]:
    """Return the gaps to ask for."""
    return [
        gap
        for key, gap in before.gaps.items()
        if gap.run
        and gap.run not in before.open
        and key in ledger.bookmark.gaps
        and key not in ledger.tried
        and gap.is_due(ledger.now)
    ]


def read_unfinished(reader: AttemptReader, run_id: int, first: int, now: datetime) -> Found:
    """Ask for an unfinished run."""
    try:
        run = reader.refetch(run_id)
    except UnreadError as error:
        return Found(None, Outcome(run_id, unread={first: (error.what, str(error))}))
    if run is None:
        return Found(None, Outcome(run_id, unread={first: (gaps.RUN, gaps.NOT_SHOWN)}))
    return Found(run, reader.read(Due(run, first), now))


def read_gap(reader: AttemptReader, gap: gaps.Gap, now: datetime) -> Found:
    """Ask for what could not be read."""
    try:
        run = reader.refetch(gap.run)
    except UnreadError as error:
        return Found(None, Outcome(gap.run, unread={gap.attempt: (error.what, str(error))}))
    if run is None:
        return Found(None, Outcome(gap.run, unread={gap.attempt: (gaps.RUN, gaps.NOT_SHOWN)}))
    is_last_try = gap.is_given_up(now)
    if gap.what == gaps.RUN or gap.attempt > attempt_number(run):
        return Found(run, reader.read(Due(run, gap.attempt, is_last_try=is_last_try), now))
    task = Due(run, gap.attempt, only=gap.attempt, is_last_try=is_last_try)
    return Found(run, reader.read(task, now))


def without_the_deleted(ledger: Ledger, found: Iterable[Found]) -> Iterator[Found]:
    """Yield what was found, but forget runs that have been deleted."""
    for each in found:
        run, outcome = each.run, each.outcome
        attempt, problem = next(iter(outcome.unread.items()), (0, ("", "")))
        is_hidden = run is None and problem == (gaps.RUN, gaps.NOT_SHOWN)
        if is_hidden and ledger.is_gone(outcome.run_id, attempt):
            _logger.info(
                "%s: run %d was deleted before it %s",
                *(ledger.repository, outcome.run_id),
                "ended" if outcome.run_id in ledger.bookmark.open else "could be read",
            )
            ledger.forget(outcome.run_id)
        else:
            yield each

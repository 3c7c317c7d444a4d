"""What the log says during a long backfill."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from tap_github_actions.sync.progress import EVERY_SECONDS, Progress, duration, share_done
from tap_github_actions.sync.repository import Window

NOW = datetime(2026, 11, 20, tzinfo=timezone.utc)
WINDOW = Window(NOW - timedelta(days=100), NOW)


def test_the_line_says_how_far_it_is_and_when_it_will_be_done() -> None:
    progress = Progress("o/r", began=0.0, attempts=1_234)
    line = progress.line(WINDOW, NOW - timedelta(days=25), now=600.0, calls_left=4_100)
    assert "o/r: 25% of the time since 2026-08-12" in line
    assert "1,234 attempts" in line
    assert "4,100 calls left this hour" in line
    assert "done in about 30 min" in line


def test_it_is_not_said_all_the_time() -> None:
    progress = Progress("o/r", began=100.0)
    moments = [100.0 + second for second in range(4 * EVERY_SECONDS)]
    assert sum(progress.due(moment) for moment in moments) == 3


def test_an_empty_window_is_done() -> None:
    assert share_done(Window(NOW, NOW), NOW) == 1.0
    assert share_done(WINDOW, NOW - timedelta(days=200)) == 1.0


@pytest.mark.parametrize(
    ("seconds", "words"), [(5, "a minute"), (1_800, "30 min"), (9_000, "2.5 h")]
)
def test_durations_are_written_for_people(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_the_summary_names_what_was_written_and_what_is_still_to_come() -> None:
    progress = Progress("o/r", 0.0, written={"workflow_runs": 1_200, "workflow_jobs": 0})
    assert progress.summary(2) == "summary: o/r: 1,200 runs; 2 still unfinished"
    assert Progress("o/r", 0.0).summary(0) == "summary: o/r: nothing new"

"""The bookmark, and what it says has to be looked at."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_github_actions.errors import StateError
from tap_github_actions.runs.audit import Audit
from tap_github_actions.runs.bookmark import MAX_LOOKS, OVERLAP, Bookmark, Head, Look, compacted
from tap_github_actions.runs.listing import Batch
from tap_github_actions.runs.stretches import Stretch, stretches

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_github_actions.runs.listing import Listing

NOW = datetime(2026, 11, 20, 12, tzinfo=timezone.utc)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
LOOKBACK = 32 * DAY
START = NOW - 90 * DAY


def plan(
    looks: list[Look], now: datetime = NOW, start: datetime = START
) -> list[tuple[datetime, datetime | None]]:
    return [(each.low, each.high) for each in stretches(looks, now, start, LOOKBACK)]


def test_a_first_sync_looks_at_everything_since_the_start() -> None:
    assert plan([]) == [(START, None)]


def test_a_sync_soon_after_looks_only_at_what_is_new() -> None:
    assert plan([Look(START, NOW - OVERLAP)]) == [(NOW - 2 * OVERLAP, None)]


def test_after_an_hour_three_days_are_swept() -> None:
    at = NOW - 2 * HOUR
    assert plan([Look(START, at)]) == [(at - 3 * DAY, None)]


def test_after_a_day_everything_that_can_be_re_run_is_swept() -> None:
    at = NOW - 30 * HOUR
    assert plan([Look(START, at)]) == [(at - LOOKBACK, None)]


def test_after_a_long_break_the_sweep_reaches_back_from_the_last_look() -> None:
    at = NOW - 20 * DAY
    assert plan([Look(START, at)]) == [(at - LOOKBACK, None)]


def test_an_interrupted_backfill_goes_on_where_it_was() -> None:
    reached = NOW - 20 * DAY
    assert plan([Look(reached, NOW - OVERLAP)]) == [(NOW - 2 * OVERLAP, None), (START, reached)]


def test_a_start_moved_back_fetches_only_the_gap() -> None:
    looks = [Look(NOW - 30 * DAY, NOW - OVERLAP)]
    assert plan(looks)[1] == (START, NOW - 30 * DAY)


def test_a_start_moved_forward_fetches_nothing() -> None:
    looks = [Look(NOW - 30 * DAY, NOW - OVERLAP)]
    assert plan(looks, start=NOW - 5 * DAY) == [(NOW - 2 * OVERLAP, None)]


def test_what_an_interrupted_sync_left_out_is_looked_at_next_time() -> None:
    earlier, reached = NOW - 9 * DAY, NOW - 4 * DAY
    looks = [Look(reached, NOW - OVERLAP), Look(START, earlier)]
    assert plan(looks)[1] == (earlier - LOOKBACK, reached)


def bookmark(**values: Any) -> Bookmark:
    return Bookmark(7, "o/r", **values)


def test_what_began_after_the_last_look_is_new() -> None:
    mark = Bookmark(1, "o/r", [Look(START, NOW)])
    assert mark.new_since(NOW - DAY) == NOW - OVERLAP
    assert mark.new_since(START - DAY) is None


def test_a_span_is_settled_when_each_part_of_it_was_looked_at_since() -> None:
    border = NOW - 10 * DAY
    mark = Bookmark(1, "o/r", [Look(border, NOW), Look(START, NOW - 12 * DAY)])
    assert mark.is_settled(border, border + DAY)
    assert mark.is_settled(START, START + DAY)
    assert not mark.is_settled(NOW - HOUR, NOW)
    assert not mark.is_settled(START - DAY, START)
    # The lower look was made before the runs just below the border were created.
    assert not mark.is_settled(border - 5 * DAY, border + DAY)
    assert not mark.is_settled(border - HOUR, border - HOUR)


class ListingWithAGap:
    """Shows runs 40 and 38; run 39 only to who asks its workflow."""

    def __init__(self, border: datetime) -> None:
        self.lost = self.run(39, border - timedelta(seconds=1))
        self.shown = [self.run(40, border + HOUR), self.run(38, border - 5 * DAY)]

    @staticmethod
    def run(number: int, created: datetime) -> dict[str, Any]:
        times = {"created_at": created.isoformat(), "workflow_id": 5, "run_number": number}
        return {"id": number, **times}

    def walk(self, _: Stretch) -> Iterator[Batch]:
        yield Batch(self.shown, START)

    def of_workflow(self, *_: object) -> list[dict[str, Any]]:
        return [self.lost]


def test_a_gap_across_the_border_of_a_killed_sweep_is_asked_for() -> None:
    border = NOW - 10 * DAY
    looks = [Look(border, NOW - DAY), Look(START, NOW - 12 * DAY)]
    before = Bookmark(1, "o/r", looks, numbers={5: 115})
    audit = Audit(cast("Listing", ListingWithAGap(border)), before, NOW)
    (batch,) = audit.walk(Stretch(START, None))
    assert [run["run_number"] for run in batch.runs] == [40, 39, 38]


def test_a_look_at_an_older_part_leaves_the_newer_looks_alone() -> None:
    mark = bookmark(looks=[Look(NOW - DAY, NOW), Look(START, NOW - 2 * DAY)])
    mark.look(START - DAY, NOW + HOUR, high=NOW - 5 * DAY)
    assert mark.looks == [
        Look(NOW - DAY, NOW),
        Look(NOW - 5 * DAY, NOW - 2 * DAY),
        Look(START - DAY, NOW + HOUR),
    ]


@given(st.lists(st.tuples(st.integers(1, 3000), st.integers(0, 3000)), min_size=1, max_size=20))
def test_joining_looks_never_makes_anything_look_newer_than_it_is(
    pairs: list[tuple[int, int]],
) -> None:
    lows = sorted({low for low, _ in pairs}, reverse=True)
    looks = [
        Look(NOW - (i + 1) * HOUR * (3001 - low), NOW - HOUR * ago)
        for i, (low, (_, ago)) in enumerate(zip(lows, pairs, strict=False))
    ]
    before, after = bookmark(looks=looks), bookmark(looks=compacted(looks))
    assert after.covered_from == before.covered_from
    for look in looks:
        assert after.looked_at(look.low) <= before.looked_at(look.low)


def test_many_short_syncs_do_not_make_the_state_grow() -> None:
    mark = bookmark()
    mark.look(NOW - 30 * DAY, NOW)
    for minute in range(600):
        at = NOW + timedelta(minutes=minute)
        mark.look(at - 3 * HOUR, at)
    assert len(mark.looks) <= MAX_LOOKS


def test_a_state_survives_its_way_through_json() -> None:
    mark = bookmark(
        looks=[Look(START, NOW)],
        open={26_365_060_973: (2, NOW)},
        recent={26_365_060_974: 1},
        numbers={1: 5},
        missing={1: [(2, 3)]},
        workflows="abc",
        head=Head('W/"x"', "t", NOW),
    )
    assert Bookmark.from_state(json.loads(json.dumps(mark.to_state()))) == mark


def test_a_full_state_stays_under_two_kilobytes() -> None:
    mark = bookmark(
        looks=[Look(START - n * DAY, NOW) for n in range(MAX_LOOKS)],
        numbers={175_366_930 + n: 10_000 + n for n in range(200)},
        missing={175_366_930 + n: [(10_000, 10_001)] for n in range(50)},
        recent={26_365_060_973 + n: 1 for n in range(14)},
        head=Head('W/"657d436a0ccc2aa5ade72b8673bd43e96cd355146e275aa9dc84"', "abcdef01", NOW),
    )
    mark.trim()
    assert len(json.dumps(mark.to_state())) < 2048


@pytest.mark.parametrize(
    "entry",
    [
        {},
        {"context": {"repository_id": "x"}},
        {"context": {"repository_id": 1}, "looks": "soon"},
        {"context": {"repository_id": 1}, "open": {"a": 1}},
    ],
)
def test_a_state_from_elsewhere_is_refused_in_plain_words(entry: dict[str, Any]) -> None:
    with pytest.raises(StateError, match="cannot be read"):
        Bookmark.from_state(entry)


def test_a_state_from_a_newer_version_is_refused() -> None:
    with pytest.raises(StateError, match="newer"):
        Bookmark.from_state({"context": {"repository_id": 1}, "version": 99})


def test_a_missing_number_that_turns_up_is_no_longer_missing() -> None:
    mark = bookmark(missing={1: [(3, 6)]})
    assert mark.was_missing(1, 4)
    mark.found(1, 4)
    assert mark.missing == {1: [(3, 3), (5, 6)]}
    for number in (3, 5, 6):
        mark.found(1, number)
    assert mark.missing == {}

"""What a sync emits, and what it asks for, against the simulator."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest

from github_simulator import Clock, Fault, JobPlan, ListingRules, Simulator, World, final_records
from support.tap_github import run_tap
from tap_github_actions.errors import RepositoryError
from tap_github_actions.runs.listing import Listing
from tap_github_actions.tap import TapGitHubActions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from github_simulator import Run, Workflow
    from support.tap_github import Output

DAY, HOUR, MINUTE = 86_400, 3_600, 60
NOON = 1_780_000_000
EVER = "2026-01-01T00:00:00Z"


@pytest.fixture
def world() -> World:
    return World(clock=Clock(NOON))


@pytest.fixture
def workflow(world: World) -> Workflow:
    return world.add_workflow(world.add_repository("octo-org/app"), "CI")


@pytest.fixture
def github(world: World) -> Iterator[Simulator]:
    with Simulator(world) as simulator:
        yield simulator


def fill(
    world: World, workflow: Workflow, count: int, *, since: int = 20 * DAY, until: int = HOUR
) -> list[Run]:
    step = (since - until) // count
    return [
        world.add_run(workflow, created=NOON - since + number * step) for number in range(count)
    ]


def truth(world: World, **options: Any) -> Any:
    return final_records(world, **options)


def assert_complete(output: Output, world: World) -> None:
    expected = truth(world)
    for stream, records in expected.items():
        assert output.records[stream] == records, stream


def streams(*selected: str) -> dict[str, Any]:
    """Return a catalog in which only these streams are selected."""
    catalog = TapGitHubActions(config={}, validate_config=False).catalog_dict
    for stream in catalog["streams"]:
        for entry in stream["metadata"]:
            if not entry["breadcrumb"]:
                entry["metadata"]["selected"] = stream["tap_stream_id"] in selected
    return catalog


def test_a_first_sync_emits_everything_exactly_once(
    world: World, workflow: Workflow, github: Simulator
) -> None:
    for run in fill(world, workflow, 250)[::10]:
        world.rerun(run, at=run.attempts[-1].ended + HOUR, only_failed=True)
    world.clock.advance(HOUR)
    output = run_tap(github)
    assert_complete(output, world)
    assert len(output.emitted) == sum(len(each) for each in output.records.values())


def test_the_calls_of_a_first_sync_are_those_that_are_needed(
    world: World, workflow: Workflow, github: Simulator
) -> None:
    for run in fill(world, workflow, 1_000)[::20]:
        world.rerun(run, at=run.attempts[-1].ended + 60)
    github.callers.add_token("t0ken", limit=10_000)
    run_tap(github)
    needed = 1_000 / 100 + 1_000 + 2 * 50
    assert len(github.log.entries) <= needed * 1.05


def test_a_sync_with_nothing_new_takes_three_calls_at_most(
    world: World, workflow: Workflow, github: Simulator
) -> None:
    fill(world, workflow, 150, until=MINUTE)
    output = run_tap(github)
    for _ in range(3):
        world.clock.advance(15 * MINUTE)
        github.log.clear()
        output = run_tap(github, output.state)
        assert not output.emitted
        assert len(github.log.entries) <= 3


def test_a_busy_repository_with_nothing_new_takes_three_calls_at_most(
    world: World, workflow: Workflow, github: Simulator
) -> None:
    fill(world, workflow, 700, since=2 * HOUR, until=20 * MINUTE)
    output = run_tap(github)
    world.clock.advance(15 * MINUTE)
    github.log.clear()
    # Another token: its ETags are not those of the first.
    output = run_tap(github, output.state, auth_token="another")
    assert not output.emitted
    assert len(github.log.entries) <= 3


def test_a_rerun_of_a_run_created_long_before_the_bookmark_is_found(
    world: World, workflow: Workflow, github: Simulator
) -> None:
    old = fill(world, workflow, 400)[3]
    output = run_tap(github)
    world.rerun(old, at=NOON + HOUR)
    world.clock.set(NOON + 25 * HOUR)
    output = run_tap(github, output.state)
    assert list(output.records["workflow_runs"]) == [(old.id, 2)]
    assert output.records["workflow_runs"].items() <= truth(world)["workflow_runs"].items()


def test_every_attempt_between_two_syncs_is_fetched(
    world: World, workflow: Workflow, github: Simulator
) -> None:
    run = world.add_run(workflow, created=NOON - HOUR)
    output = run_tap(github)
    for number in range(3):
        world.rerun(run, at=NOON + number * HOUR + 60)
    world.clock.set(NOON + DAY)
    output = run_tap(github, output.state)
    assert list(output.records["workflow_runs"]) == [(run.id, 2), (run.id, 3), (run.id, 4)]


def test_an_attempt_already_emitted_is_not_asked_for_again(
    world: World, workflow: Workflow, github: Simulator
) -> None:
    run = world.add_run(workflow, created=NOON - 5 * HOUR)
    world.rerun(run, at=NOON - 4 * HOUR)
    output = run_tap(github)
    world.rerun(run, at=NOON + HOUR)
    world.clock.set(NOON + 5 * HOUR)
    github.log.clear()
    output = run_tap(github, output.state)
    assert list(output.records["workflow_runs"]) == [(run.id, 3)]
    assert github.log.count(r"/attempts/1") == 0


def test_an_unfinished_run_is_remembered_until_it_ends(
    world: World, workflow: Workflow, github: Simulator
) -> None:
    slow = world.add_run(workflow, created=NOON - HOUR, jobs=[JobPlan("a", seconds=9 * DAY)])
    output = run_tap(github)
    assert "workflow_runs" not in output.records
    assert list(output.bookmark["open"]) == [str(slow.id)]
    for number in range(300):
        world.add_run(workflow, created=NOON + 60 + number)
    world.clock.advance(8 * DAY)
    output = run_tap(github, output.state)
    assert (slow.id, 1) not in output.records["workflow_runs"]
    world.clock.advance(2 * DAY)
    output = run_tap(github, output.state)
    assert list(output.records["workflow_runs"]) == [(slow.id, 1)]
    assert "open" not in output.bookmark


def test_an_unfinished_run_that_is_deleted_is_dropped_with_a_line(
    world: World, workflow: Workflow, github: Simulator, caplog: pytest.LogCaptureFixture
) -> None:
    run = world.add_run(workflow, created=NOON - HOUR, jobs=[JobPlan("a", seconds=DAY)])
    output = run_tap(github)
    world.delete_run(run)
    world.clock.advance(HOUR)
    with caplog.at_level("INFO"):
        output = run_tap(github, output.state)
    assert "open" not in output.bookmark
    assert f"run {run.id} was deleted before it ended" in caplog.text


def test_a_run_that_never_ends_is_dropped_after_36_days(
    world: World, workflow: Workflow, github: Simulator, caplog: pytest.LogCaptureFixture
) -> None:
    run = world.add_run(workflow, created=NOON - HOUR, jobs=[JobPlan("a", seconds=99 * DAY)])
    output = run_tap(github)
    world.clock.advance(35 * DAY)
    output = run_tap(github, output.state)
    assert str(run.id) in output.bookmark["open"]
    world.clock.advance(2 * DAY)
    with caplog.at_level("INFO"):
        output = run_tap(github, output.state)
    assert "open" not in output.bookmark
    assert "not waited for any longer" in caplog.text


def test_a_completed_run_does_not_wait_for_a_job_that_ends_later(
    world: World, workflow: Workflow, github: Simulator
) -> None:
    jobs = [JobPlan("a", report_lag=HOUR)]
    run = world.add_run(workflow, created=NOON - 10 * MINUTE, jobs=jobs)
    output = run_tap(github)
    (early,) = output.records["workflow_runs"].values()
    assert early == truth(world)["workflow_runs"][(run.id, 1)]
    assert early["conclusion"] == "success"
    assert early["completed_at"] is None
    assert "workflow_jobs" not in output.records
    world.clock.advance(HOUR)
    output = run_tap(github, output.state)
    assert output.records["workflow_runs"] == truth(world)["workflow_runs"]
    assert output.records["workflow_jobs"] == truth(world)["workflow_jobs"]
    (gap,) = output.records["github_gaps"].values()
    assert gap["resolved_at"] is not None


def test_what_was_emitted_does_not_change_when_github_touches_it(
    world: World, workflow: Workflow, github: Simulator
) -> None:
    invalid = world.add_run(workflow, created=NOON - 2 * DAY, invalid_file=True)
    normal = world.add_run(workflow, created=NOON - DAY)
    output = run_tap(github)
    assert len(output.records["workflow_runs"]) == 2
    world.touch(invalid, at=NOON + HOUR)
    world.touch(normal, at=NOON + HOUR)
    for days in (1, 2, 40, 400):
        world.clock.set(NOON + days * DAY)
        output = run_tap(github, output.state)
        assert not output.emitted


def test_two_syncs_in_a_row_emit_nothing_twice(
    world: World, workflow: Workflow, github: Simulator
) -> None:
    fill(world, workflow, 60, since=HOUR, until=2 * MINUTE)
    output = run_tap(github)
    world.clock.advance(60)
    again = run_tap(github, output.state, auth_token="another")
    assert not again.emitted


def test_more_than_forty_thousand_runs_are_sought_by_creation(
    world: World, workflow: Workflow
) -> None:
    fill(world, workflow, 2_600)
    rules = ListingRules(unfiltered_cap=1_000)
    with Simulator(world, rules=rules) as github:
        output = run_tap(github, catalog=streams("workflow_runs"))
    assert set(output.records["workflow_runs"]) == set(truth(world)["workflow_runs"])


def test_an_index_that_answers_nothing_once_does_not_end_the_search(
    world: World, workflow: Workflow
) -> None:
    fill(world, workflow, 1_500)
    with Simulator(world, rules=ListingRules(unfiltered_cap=500)) as github:
        github.faults.add(Fault.empty_listing())
        output = run_tap(github, catalog=streams("workflow_runs"))
    assert len(output.records["workflow_runs"]) == 1_500


def test_hundreds_of_runs_within_one_second_are_all_found(world: World, workflow: Workflow) -> None:
    for second in range(3):
        for _ in range(230):
            world.add_run(workflow, created=NOON - 3 * DAY + second)
    fill(world, workflow, 50, since=2 * DAY)
    with Simulator(world, rules=ListingRules(unfiltered_cap=100)) as github:
        output = run_tap(github, catalog=streams("workflow_runs"))
    assert len(output.records["workflow_runs"]) == 740


def test_a_run_deleted_while_pages_are_read_hides_no_other(
    world: World, workflow: Workflow, github: Simulator
) -> None:
    runs = fill(world, workflow, 450)
    doomed = iter(runs[-20:])
    github.faults.add(
        Fault.meanwhile(
            lambda: [world.delete_run(next(doomed)) for _ in range(3)],
            match=r"/actions/runs\?.*page=[2345]",
            times=4,
        )
    )
    output = run_tap(github, catalog=streams("workflow_runs"))
    assert set(truth(world)["workflow_runs"]) <= set(output.records["workflow_runs"])


def test_a_gap_in_the_run_numbers_is_asked_for_once(
    world: World, workflow: Workflow, github: Simulator
) -> None:
    runs = fill(world, workflow, 30)
    world.delete_run(runs[10])
    output = run_tap(github)
    assert github.log.count(r"/workflows/\d+/runs") == 1
    assert output.bookmark["missing"] == {str(workflow.id): [[11, 11]]}
    github.log.clear()
    world.clock.advance(2 * DAY)
    run_tap(github, output.state)
    assert github.log.count(r"/workflows/\d+/runs") == 0


def test_runs_of_today_that_slipped_away_are_found_however_deep_they_lie(
    world: World, workflow: Workflow, github: Simulator
) -> None:
    runs = fill(world, workflow, 450, since=6 * HOUR)
    doomed = iter(runs[-30:])
    github.faults.add(
        Fault.meanwhile(
            lambda: [world.delete_run(next(doomed)) for _ in range(10)],
            match=r"/actions/runs\?.*page=3",
            times=2,
        )
    )
    # The page that is read again has been overtaken by another deletion, and so shows nothing new.
    with mock.patch.object(Listing, "again", return_value=[]):
        output = run_tap(github, catalog=streams("workflow_runs"))
    assert set(truth(world)["workflow_runs"]) <= set(output.records["workflow_runs"])


def test_a_second_with_more_runs_than_the_index_shows_is_asked_for_by_workflow(
    world: World,
) -> None:
    repository = world.add_repository("octo-org/app")
    workflows = [world.add_workflow(repository, f"CI {number}") for number in range(120)]
    for workflow in workflows:
        world.add_run(workflow, created=NOON - 9 * DAY)
    crowd = [world.add_run(workflows[-1], created=NOON - 9 * DAY + 1) for _ in range(1_000)]
    for number in range(130):
        world.add_run(workflows[number % 120], created=NOON - 9 * DAY + 1)
    with Simulator(world, rules=ListingRules(unfiltered_cap=100)) as github:
        with pytest.raises(RepositoryError, match="1000 runs created within the second"):
            run_tap(github, catalog=streams("workflow_runs"))
        for run in crowd[-3:]:
            world.delete_run(run)
        output = run_tap(github, catalog=streams("workflow_runs"))
    assert len(output.records["workflow_runs"]) == 120 + 1_000 + 130 - 3


def test_a_start_moved_back_fetches_only_the_gap(
    world: World, workflow: Workflow, github: Simulator
) -> None:
    fill(world, workflow, 300, since=60 * DAY)
    first = run_tap(github)
    github.log.clear()
    second = run_tap(github, first.state, start_date=EVER)
    assert not set(first.records["workflow_runs"]) & set(second.records["workflow_runs"])
    assert len(first.records["workflow_runs"]) + len(second.records["workflow_runs"]) == 300
    assert github.log.count("/jobs$") == len(second.records["workflow_runs"])


@pytest.mark.parametrize("share", [0.1, 0.35, 0.6, 0.9])
def test_a_killed_backfill_goes_on_where_it_was(
    world: World, workflow: Workflow, github: Simulator, share: float
) -> None:
    fill(world, workflow, 1_200)
    whole = run_tap(github)
    cut = whole.lines[: int(len(whole.lines) * share)]
    stored = [line for line in cut if line["type"] == "RECORD"]
    states = [line["value"] for line in cut if line["type"] == "STATE"]
    github.log.clear()
    rest = run_tap(github, states[-1] if states else None)
    both = {**key_runs(stored), **rest.records["workflow_runs"]}
    assert both == truth(world)["workflow_runs"]
    lost = len(stored_runs(stored)) + len(rest.records["workflow_runs"]) - 1_200
    assert lost <= 500


def stored_runs(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [line["record"] for line in lines if line["stream"] == "workflow_runs"]


def key_runs(lines: list[dict[str, Any]]) -> dict[tuple[int, int], dict[str, Any]]:
    return {(each["github_run_id"], each["run_attempt"]): each for each in stored_runs(lines)}


def test_a_state_covers_only_records_before_it(
    world: World, workflow: Workflow, github: Simulator
) -> None:
    fill(world, workflow, 600)
    output = run_tap(github)
    seen = 0
    beginning, *lines = output.lines
    assert beginning["value"]["bookmarks"] == {}
    for line in lines:
        if line["type"] == "RECORD" and line["stream"] == "workflow_runs":
            seen += 1
        elif line["type"] == "STATE":
            (mark,) = line["value"]["bookmarks"]["workflow_runs"]["partitions"]
            low = mark["looks"][-1][0] if mark.get("looks") else "9999"
            covered = [
                each
                for each in truth(world)["workflow_runs"].values()
                if each["run_created_at"] >= low
            ]
            assert seen >= len(covered)


def test_deselected_streams_cost_nothing(
    world: World, workflow: Workflow, github: Simulator
) -> None:
    fill(world, workflow, 120)
    output = run_tap(github, catalog=streams("workflow_runs"))
    assert set(output.records) == {"workflow_runs"}
    assert github.log.count("/jobs$") == 0
    assert github.log.count("/workflows$") == 0
    github.log.clear()
    output = run_tap(github, catalog=streams("workflows"))
    assert set(output.records) == {"workflows"}
    assert github.log.count("/runs") == 0


def test_deselected_properties_are_left_out(
    world: World, workflow: Workflow, github: Simulator
) -> None:
    fill(world, workflow, 2)
    catalog = streams("workflow_runs")
    for stream in catalog["streams"]:
        for entry in stream["metadata"]:
            if entry["breadcrumb"][-1:] == ["display_title"]:
                entry["metadata"]["selected"] = False
    output = run_tap(github, catalog=catalog)
    schema = next(line for line in output.lines if line["type"] == "SCHEMA")
    assert "display_title" not in schema["schema"]["properties"]
    assert all("display_title" not in record for _, record in output.emitted)


def test_pull_requests_that_nobody_wants_are_not_asked_for(
    world: World, workflow: Workflow, github: Simulator
) -> None:
    fill(world, workflow, 2)
    run_tap(github)
    catalog = streams("workflow_runs")
    for stream in catalog["streams"]:
        for entry in stream["metadata"]:
            if entry["breadcrumb"][-1:] == ["pull_request_numbers"]:
                entry["metadata"]["selected"] = False
    run_tap(github, catalog=catalog)
    run_tap(github, catalog=streams("workflow_jobs"))
    listings = github.log.matching("/actions/runs$")
    excluded = [each.query.get("exclude_pull_requests") for each in listings]
    assert excluded == [None, "true", "true"]


def test_each_stream_is_announced_once(world: World, workflow: Workflow, github: Simulator) -> None:
    fill(world, workflow, 3)
    output = run_tap(github)
    names = [line["stream"] for line in output.lines if line["type"] == "SCHEMA"]
    assert len(names) == len(set(names)) == 7


def test_stream_maps_are_honoured(world: World, workflow: Workflow, github: Simulator) -> None:
    fill(world, workflow, 3)
    output = run_tap(
        github,
        stream_maps={"workflow_runs": {"actor": "'nobody'"}},
        stream_map_config={},
    )
    assert {each["actor"] for each in output.records["workflow_runs"].values()} == {"nobody"}


def test_a_renamed_repository_keeps_its_bookmark(
    world: World, workflow: Workflow, github: Simulator
) -> None:
    fill(world, workflow, 20)
    output = run_tap(github)
    world.rename(workflow.repository, "octo-org/renamed")
    world.add_run(workflow, created=NOON + 60)
    world.clock.advance(HOUR)
    for name in ("octo-org/app", "octo-org/renamed"):
        again = run_tap(github, output.state, repositories=[name], start_date=EVER[:10])
        (record,) = again.records["workflow_runs"].values()
        assert record["repository"] == "octo-org/renamed"


def test_a_repository_asked_for_by_two_names_is_read_once(
    world: World, workflow: Workflow, github: Simulator
) -> None:
    fill(world, workflow, 5)
    world.rename(workflow.repository, "octo-org/renamed")
    names = ["octo-org/app", "octo-org/renamed"]
    output = run_tap(github, repositories=names)
    assert len(output.emitted) == sum(len(each) for each in output.records.values())
    again = run_tap(github, output.state, repositories=[*names, "octo-org/*"])
    assert not again.emitted
    assert len(again.state["bookmarks"]["workflow_runs"]["partitions"]) == 1


def test_a_name_spelt_otherwise_is_always_written_as_github_spells_it(
    world: World, workflow: Workflow, github: Simulator
) -> None:
    fill(world, workflow, 5)
    output = run_tap(github, repositories=["Octo-Org/App"])
    github.log.clear()
    again = run_tap(github, output.state, repositories=["OCTO-ORG/app"])
    assert not again.emitted
    assert len(github.log.entries) <= 2
    for record in output.records["workflows"].values():
        assert record["repository"] == "octo-org/app"


def test_a_new_repository_under_an_old_name_starts_anew(
    world: World, workflow: Workflow, github: Simulator
) -> None:
    fill(world, workflow, 5)
    output = run_tap(github)
    world.rename(workflow.repository, "octo-org/renamed")
    other = world.add_workflow(world.add_repository("octo-org/app"), "Other")
    world.add_run(other, created=NOON - 3 * DAY)
    world.clock.advance(HOUR)
    again = run_tap(github, output.state, repositories=["octo-org/app"])
    assert [each["workflow_id"] for each in again.records["workflow_runs"].values()] == [other.id]


def test_globs_and_organizations_find_their_repositories(world: World, github: Simulator) -> None:
    for name in ("octo-org/api", "octo-org/app", "octo-org/web", "else/where"):
        world.add_run(world.add_workflow(world.add_repository(name), "CI"), created=NOON - DAY)

    def read(**config: Any) -> list[str]:
        output = run_tap(github, **config)
        return sorted(each["repository"] for each in output.records["workflow_runs"].values())

    assert read(repositories=["octo-org/a*"]) == ["octo-org/api", "octo-org/app"]
    assert read(repositories="octo-org/web,else/where") == ["else/where", "octo-org/web"]
    assert read(repositories=None, organizations=["octo-org"]) == [
        "octo-org/api",
        "octo-org/app",
        "octo-org/web",
    ]


def test_one_unreadable_repository_does_not_stop_the_others(
    world: World, workflow: Workflow, github: Simulator
) -> None:
    fill(world, workflow, 5)
    world.add_repository("octo-org/secret", blocked=404)
    world.add_repository("octo-org/blocked", blocked=451)
    output = run_tap(github, raises=False)
    assert len(output.records["workflow_runs"]) == 5
    assert "2 of 3 repositories could not be read" in str(output.error)
    assert "octo-org/secret" in str(output.error)


def test_the_state_of_many_repositories_is_kept_apart(world: World, github: Simulator) -> None:
    for number in range(6):
        workflow = world.add_workflow(world.add_repository(f"octo-org/r{number}"), "CI")
        world.add_run(workflow, created=NOON - DAY)
    output = run_tap(github)
    marks = output.state["bookmarks"]["workflow_runs"]["partitions"]
    assert len({mark["context"]["repository_id"] for mark in marks}) == 6
    assert all(len(json.dumps(mark)) < 2048 for mark in marks)
    world.clock.advance(MINUTE)
    github.log.clear()
    assert not run_tap(github, output.state).emitted
    assert len(github.log.entries) <= 6 * 3

"""What GitHub does not show when it is asked: kept in mind, told, asked for again; nothing lost."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Any

import pytest

from github_simulator import Clock, Fault, JobPlan, Simulator, Stutter, World, final_records
from support.scripted_github import Answer, honest, run, scripted
from support.tap_github import run_tap
from tap_github_actions.tap import TapGitHubActions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from github_simulator import Run, Workflow
    from support.tap_github import Output

DAY, HOUR, MINUTE = 86_400, 3_600, 60
NOON = 1_780_000_000


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


def fill(world: World, workflow: Workflow, count: int = 60) -> list[Run]:
    return [
        world.add_run(workflow, created=NOON - 20 * DAY + number * 6 * HOUR)
        for number in range(count)
    ]


class Store:
    """What a target has after several syncs."""

    def __init__(self, github: Simulator) -> None:
        self.github = github
        self.rows: dict[str, dict[tuple[Any, ...], dict[str, Any]]] = {}
        self.state: dict[str, Any] | None = None

    def sync(self, **config: Any) -> Output:
        output = run_tap(self.github, self.state, **config)
        self.state = output.state
        for stream, records in output.records.items():
            self.rows.setdefault(stream, {}).update(records)
        return output

    def gaps(self) -> list[dict[str, Any]]:
        """Return the gaps that are open."""
        rows = self.rows.get("github_gaps", {}).values()
        return [row for row in rows if row["resolved_at"] is None]

    def assert_whole(self) -> None:
        for stream, records in final_records(self.github.world).items():
            assert self.rows.get(stream, {}) == records, stream


@pytest.mark.parametrize(
    ("match", "what"),
    [("/attempts/1/jobs", "jobs"), ("/attempts/1(?!/)", "attempt")],
)
def test_a_404_for_details_of_a_run_that_exists_is_not_believed(
    world: World, workflow: Workflow, github: Simulator, match: str, what: str
) -> None:
    doomed = fill(world, workflow)[7]
    world.rerun(doomed, at=doomed.attempts[-1].ended + 60)
    github.faults.add(Fault.refuse(404, match=f"/runs/{doomed.id}{match}"))
    store = Store(github)
    store.sync()
    (gap,) = store.gaps()
    assert (gap["github_run_id"], gap["run_attempt"], gap["what"]) == (doomed.id, 1, what)
    assert (doomed.id, 1) not in store.rows["workflow_runs"]
    assert (doomed.id, 2) in store.rows["workflow_runs"]
    world.clock.advance(6 * HOUR)
    store.sync()
    assert store.gaps() == []
    store.assert_whole()


def test_a_list_of_jobs_that_is_shorter_than_its_count_is_not_believed(
    world: World, workflow: Workflow
) -> None:
    fill(world, workflow, 30)
    with Simulator(world, stutter=Stutter(emptied=0.3)) as github:
        store = Store(github)
        store.sync()
        assert store.gaps()
        assert {gap["what"] for gap in store.gaps()} == {"jobs"}
        github.stutter.calm_down()
        world.clock.advance(6 * HOUR)
        store.sync()
    assert store.gaps() == []
    store.assert_whole()


def test_a_run_without_jobs_is_believed_where_the_count_says_so(
    world: World, workflow: Workflow, github: Simulator
) -> None:
    world.add_run(workflow, created=NOON - DAY, jobs=[])
    store = Store(github)
    store.sync()
    assert store.gaps() == []
    store.assert_whole()


def test_one_run_that_cannot_be_read_keeps_nothing_else_out(
    world: World, workflow: Workflow, github: Simulator, caplog: pytest.LogCaptureFixture
) -> None:
    poison = fill(world, workflow)[40]
    poison.poisoned_until = NOON + 3 * DAY
    store = Store(github)
    with caplog.at_level("INFO"):
        store.sync()
    assert len(store.rows["workflow_runs"]) == 59
    (gap,) = store.gaps()
    assert "502" in gap["reason"]
    assert "1 not shown by GitHub so far" in caplog.text
    tries = []
    for _ in range(22):
        world.clock.advance(6 * HOUR)
        github.log.clear()
        store.sync()
        tries.append(github.log.count(f"/runs/{poison.id}$"))
    # The waits grow: it is not asked for at every sync.
    assert 3 <= sum(tries) <= 6
    assert store.gaps() == []
    store.assert_whole()


def test_a_github_that_is_out_of_order_is_not_taken_for_many_bad_runs(
    world: World, workflow: Workflow, github: Simulator
) -> None:
    fill(world, workflow)
    github.faults.add(Fault.server_error(502, times=None, match="/jobs"))
    output = run_tap(github, raises=False)
    assert "in a row could not be read" in str(output.error)
    github.faults.clear()
    world.clock.advance(HOUR)
    store = Store(github)
    store.state = output.states[-1] if output.states else None
    store.sync()
    assert len(store.rows["workflow_runs"]) == 60


def test_a_payload_that_lacks_a_key_keeps_only_its_own_run_out(
    world: World, workflow: Workflow, github: Simulator
) -> None:
    runs = fill(world, workflow)
    for lacking in (runs[-1], runs[20]):
        lacking.lacks, lacking.lacks_until = ("created_at",), NOON + HOUR
    store = Store(github)
    store.sync()
    assert len(store.rows["workflow_runs"]) == 58
    assert {gap["what"] for gap in store.gaps()} == {"run"}
    world.clock.advance(6 * HOUR)
    store.sync()
    assert store.gaps() == []
    store.assert_whole()


def test_a_step_without_a_number_is_no_failure_of_the_repository() -> None:
    broken = {"id": 5, "run_id": 1001, "completed_at": "2026-11-10T00:01:00Z", "steps": [{}]}
    jobs = {"total_count": 1, "jobs": [broken]}
    with scripted(lambda path: honest(path, jobs=jobs)) as github:
        lines = sync_once(github.url)
    (gap,) = gap_records(lines)
    assert "number" in gap["reason"]


def gap_records(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        line["record"]
        for line in lines
        if line["type"] == "RECORD" and line["stream"] == "github_gaps"
    ]


def sync_once(url: str) -> list[dict[str, Any]]:
    config = {"auth_token": "t", "api_url_base": url, "repositories": ["octo-org/app"]}
    stdout = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    with redirect_stdout(stdout):
        TapGitHubActions(config=config).read_everything()
    stdout.seek(0)
    return [json.loads(line) for line in stdout]


def test_a_job_that_never_ends_does_not_withhold_its_run(
    world: World, workflow: Workflow, github: Simulator
) -> None:
    plans = [JobPlan("build"), JobPlan("ghost", is_stuck=True)]
    run = world.add_run(workflow, created=NOON - HOUR, jobs=plans)
    store = Store(github)
    store.sync()
    assert (run.id, 1) in store.rows["workflow_runs"]
    assert [row["job_name"] for row in store.rows["workflow_jobs"].values()] == ["build"]
    (gap,) = store.gaps()
    assert gap["what"] == "unfinished jobs"
    assert "ghost" in gap["reason"]
    asked = 0
    for _ in range(40):
        world.clock.advance(6 * HOUR)
        github.log.clear()
        store.sync()
        asked += github.log.count(f"/runs/{run.id}$")
    assert asked <= 8
    ghost = next(row for row in store.rows["workflow_jobs"].values() if row["job_name"] == "ghost")
    assert (ghost["conclusion"], ghost["completed_at"]) == (None, None)
    store.assert_whole()
    assert len(store.gaps()) == 1


def test_a_run_that_is_really_deleted_is_asked_for_twice_and_then_forgotten(
    world: World, workflow: Workflow, github: Simulator
) -> None:
    doomed = fill(world, workflow)[7]
    github.faults.add(
        Fault.meanwhile(
            lambda: world.delete_run(doomed), match=f"/runs/{doomed.id}/attempts/1/jobs"
        )
    )
    store = Store(github)
    store.sync()
    assert [gap["what"] for gap in store.gaps()] == ["run"]
    world.clock.advance(6 * HOUR)
    github.log.clear()
    store.sync()
    assert github.log.count(f"/runs/{doomed.id}$") == 1
    assert store.gaps() == []
    world.clock.advance(6 * HOUR)
    github.log.clear()
    store.sync()
    assert github.log.count(f"/runs/{doomed.id}") == 0


def test_details_that_stay_hidden_do_not_keep_their_attempt_out_for_ever(
    world: World, workflow: Workflow, github: Simulator
) -> None:
    run = fill(world, workflow)[7]
    github.faults.add(Fault.refuse(404, match=f"/runs/{run.id}/attempts/1/jobs", times=None))
    store = Store(github)
    for _ in range(60):
        store.sync()
        world.clock.advance(6 * HOUR)
    row = store.rows["workflow_runs"][(run.id, 1)]
    assert (row["conclusion"], row["completed_at"], row["duration_seconds"]) == (
        "success",
        None,
        None,
    )
    (gap,) = store.gaps()
    assert "kept without them" in gap["reason"]
    (mark,) = store.state["bookmarks"]["workflow_runs"]["partitions"]
    assert "gaps" not in mark


def test_a_request_that_took_too_long_is_tried_again(
    world: World, workflow: Workflow, github: Simulator
) -> None:
    fill(world, workflow)
    github.faults.add(Fault.refuse(408, match="/jobs", times=3))
    store = Store(github)
    store.sync()
    assert store.gaps() == []
    store.assert_whole()


def test_the_start_is_decided_at_the_first_sync_and_kept(
    world: World, workflow: Workflow, github: Simulator
) -> None:
    old = world.add_run(workflow, created=NOON - 29 * DAY)
    store = Store(github)
    store.sync()
    world.rerun(old, at=NOON + 20 * HOUR)
    world.clock.advance(2 * DAY)
    store.sync()
    assert (old.id, 2) in store.rows["workflow_runs"]


def test_a_quiet_repository_costs_no_more_after_weeks_than_at_first(
    world: World, workflow: Workflow, github: Simulator
) -> None:
    fill(world, workflow, 20)
    state = run_tap(github).state
    for days in range(70):
        world.clock.advance(DAY)
        github.log.clear()
        # Another token each time, as inside GitHub Actions: no ETag comes back.
        state = run_tap(github, state, auth_token=f"token-{days}").state
        assert len(github.log.entries) <= 3
    (mark,) = state["bookmarks"]["workflow_runs"]["partitions"]
    lows = [low for low, _ in mark["looks"]]
    assert lows == sorted(set(lows), reverse=True)


def test_a_bookmark_from_before_starts_were_kept_begins_where_it_has_looked(
    world: World, workflow: Workflow, github: Simulator
) -> None:
    fill(world, workflow)
    state = run_tap(github).state
    (mark,) = state["bookmarks"]["workflow_runs"]["partitions"]
    start = mark.pop("start")
    world.clock.advance(5 * DAY)
    (mark,) = run_tap(github, state).state["bookmarks"]["workflow_runs"]["partitions"]
    assert mark["start"] == start


def test_waiting_for_an_approval_is_no_work(
    world: World, workflow: Workflow, github: Simulator
) -> None:
    plan = JobPlan("build", seconds=300)
    run = world.add_run(workflow, created=NOON - 2 * DAY, jobs=[plan], waiting=20 * HOUR)
    output = run_tap(github)
    record = output.records["workflow_runs"][(run.id, 1)]
    assert record["duration_seconds"] == 300


def test_where_jobs_are_deselected_no_duration_is_made_up(
    world: World, workflow: Workflow, github: Simulator
) -> None:
    run = world.add_run(workflow, created=NOON - 20 * DAY)
    world.touch(run, at=NOON - DAY)
    catalog = TapGitHubActions(config={}, validate_config=False).catalog_dict
    for stream in catalog["streams"]:
        for entry in stream["metadata"]:
            if not entry["breadcrumb"]:
                entry["metadata"]["selected"] = stream["tap_stream_id"] == "workflow_runs"
    (record,) = run_tap(github, catalog=catalog).records["workflow_runs"].values()
    assert (record["completed_at"], record["duration_seconds"]) == (None, None)


def test_an_answer_that_hides_a_deleted_run_twice_at_once_is_asked_again() -> None:
    """Both requests for one run answer 404 within a second: that is once, not twice."""
    state = {"hidden": True}

    def script(path: str) -> Answer:
        if state["hidden"] and "/runs/1001" in path:
            return Answer({"message": "Not Found"}, 404)
        return honest(path, runs={"total_count": 1, "workflow_runs": [run()]})

    with scripted(script) as github:
        lines = sync_once(github.url)
    assert [gap["what"] for gap in gap_records(lines)] == ["run"]

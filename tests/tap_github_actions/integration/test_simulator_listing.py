"""The simulator lists runs as GitHub does, with its order, caps and staleness."""

from __future__ import annotations

import pytest

from github_simulator import JobPlan, ListingRules, iso
from support.github import NAME, NOON, simulated, small_world


def test_runs_come_newest_first_and_links_lead_through_all_of_them() -> None:
    world, repository = small_world()
    workflow = world.add_workflow(repository, "CI")
    for age in range(250, 0, -1):
        world.add_run(workflow, created=NOON - age * 60)
    with simulated(world) as github:
        runs = github.runs()
    assert [run["run_number"] for run in runs] == list(range(250, 0, -1))


def test_links_name_the_repository_by_id_and_keep_the_query() -> None:
    world, repository = small_world()
    workflow = world.add_workflow(repository, "CI")
    for _ in range(3):
        world.add_run(workflow, created=NOON - 60)
    with simulated(world) as github:
        response = github.get(f"/repos/{NAME}/actions/runs?per_page=1&event=push&page=2")
        base = f"{github.simulator.url}/repositories/{repository.id}/actions/runs"
        query = "per_page=1&event=push&page="
        assert {name: link["url"] for name, link in response.links.items()} == {
            "prev": f"{base}?{query}1",
            "next": f"{base}?{query}3",
            "last": f"{base}?{query}3",
            "first": f"{base}?{query}1",
        }
        whole = github.get(f"/repos/{NAME}/actions/runs?per_page=3")
        assert "Link" not in whole.headers


def test_a_page_holds_thirty_runs_unless_asked_and_never_more_than_a_hundred() -> None:
    world, repository = small_world()
    workflow = world.add_workflow(repository, "CI")
    for _ in range(120):
        world.add_run(workflow, created=NOON - 60)
    with simulated(world) as github:
        sizes = [
            len(github.actions(f"/runs{query}")["workflow_runs"])
            for query in ("", "?per_page=200", "?per_page=0", "?per_page=7")
        ]
    assert sizes == [30, 100, 30, 7]


def test_runs_of_one_second_change_places_between_requests_but_not_with_others() -> None:
    world, repository = small_world()
    workflow = world.add_workflow(repository, "CI")
    world.add_run(workflow, created=NOON - 9)
    for _ in range(8):
        world.add_run(workflow, created=NOON - 5)
    world.add_run(workflow, created=NOON - 1)
    with simulated(world) as github:
        orders = {tuple(run["run_number"] for run in github.runs()) for _ in range(5)}
    assert len(orders) > 1
    assert all(order[0] == 10 and order[-1] == 1 for order in orders)
    assert all(sorted(order) == list(range(1, 11)) for order in orders)


def test_an_unfiltered_listing_ends_at_its_cap_with_a_422() -> None:
    world, repository = small_world()
    workflow = world.add_workflow(repository, "CI")
    for _ in range(60):
        world.add_run(workflow, created=NOON - 60)
    with simulated(world, rules=ListingRules(unfiltered_cap=40)) as github:
        last = github.get(f"/repos/{NAME}/actions/runs?per_page=20&page=2")
        assert (last.status_code, last.json()["total_count"]) == (200, 40)
        assert "next" not in last.links
        beyond = github.get(f"/repos/{NAME}/actions/runs?per_page=20&page=3")
    assert beyond.status_code == 422
    assert beyond.json()["message"] == (
        "In order to keep the API fast for everyone, pagination is limited for this resource."
    )


@pytest.mark.parametrize(
    "query", ["event=push", "branch=main", "created=*..2100-01-01", "status=success"]
)
def test_a_filtered_listing_shows_no_more_than_its_cap_and_says_nothing(query: str) -> None:
    world, repository = small_world()
    workflow = world.add_workflow(repository, "CI")
    for age in range(50, 0, -1):
        world.add_run(workflow, created=NOON - 3_600 - age)
    with simulated(world, rules=ListingRules(filtered_cap=20)) as github:
        assert [run["run_number"] for run in github.runs(f"&{query}")] == list(range(50, 30, -1))
        beyond = github.actions(f"/runs?{query}&per_page=10&page=3")
    assert beyond["workflow_runs"] == []


def test_counts_of_filtered_listings_are_capped_and_may_be_too_low() -> None:
    world, repository = small_world()
    workflow = world.add_workflow(repository, "CI")
    for _ in range(30):
        world.add_run(workflow, created=NOON - 60)
    with simulated(world, rules=ListingRules(count_cap=20, count_factor=0.5)) as github:
        assert github.actions("/runs?event=push")["total_count"] == 10
        assert github.actions("/runs")["total_count"] == 30


def test_created_ranges_include_both_ends() -> None:
    world, repository = small_world()
    workflow = world.add_workflow(repository, "CI")
    for moment in (NOON - 20, NOON - 10, NOON):
        world.add_run(workflow, created=moment)
    first, second, third = iso(NOON - 20), iso(NOON - 10), iso(NOON)
    expected = {
        f"{first}..{second}": [2, 1],
        f">={second}": [3, 2],
        f">{second}": [3],
        f"<={second}": [2, 1],
        f"<{second}": [1],
        f"{second}..*": [3, 2],
        f"*..{first}": [1],
        second: [2],
        first[:10]: [3, 2, 1],
        f"{third[:-1]}%2B00:00": [3],
        # An unescaped plus is a space, which no time contains.
        f"{third[:-1]}+00:00": [],
        "yesterday": [],
    }
    with simulated(world) as github:
        for query, numbers in expected.items():
            found = [run["run_number"] for run in github.runs(f"&created={query}")]
            assert found == numbers, query


def test_the_search_index_is_behind_while_the_plain_listing_is_fresh() -> None:
    world, repository = small_world()
    workflow = world.add_workflow(repository, "CI")
    world.add_run(workflow, created=NOON - 120)
    world.add_run(workflow, created=NOON - 10)
    with simulated(world, rules=ListingRules(index_lag=60)) as github:
        assert len(github.runs("&created=*..2100-01-01")) == 1
        assert len(github.runs()) == 2


def test_the_status_filter_matches_status_and_conclusion() -> None:
    world, repository = small_world()
    workflow = world.add_workflow(repository, "CI")
    world.add_run(workflow, created=NOON - 900, jobs=[JobPlan("a", conclusion="failure")])
    world.add_run(workflow, created=NOON - 10, jobs=[JobPlan("a", seconds=600)])
    with simulated(world) as github:
        found = {
            status: [run["run_number"] for run in github.runs(f"&status={status}")]
            for status in ("completed", "failure", "success", "in_progress")
        }
    assert found == {"completed": [1], "failure": [1], "success": [], "in_progress": [2]}


def test_a_workflows_own_listing_shows_only_its_runs() -> None:
    world, repository = small_world()
    ci, lint = world.add_workflow(repository, "CI"), world.add_workflow(repository, "Lint")
    world.add_run(ci, created=NOON - 9)
    world.add_run(lint, created=NOON - 8)
    with simulated(world) as github:
        for name in (str(lint.id), "lint.yml"):
            runs = github.actions(f"/workflows/{name}/runs")["workflow_runs"]
            assert [run["name"] for run in runs] == ["Lint"]


def test_a_deletion_between_two_pages_hides_a_run_from_whoever_pages_by_number() -> None:
    world, repository = small_world()
    workflow = world.add_workflow(repository, "CI")
    runs = [world.add_run(workflow, created=NOON - age) for age in range(6, 0, -1)]
    with simulated(world) as github:
        first = github.actions("/runs?per_page=3")["workflow_runs"]
        world.delete_run(runs[-1])
        second = github.actions("/runs?per_page=3&page=2")["workflow_runs"]
    assert [run["run_number"] for run in first + second] == [6, 5, 4, 2, 1]

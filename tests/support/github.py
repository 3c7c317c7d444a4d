"""A simulated GitHub for tests, and plain requests to it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import requests

from github_simulator import Clock, ListingRules, Simulator, World

if TYPE_CHECKING:
    from collections.abc import Iterator

    from github_simulator import Repository

NAME = "octo-org/telemetry-demo"
NOON = 1_780_000_000
"""A start for worlds whose tests name instants."""


class Visitor:
    """Asks a simulator, following no redirect."""

    def __init__(self, simulator: Simulator, token: str | None = "a-token") -> None:
        self.simulator = simulator
        self.session = requests.Session()
        self.session.trust_env = False
        if token:
            self.session.headers["Authorization"] = f"Bearer {token}"

    def get(self, path: str, **headers: str) -> requests.Response:
        url = path if path.startswith("http") else f"{self.simulator.url}{path}"
        return self.session.get(url, headers=headers, timeout=10, allow_redirects=False)

    def actions(self, path: str) -> Any:
        response = self.get(f"/repos/{NAME}/actions{path}")
        assert response.status_code == requests.codes.ok, response.text
        return response.json()

    def runs(self, query: str = "") -> list[dict[str, Any]]:
        """Follow the links through a listing."""
        found: list[dict[str, Any]] = []
        url = f"/repos/{NAME}/actions/runs?per_page=100{query}"
        while url:
            response = self.get(url)
            found += response.json()["workflow_runs"]
            url = response.links.get("next", {}).get("url", "")
        return found


@contextmanager
def simulated(
    world: World, *, token: str | None = "a-token", rules: ListingRules | None = None
) -> Iterator[Visitor]:
    with Simulator(world, rules=rules) as simulator:
        yield Visitor(simulator, token)


def small_world(now: int = NOON) -> tuple[World, Repository]:
    world = World(clock=Clock(now))
    return world, world.add_repository(NAME)

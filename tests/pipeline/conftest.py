"""A copy of the project with its Meltano plugins installed, beside a simulated GitHub."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from github_simulator import Simulator
from github_simulator.demo import REPOSITORY, anchored, demo_world
from support.project import Project, clean_environment, copy_repository

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def simulated_github() -> Iterator[Simulator]:
    """GitHub with the demo's repository, its clock standing still."""
    with Simulator(demo_world(anchored(None))) as simulator:
        yield simulator


@pytest.fixture(scope="module")
def demo_project(tmp_path_factory: pytest.TempPathFactory, simulated_github: Simulator) -> Project:
    """A clone in which `meltano run` works as after `make plugins`."""
    project = Project(
        copy_repository(tmp_path_factory.mktemp("clone")),
        clean_environment(
            GITHUB_API_URL=simulated_github.url,
            GITHUB_REPOSITORY=REPOSITORY,
            GITHUB_TOKEN="demo",
        ),
    )
    project.meltano("install")
    return project

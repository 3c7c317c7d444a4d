"""A GitHub Actions API on loopback that behaves like the real one where extractors go wrong.

The listing has GitHub's order and caps, runs live by a clock that tests move, and limits, failures
and redirects can be injected. `World` is the truth, `Simulator` serves it, `final_records` says
what an extractor that loses nothing has to emit.
"""

from __future__ import annotations

from github_simulator.clock import Clock, instant, iso
from github_simulator.faults import Fault, Faults
from github_simulator.listing import ListingRules
from github_simulator.model import (
    Attempt,
    Deployment,
    Job,
    JobPlan,
    PullRequest,
    Repository,
    Run,
    Step,
    Workflow,
)
from github_simulator.server import Simulator
from github_simulator.stutter import Stutter
from github_simulator.truth import final_records
from github_simulator.world import World

__all__ = [
    "Attempt",
    "Clock",
    "Deployment",
    "Fault",
    "Faults",
    "Job",
    "JobPlan",
    "ListingRules",
    "PullRequest",
    "Repository",
    "Run",
    "Simulator",
    "Step",
    "Stutter",
    "Workflow",
    "World",
    "final_records",
    "instant",
    "iso",
]

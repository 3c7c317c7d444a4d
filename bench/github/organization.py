"""What an organization costs: 300 repositories, and one that answers slowly.

`python -m bench.github.organization` prints the tables of docs/benchmarks/github.md.
"""

from __future__ import annotations

import io
import json
import random
import subprocess
import sys
import tempfile
import time
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "examples"))

from github_simulator import (  # noqa: E402 - after the path is known
    Clock,
    Fault,
    Simulator,
    World,
    iso,
)
from tap_github_actions.tap import TapGitHubActions  # noqa: E402

REPOSITORIES = 300
RUNS_A_DAY = 1.6
DAYS = 30
DAY, HOUR = 86_400, 3_600
NOON = 1_780_000_000
LATENCY = 0.1
SLOW_RUNS = 3_000
OWNER = "octo-org"
TOKENS = ("t0ken", "another")


def organization() -> World:
    """Return a world of many repositories, each with some runs a day."""
    world = World(seed=3, clock=Clock(NOON - HOUR))
    dice = random.Random(3)
    for number in range(REPOSITORIES):
        workflow = world.add_workflow(world.add_repository(f"{OWNER}/r{number:03}"), "CI")
        moments = sorted(
            dice.randrange(NOON - DAYS * DAY, NOON + 2 * DAY)
            for _ in range(int(RUNS_A_DAY * (DAYS + 2)))
        )
        for moment in moments:
            world.add_run(workflow, created=moment)
    world.clock.set(NOON)
    return world


def sync(github: Simulator, state: dict[str, Any] | None, **more: Any) -> tuple[Any, ...]:
    """Run the tap; return its state, requests, free ones, seconds, and the runs it gave."""
    config = {
        "api_url_base": github.url,
        "auth_token": "t0ken",
        "organizations": [OWNER],
        "rate_limit_reserve": 50,
        **more,
    }
    github.log.clear()
    stdout = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    began = time.monotonic()
    with redirect_stdout(stdout):
        TapGitHubActions(config=config, state=state).read_everything()
    seconds = time.monotonic() - began
    stdout.seek(0)
    lines = [json.loads(line) for line in stdout]
    states = [line["value"] for line in lines if line["type"] == "STATE"]
    runs = {
        line["record"]["github_run_id"]
        for line in lines
        if line["type"] == "RECORD" and line["stream"] == "workflow_runs"
    }
    free = sum(entry.status == 304 for entry in github.log.entries)  # noqa: PLR2004 - not modified
    return states[-1], len(github.log.entries), free, seconds, runs


def costs() -> None:
    """Print what each kind of sync costs."""
    world = organization()
    fast = {"max_requests_per_minute": 10**6}
    with Simulator(world) as github:
        for token in TOKENS:
            github.callers.add_token(token, limit=10**6)
        state, *first = sync(github, None, **fast)
        row("first sync", *first[:3])
        world.clock.advance(6 * HOUR)
        state, *later = sync(github, state, **fast)
        row("6 hours later", *later[:3])
        state, *idle = sync(github, state, **fast)
        row("at once again, nothing new", *idle[:3])
        changed, *other = sync(github, state, auth_token=TOKENS[1], **fast)
        row("the same, another token", *other[:3])
        world.clock.advance(25 * HOUR)
        _, *daily = sync(github, changed, auth_token=TOKENS[1], **fast)
        row("a day later", *daily[:3])


def freshness() -> None:
    """Print the share of repositories whose last day is stored under 1,000 requests an hour."""
    world = organization()
    with Simulator(world) as github:
        github.callers.add_token("t0ken", limit=1_000)
        state: Any = None
        stored: set[int] = set()
        for number in range(1, 5):
            began = world.clock.now()
            state, requests, _, _, runs = sync(github, state, max_requests_per_minute=10**6)
            stored |= runs
            fresh, whole = shares(world, stored, began)
            print(f"| {number} | {requests:,} | {fresh:.0%} | {whole:.0%} |")
            world.clock.advance(HOUR)


def backfill() -> None:
    """Print what the same month costs the taps of other environments, given by their Pythons."""
    for python in sys.argv[2:]:
        with Simulator(organization()) as github, tempfile.TemporaryDirectory() as place:
            github.callers.add_token("t0ken", limit=10**7)
            config = {
                "api_url_base": github.url,
                "auth_token": "t0ken",
                "organizations": [OWNER],
                "start_date": iso(NOON - DAYS * DAY),
                "max_requests_per_minute": 10**6,
            }
            Path(place, "config.json").write_text(json.dumps(config), encoding="utf-8")
            began = time.monotonic()
            done = subprocess.run(
                [python, "-m", "tap_github_actions", "--config", "config.json"],
                cwd=place,
                stdout=subprocess.PIPE,
                check=True,
            )
            seconds = time.monotonic() - began
            runs = done.stdout.count(b'"stream":"workflow_runs","record"')
            requests = len(github.log.entries)
            print(f"| {python} | {requests:,} | {runs:,} | {seconds:.1f} |", flush=True)


def shares(world: World, stored: set[int], now: int) -> tuple[float, float]:
    """Return which share of repositories has its last day, and of the runs of a month is stored."""
    ended = {run.id: run for run in world.runs.values() if run.attempts[-1].ended <= now}
    lacking = {
        run.repository.id
        for run in ended.values()
        if run.created >= now - DAY and run.id not in stored
    }
    month = [run for run in ended.values() if run.created >= NOON - DAYS * DAY]
    share = sum(run.id in stored for run in month) / len(month)
    return 1 - len(lacking) / REPOSITORIES, share


def slow() -> None:
    """Print how long many runs take where each answer takes a tenth of a second."""
    world = World(clock=Clock(NOON, ticking=True))
    workflow = world.add_workflow(world.add_repository(f"{OWNER}/app"), "CI")
    for number in range(SLOW_RUNS):
        world.add_run(workflow, created=NOON - 20 * DAY + number * 500)
    with Simulator(world) as github:
        github.callers.add_token("t0ken", limit=10**6)
        github.secondary.points_per_minute = 900
        github.faults.add(Fault.slow(LATENCY, times=None))
        _, requests, _, seconds, runs = sync(github, None)
        refused = sum(entry.status in (403, 429) for entry in github.log.entries)
    minutes = (requests - 1) // 850
    ideal = max(requests * LATENCY / 4, minutes * 60 + (requests - minutes * 850) * LATENCY / 4)
    print(
        f"{len(runs):,} runs, {requests:,} requests at {LATENCY * 1000:.0f} ms, 4 at a time: "
        f"{seconds:.0f} s, {refused} refused; the least that 850 a minute allow is {ideal:.0f} s."
    )


def row(name: str, requests: int, free: int, seconds: float) -> None:
    """Print a row of the table."""
    print(f"| {name} | {requests:,} | {free:,} | {seconds:.1f} |", flush=True)


if __name__ == "__main__":
    {"costs": costs, "backfill": backfill, "freshness": freshness, "slow": slow}[sys.argv[1]]()

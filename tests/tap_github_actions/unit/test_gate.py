"""The one door to GitHub: who waits there, for how long, and who does not get in meanwhile."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from tap_github_actions.api.limits import Gate, Limited, Quota

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass
class Clock:
    """Stands still until somebody sleeps, and then for as long as the test says."""

    now: float = 0.0
    slept: list[float] = field(default_factory=list)
    asleep: threading.Event = field(default_factory=threading.Event)
    awake: threading.Event = field(default_factory=threading.Event)

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.asleep.set()
        assert self.awake.wait(30)
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    made = Clock()
    made.awake.set()
    return made


@pytest.fixture
def gate(clock: Clock) -> Gate:
    return Gate(clock, [Quota("auth_token")], max_concurrency=4, max_wait_seconds=3600)


def secondary(seconds: float) -> Limited:
    return Limited("secondary", seconds)


def primary(seconds: float) -> Limited:
    return Limited("primary", seconds)


@pytest.mark.parametrize("waits", [(3, 60), (60, 3), (30, 60)])
@pytest.mark.parametrize("kind", [secondary, primary])
def test_of_several_refusals_at_once_the_longest_wait_counts_and_once(
    gate: Gate, clock: Clock, kind: Callable[[float], Limited], waits: tuple[float, ...]
) -> None:
    (quota,) = gate.quotas
    for seconds in waits:
        gate.refused(quota, kind(seconds))
    gate.enter()
    assert sum(clock.slept) == 60


@pytest.mark.parametrize("kind", [secondary, primary])
def test_a_refusal_right_after_a_wait_doubles_the_next(
    gate: Gate, clock: Clock, kind: Callable[[float], Limited]
) -> None:
    (quota,) = gate.quotas
    for _ in range(3):
        gate.refused(quota, kind(10))
        gate.refused(quota, kind(10))
        gate.enter()
        gate.leave()
    assert clock.slept == [10, 20, 40]
    gate.succeeded(quota)
    gate.refused(quota, kind(10))
    gate.enter()
    assert clock.slept[3:] == [10]


def test_while_one_waits_for_github_nobody_gets_in(gate: Gate, clock: Clock) -> None:
    clock.awake.clear()
    inside: list[float] = []

    def visit() -> None:
        gate.enter()
        inside.append(clock.now)

    (quota,) = gate.quotas
    gate.refused(quota, secondary(60))
    visitors = [threading.Thread(target=visit) for _ in range(4)]
    for visitor in visitors:
        visitor.start()
    assert clock.asleep.wait(30)
    for visitor in visitors:
        visitor.join(0.02)
    assert inside == []
    clock.awake.set()
    for visitor in visitors:
        visitor.join(30)
    assert inside == [60] * 4
    assert clock.slept == [60]

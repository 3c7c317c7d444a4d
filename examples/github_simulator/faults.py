"""Failures to order: which requests go wrong, and how."""

from __future__ import annotations

import random
import re
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ANYTHING = ""


@dataclass(slots=True)
class Fault:
    """One way of going wrong, for the requests whose path and query match.

    Made by its class methods. `times` limits how often it strikes (None: always), `after` lets so
    many matching requests through first, `probability` makes it strike by chance.
    """

    kind: str
    match: str = ANYTHING
    times: int | None = 1
    after: int = 0
    probability: float = 1.0
    status: int = 0
    seconds: float = 0
    retry_after: int | None = None
    as_date: bool = False
    per_page: int = 0
    action: Callable[[], None] | None = None

    @classmethod
    def server_error(
        cls, status: int = 502, *, match: str = ANYTHING, times: int | None = 1, after: int = 0
    ) -> Fault:
        """Fail with a 5xx."""
        return cls("status", match, times, after, status=status)

    @classmethod
    def refuse(cls, status: int, *, match: str = ANYTHING, times: int | None = 1) -> Fault:
        """Answer with a 4xx that has nothing to do with limits."""
        return cls("status", match, times, status=status)

    @classmethod
    def primary_limit(
        cls,
        *,
        seconds: int = 60,
        status: int = 403,
        match: str = ANYTHING,
        times: int | None = 1,
        after: int = 0,
    ) -> Fault:
        """Say that the hourly quota is used up until so many seconds from now."""
        return cls("primary", match, times, after, status=status, seconds=seconds)

    @classmethod
    def secondary_limit(
        cls,
        *,
        retry_after: int | None = None,
        as_date: bool = False,
        status: int = 403,
        match: str = ANYTHING,
        times: int | None = 1,
        after: int = 0,
    ) -> Fault:
        """Say that requests come too fast, with or without saying how long to wait."""
        return cls(
            "secondary",
            match,
            times,
            after,
            status=status,
            retry_after=retry_after,
            as_date=as_date,
        )

    @classmethod
    def cut_body(cls, *, match: str = ANYTHING, times: int | None = 1, after: int = 0) -> Fault:
        """Break the connection in the middle of the body."""
        return cls("cut", match, times, after)

    @classmethod
    def disconnect(cls, *, match: str = ANYTHING, times: int | None = 1, after: int = 0) -> Fault:
        """Close the connection without any answer."""
        return cls("disconnect", match, times, after)

    @classmethod
    def garbage(cls, *, match: str = ANYTHING, times: int | None = 1, after: int = 0) -> Fault:
        """Answer 200 with a page of HTML, as proxies do."""
        return cls("garbage", match, times, after)

    @classmethod
    def empty_listing(cls, *, match: str = r"\?.*created=", times: int | None = 1) -> Fault:
        """Answer a listing as if there were nothing, as a stale search index does."""
        return cls("empty", match, times)

    @classmethod
    def slow(cls, seconds: float, *, match: str = ANYTHING, times: int | None = 1) -> Fault:
        """Take so many real seconds, then answer."""
        return cls("slow", match, times, seconds=seconds)

    @classmethod
    def big_page(cls, per_page: int, *, match: str = ANYTHING) -> Fault:
        """Fail with 502 whenever more than so many items are asked for at once."""
        return cls("big_page", match, None, status=502, per_page=per_page)

    @classmethod
    def meanwhile(
        cls,
        action: Callable[[], None],
        *,
        match: str = ANYTHING,
        times: int | None = 1,
        after: int = 0,
    ) -> Fault:
        """Let something happen in the world just before the request is answered."""
        return cls("meanwhile", match, times, after, action=action)


class Faults:
    """The failures ordered for one simulator."""

    def __init__(self) -> None:
        self._ordered: list[Fault] = []
        self._dice = random.Random(0)
        self._lock = threading.Lock()

    def add(self, *faults: Fault) -> None:
        """Order failures."""
        with self._lock:
            self._ordered.extend(faults)

    def add_random(self, rate: float, kinds: Sequence[Fault], *, seed: int = 0) -> None:
        """Let a share of all requests fail, in one of several ways chosen by chance."""
        with self._lock:
            self._dice = random.Random(seed)
            left = 1.0
            for fault in kinds:
                # Each is tried only when the ones before it did not strike.
                share = rate / len(kinds)
                fault.probability, fault.times = share / left, None
                left -= share
                self._ordered.append(fault)

    def clear(self) -> None:
        """Let everything go well from now on."""
        with self._lock:
            self._ordered.clear()

    def strike(self, target: str, per_page: int) -> list[Fault]:
        """Return what befalls a request: things that happen meanwhile, and one failure at most."""
        struck: list[Fault] = []
        with self._lock:
            for fault in self._ordered:
                harmless = fault.kind in ("meanwhile", "slow")
                if not harmless and any(
                    other.kind not in ("meanwhile", "slow") for other in struck
                ):
                    continue
                if self._strikes(fault, target, per_page):
                    struck.append(fault)
        return struck

    def _strikes(self, fault: Fault, target: str, per_page: int) -> bool:
        if fault.times == 0 or not re.search(fault.match, target):
            return False
        if fault.kind == "big_page" and per_page <= fault.per_page:
            return False
        if fault.after > 0:
            fault.after -= 1
            return False
        if fault.probability < 1 and self._dice.random() >= fault.probability:
            return False
        if fault.times is not None:
            fault.times -= 1
        return True

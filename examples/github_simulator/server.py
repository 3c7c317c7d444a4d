"""The simulator as a whole: who asks, quotas, failures and the log around `Api`."""

from __future__ import annotations

import hashlib
import re
import threading
import time
from typing import TYPE_CHECKING

from github_simulator.answers import Answer, not_found, refusal
from github_simulator.api import Api
from github_simulator.callers import Caller, Callers
from github_simulator.connections import LoopbackServer, Request
from github_simulator.faults import Fault, Faults
from github_simulator.limits import Quota, SecondaryLimits, primary_limit, secondary_limit
from github_simulator.listing import ListingRules
from github_simulator.log import Entry, RequestLog
from github_simulator.paging import positive
from github_simulator.stutter import Stutter

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from typing_extensions import Self

    from github_simulator.world import World

API_VERSIONS = ("2022-11-28", "2026-03-10")
EXCHANGE = re.compile(r"^/app/installations/(\d+)/access_tokens$")
OK, NOT_MODIFIED = 200, 304


class Simulator:
    """Serves a world on loopback, from a thread, until it is closed.

    Args:
        world: The truth.
        port: Where to listen; 0 takes a free port.
        prefix: A path before every endpoint, as `/api/v3` on GitHub Enterprise Server.
        rules: How listings behave.
        stutter: How often it hides what exists.
    """

    def __init__(
        self,
        world: World,
        *,
        port: int = 0,
        prefix: str = "",
        rules: ListingRules | None = None,
        stutter: Stutter | None = None,
    ) -> None:
        self.world = world
        self.prefix = prefix
        self.rules = rules or ListingRules()
        self.stutter = stutter or Stutter()
        self.log = RequestLog()
        self.blob_log = RequestLog()
        self.faults = Faults()
        self.callers = Callers()
        self.secondary = SecondaryLimits()
        self.in_flight = 0
        self._count_lock = threading.Lock()
        self._server = LoopbackServer(port, self._receive)
        self._blobs = LoopbackServer(0, self._receive_blob)
        self.url = f"{self._server.url}{prefix}"
        self._api = Api(world, self.url, self._blobs.url, self.rules, self.stutter)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def start(self) -> None:
        """Answer requests from now on."""
        for server in (self._server, self._blobs):
            server.start()

    def close(self) -> None:
        """Stop answering and close every connection."""
        for server in (self._server, self._blobs):
            server.close()

    def _receive(self, request: Request, send: Callable[[Answer], None]) -> None:
        with self._count_lock:
            self.in_flight += 1
            in_flight = self.in_flight
        entry = self._entry(request, in_flight)
        self.log.add(entry)
        try:
            answer = self.handle(entry)
            entry.status = answer.status
            # Noted before the caller can read it, for it may move the clock at once.
            entry.answered_clock = self.world.clock.exact()
        finally:
            # Before the caller has the answer, for it may ask again at once.
            with self._count_lock:
                self.in_flight -= 1
        send(answer)
        entry.finished = time.monotonic()

    def _receive_blob(self, request: Request, send: Callable[[Answer], None]) -> None:
        entry = self._entry(request, 1)
        self.blob_log.add(entry)
        answer = self._blob(entry)
        entry.status = answer.status
        send(answer)

    def _entry(self, request: Request, in_flight: int) -> Entry:
        return Entry(
            number=0,
            clock=self.world.clock.exact(),
            arrived=time.monotonic(),
            method=request.method,
            path=request.path,
            query=request.query,
            token="",
            in_flight=in_flight,
            headers=request.headers,
            connection=request.connection,
        )

    def handle(self, entry: Entry) -> Answer:
        """Answer one request, with whatever befalls it."""
        clock = self.world.clock
        target = entry.path + (
            "?" + "&".join(f"{name}={value}" for name, value in entry.query.items())
            if entry.query
            else ""
        )
        failure: Fault | None = None
        for fault in self.faults.strike(target, positive(entry.query.get("per_page"), 30)):
            if fault.kind == "slow":
                time.sleep(fault.seconds)
            elif fault.action is not None:
                fault.action()
            else:
                failure = fault
        with self.world.lock:
            caller = self.callers.identify(entry.headers, clock.exact())
            entry.token = caller.alias if caller else "bad"
            if failure is not None:
                entry.fault = failure.kind
                answer = self._fail(failure, entry, caller or self.callers.anonymous)
            else:
                answer = self._answer(entry, caller)
        answer.headers.setdefault("Date", clock.http_date())
        entry.pause = answer.pause
        entry.withheld = answer.withheld
        return answer

    def _answer(self, entry: Entry, caller: Caller | None) -> Answer:
        version = entry.headers.get("x-github-api-version", API_VERSIONS[0])
        refused = self._refuse_form(entry, version)
        if refused is not None:
            return refused
        path = entry.path[len(self.prefix) :]
        if entry.method == "POST":
            found = EXCHANGE.match(path)
            now = self.world.clock.exact()
            return (
                self.callers.exchange(int(found[1]), entry.headers, now) if found else not_found()
            )
        if caller is None:
            return refusal(401, "Bad credentials")
        return self._within_limits(entry, path, caller, version)

    def _refuse_form(self, entry: Entry, version: str) -> Answer | None:
        """Refuse what GitHub does not even look at."""
        if not entry.path.startswith(self.prefix):
            return not_found()
        if "user-agent" not in entry.headers:
            return refusal(403, "Request forbidden by administrative rules.")
        if version not in API_VERSIONS:
            return refusal(400, f"'{version}' is not a supported version.")
        return None

    def _within_limits(self, entry: Entry, path: str, caller: Caller, version: str) -> Answer:
        clock, quota = self.world.clock, caller.quota
        quota.roll(clock.now())
        if (refused := self.secondary.refuse(entry.in_flight, clock)) is not None:
            refused.headers.update(quota.headers())
            return refused
        free = path == "/rate_limit"
        if quota.remaining == 0 and not free:
            who = "127.0.0.1" if caller is self.callers.anonymous else f"user ID {caller.alias}"
            answer = primary_limit(403, quota, clock.now(), who)
            answer.headers.update(quota.headers())
            return answer
        answer = self._api.answer(path, entry.query, caller, version)
        if answer.status == OK:
            # GitHub's ETags belong to one token.
            digest = hashlib.sha256(caller.alias.encode() + answer.body).hexdigest()
            answer.headers["ETag"] = f'W/"{digest}"'
            if entry.headers.get("if-none-match") == answer.headers["ETag"]:
                answer = Answer(NOT_MODIFIED, headers={"ETag": answer.headers["ETag"]})
                free = True
        if not free:
            quota.used += 1
        answer.headers.update(quota.headers())
        answer.headers["x-github-api-version-selected"] = version
        return answer

    def _fail(self, fault: Fault, entry: Entry, caller: Caller) -> Answer:
        clock, quota = self.world.clock, caller.quota
        quota.roll(clock.now())
        if fault.kind == "primary":
            spent = Quota(quota.limit, quota.limit, clock.now() + int(fault.seconds))
            answer = primary_limit(fault.status, spent, clock.now(), f"user ID {caller.alias}")
            answer.headers.update(spent.headers())
            return answer
        if fault.kind == "secondary":
            date = clock.http_date(fault.retry_after or 0) if fault.as_date else None
            answer = secondary_limit(fault.status, fault.retry_after, date)
            answer.headers.update(quota.headers())
            return answer
        if fault.kind == "disconnect":
            return Answer(0, cut=True)
        if fault.kind == "garbage":
            return Answer(OK, b"<html><body>Unicorn!</body></html>", {"Content-Type": "text/html"})
        if fault.kind in ("cut", "empty"):
            answer = self._answer(entry, caller)
            answer.cut = fault.kind == "cut"
            if fault.kind == "empty" and answer.status == OK:
                quota_headers = quota.headers()
                answer = Answer.json({"total_count": 0, "workflow_runs": []})
                answer.headers.update(quota_headers)
            return answer
        return refusal(fault.status, "Server Error" if fault.status >= 500 else "Refused")  # noqa: PLR2004 (5xx)

    def _blob(self, entry: Entry) -> Answer:
        """Serve an artifact's bytes; whoever sends credentials along is turned away."""
        found = re.match(r"^/artifact/(\d+)\.zip$", entry.path)
        known = self.world.artifacts.get(int(found[1])) if found else None
        if known is None:
            return Answer(404)
        if "authorization" in entry.headers:
            return Answer(403, b"credentials do not belong here")
        return Answer(OK, known[1].content, {"Content-Type": "application/zip"})

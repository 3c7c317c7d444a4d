"""One HTTP request to GitHub: limits, waiting, retries, redirects, conditional requests."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

import requests

from tap_github_actions.api.answers import (
    NOT_MODIFIED,
    UNAUTHORIZED,
    beginning,
    content,
    origin,
    raise_refusal,
    why,
)
from tap_github_actions.api.auth import Anonymous, StaticToken, configured_tokens
from tap_github_actions.api.limits import Gate, Quota, limited, server_time
from tap_github_actions.api.notices import Notices, explain_refusal_elsewhere
from tap_github_actions.api.pace import Pace
from tap_github_actions.errors import CredentialsError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tap_github_actions.api.auth import Token
    from tap_github_actions.api.clock import Clock

API_URL = "https://api.github.com"
TIMEOUT = (10, 60)
TRIES = 6
MAX_REDIRECTS = 5
MAX_BACKOFF_SECONDS = 60
SERVER_ERROR = 500
TIMED_OUT = 408
DEFAULT_AGENT = "tap-github-actions"
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_logger = logging.getLogger("tap-github-actions")


@dataclass(frozen=True, slots=True)
class Answer:
    """What GitHub answered."""

    status: int
    headers: Mapping[str, str]
    body: Any
    moment: datetime
    """The instant it was given, by GitHub's clock."""

    @property
    def unchanged(self) -> bool:
        """Whether it is a 304: nothing differs from what the ETag stands for."""
        return self.status == NOT_MODIFIED

    @property
    def has_next(self) -> bool:
        """Whether GitHub names a next page."""
        return 'rel="next"' in self.headers.get("Link", "")


@dataclass(slots=True)
class Client:
    """GitHub's REST API, as gently as it asks to be used."""

    base_url: str
    gate: Gate
    tokens: dict[str, Token]
    clock: Clock
    api_version: str
    user_agent: str
    requests_made: int = 0
    on_request: Callable[[], None] = lambda: None
    _offset: timedelta = timedelta()
    _notices: Notices = field(default_factory=Notices)
    _local: threading.local = field(default_factory=threading.local)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def from_config(
        cls, config: Mapping[str, Any], environment: Mapping[str, str], clock: Clock
    ) -> Client:
        """Build a client from the tap's settings."""
        client = cls(
            base_url=str(config.get("api_url_base") or API_URL).rstrip("/"),
            gate=Gate(
                clock,
                (),
                config["max_concurrency"],
                config["max_wait_seconds"],
                pace=Pace(config["max_requests_per_minute"]),
            ),
            tokens={},
            clock=clock,
            api_version=config["api_version"],
            user_agent=config.get("user_agent") or DEFAULT_AGENT,
        )
        tokens = configured_tokens(config, environment, client.app_call, client.now)
        client.tokens = {token.source: token for token in tokens}
        reserve = config["rate_limit_reserve"]
        client.gate.quotas = [
            # Nobody else has a use for what an anonymous caller leaves over.
            Quota(token.source, 0 if isinstance(token, Anonymous) else reserve)
            for token in tokens
        ]
        return client

    @property
    def is_anonymous(self) -> bool:
        """Whether there is no token at all."""
        return any(isinstance(token, Anonymous) for token in self.tokens.values())

    @property
    def etag_key(self) -> str | None:
        """Name the token that ETags belong to; None where they would not come back."""
        if len(self.tokens) != 1:
            return None
        token = next(iter(self.tokens.values()))
        return token.fingerprint() if isinstance(token, StaticToken) else None

    def now(self) -> datetime:
        """Return GitHub's time, as far as it is known."""
        return datetime.now(timezone.utc) + self._offset

    def get(
        self,
        path: str,
        params: Mapping[str, str | int] | None = None,
        *,
        etag: str | None = None,
        tries: int = TRIES,
    ) -> Answer:
        """Ask GitHub, and ask again where that helps.

        Raises:
            UnavailableError: GitHub failed each time.
            NotFoundError: 404, 410 or 451.
            DeniedError: 403, but not for a limit; also any other refusal.
            PaginationLimitError: 422, because the page is too far down.
            CredentialsError: 401.
            StoppedError: The sync is to end.
        """
        url = f"{self.base_url}{path}"
        headers = {"If-None-Match": etag} if etag else {}
        response, body = self._persist(url, params or {}, headers, tries)
        moment = server_time(response.headers) or self.now()
        return Answer(response.status_code, response.headers, body, moment)

    def get_object(self, path: str) -> dict[str, Any]:
        """Ask GitHub for one thing that has an id.

        Raises:
            UnavailableError: The answer is something else; also whatever `get` raises.
        """
        body = self.get(path).body
        if not isinstance(body, dict) or not isinstance(body.get("id"), int):
            raise UnavailableError(f"GitHub's answer for {path} is not what was asked for.")
        return body

    def download(self, path: str, limit: int) -> bytes | None:
        """Return a file's bytes; None when it is larger than the limit."""
        response, _ = self._persist(f"{self.base_url}{path}", {}, {}, TRIES, limit=limit)
        return response.content if len(response.content) <= limit else None

    def app_call(self, method: str, path: str, bearer: Callable[[], str]) -> Any:
        """Ask on behalf of a GitHub App itself, within the place of the request that needs it.

        Raises:
            CredentialsError: GitHub does not know the App so.
            UnavailableError: GitHub failed each time.
            StoppedError: The sync is to end.
        """
        url = f"{self.base_url}{path}"
        problem = ""
        for attempt in range(TRIES):
            self.gate.hold()
            headers = {**self._headers(), "Authorization": f"Bearer {bearer()}"}
            try:
                response = self._session().request(
                    method, url, headers=headers, timeout=TIMEOUT, allow_redirects=False
                )
            except requests.RequestException as error:
                problem = why(error, url)
                self._back_off(attempt)
                continue
            if moment := server_time(response.headers):
                self._offset = moment - datetime.now(timezone.utc)
            answer = limited(response.status_code, response.headers, beginning(response))
            if answer is not None:
                self.gate.pause(answer, "GitHub's rate limit for the App in auth_app was hit")
                continue
            body, problem = content(response)
            if body is not None:
                return body
            if response.status_code == UNAUTHORIZED and attempt == 0:
                continue  # now GitHub's time is known, and a clock that is off does no harm
            if not response.ok and response.status_code < SERVER_ERROR:
                raise CredentialsError(
                    f"GitHub refused the App in auth_app ({response.status_code} for {path}): "
                    "check app_id, private_key and installation_id."
                )
            problem = problem or f"status {response.status_code}"
            self._back_off(attempt)
        raise UnavailableError(
            f"GitHub gave no installation token for auth_app in {TRIES} tries: {problem}."
        )

    def _persist(
        self,
        url: str,
        params: Mapping[str, str | int],
        headers: Mapping[str, str],
        tries: int,
        *,
        limit: int | None = None,
    ) -> tuple[requests.Response, Any]:
        failures = 0
        renewed = False
        while True:
            quota = self.gate.enter()
            try:
                token = self.tokens[quota.name]
                problem, response = self._follow(url, params, headers, quota, limit=limit)
                body, problem = (
                    (None, problem) if response is None or limit is not None else content(response)
                )
                if response is not None:
                    self._notices.doubt(self.base_url, response, has_failed=failures > 0)
                if problem:
                    response = None
                if response is not None:
                    answer = limited(response.status_code, response.headers, beginning(response))
                    if answer is not None:
                        self.gate.refused(quota, answer)
                        continue
            finally:
                self.gate.leave()
            if response is not None:
                self.gate.succeeded(quota)
                if response.status_code == UNAUTHORIZED and not renewed and token.renew():
                    renewed = True
                    continue
                if limit is None:
                    explain_refusal_elsewhere(self.base_url, response)
                raise_refusal(response, token.source)
                return response, body
            failures += 1
            if failures >= tries:
                raise UnavailableError(
                    f"GitHub failed {failures} times in a row on {urlsplit(url).path}: {problem}."
                )
            _logger.debug("%s on %s, try %d", problem, url, failures)
            self._back_off(failures - 1)

    def _follow(
        self,
        url: str,
        params: Mapping[str, str | int],
        headers: Mapping[str, str],
        quota: Quota,
        *,
        limit: int | None,
    ) -> tuple[str, requests.Response | None]:
        """Send one request through its redirects; return what went wrong, or the response."""
        token = self.tokens[quota.name]
        home = origin(self.base_url)
        query: Mapping[str, str | int] = params
        for _ in range(MAX_REDIRECTS):
            at_home = origin(url) == home
            sent = {**self._headers(), **headers}
            if at_home and (value := token.header()):
                sent["Authorization"] = value
            try:
                response = self._send(url, query, sent if at_home else {}, limit)
            except requests.RequestException as error:
                return why(error, url), None
            except ValueError:  # requests looks at the address of a redirect by itself
                return "a redirect to nowhere", None
            if at_home:
                self._learn(quota, response.headers)
            if response.status_code >= SERVER_ERROR or response.status_code == TIMED_OUT:
                return f"status {response.status_code}", None
            if response.status_code not in _REDIRECTS:
                return "", response
            location = response.headers.get("Location")
            if not location:
                return "a redirect to nowhere", None
            url = urljoin(url, location)
            self.gate.count()
            # GitHub repeats the query in the address of a renamed repository, or drops it.
            query = {} if urlsplit(url).query else params
        return "too many redirects", None

    def _learn(self, quota: Quota, headers: Mapping[str, str]) -> None:
        """Take over what an answer says besides its body."""
        self.gate.learn(quota, headers)
        self._notices.learn(headers, self.api_version)
        if moment := server_time(headers):
            self._offset = moment - datetime.now(timezone.utc)

    def _send(
        self,
        url: str,
        params: Mapping[str, str | int],
        headers: Mapping[str, str],
        limit: int | None,
    ) -> requests.Response:
        with self._lock:
            self.requests_made += 1
        self.on_request()
        response = self._session().get(
            url,
            params=dict(params),
            headers=dict(headers),
            timeout=TIMEOUT,
            allow_redirects=False,
            stream=limit is not None,
        )
        if limit is not None:
            with response:
                # Never more than one byte over the limit, however long the file claims to be.
                parts, size = [], 0
                for part in response.iter_content(65_536):
                    parts.append(part)
                    size += len(part)
                    if size > limit:
                        break
                response._content = b"".join(parts)  # noqa: SLF001 - as `content` itself sets it
        return response

    def _headers(self) -> dict[str, str]:
        return {
            "Accept": "application/vnd.github+json",
            "User-Agent": self.user_agent,
            "X-GitHub-Api-Version": self.api_version,
        }

    def _session(self) -> requests.Session:
        session = getattr(self._local, "session", None)
        if session is None:
            session = requests.Session()
            # ~/.netrc may not put another token in place of the chosen one.
            session.auth = _as_given
            self._local.session = session
        return session

    def _back_off(self, failures: int) -> None:
        self.clock.sleep(min(2.0**failures, MAX_BACKOFF_SECONDS))


def _as_given(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request

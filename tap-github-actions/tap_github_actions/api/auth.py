"""Tokens: where each came from, several side by side, and GitHub App installations."""

from __future__ import annotations

import hashlib
import re
import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Protocol

import jwt

from tap_github_actions.api.answers import is_list_of_things
from tap_github_actions.errors import ConfigError, CredentialsError, UnavailableError
from tap_github_actions.times import parse_time

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    AppCall = Callable[[str, str, Callable[[], str]], Any]

TOKEN_VARIABLES = ("GITHUB_TOKEN", "GITHUB_PERSONAL_TOKEN")
REFRESH_BEFORE = timedelta(minutes=10)
JWT_SECONDS = 540
SENDABLE = re.compile(r"[!-~]+")
NEVER = datetime(1970, 1, 1, tzinfo=timezone.utc)


class Token(Protocol):
    """Something that authorises requests."""

    @property
    def source(self) -> str:
        """The setting it came from, for people."""
        ...

    def header(self) -> str | None:
        """Return the Authorization header's value."""
        ...

    def renew(self) -> bool:
        """Make a fresh token after a refusal; False where that is not possible."""
        ...


@dataclass(frozen=True, slots=True)
class StaticToken:
    """A token that a person made, or that Actions gave to the job."""

    value: str = field(repr=False)
    source: str

    def header(self) -> str:
        """Return the Authorization header's value."""
        return f"Bearer {self.value}"

    def renew(self) -> bool:
        """Return False: it is what it is."""
        return False

    def fingerprint(self) -> str:
        """Return a few digits that tell tokens apart and say nothing about them."""
        return hashlib.blake2b(self.value.encode(), digest_size=4).hexdigest()


@dataclass(frozen=True, slots=True)
class Anonymous:
    """No token: public data at 60 requests an hour."""

    source: str = "no token"

    def header(self) -> None:
        """Return nothing to send."""
        return

    def renew(self) -> bool:
        """Return False: there is nothing to renew."""
        return False


@dataclass(slots=True)
class AppToken:
    """An installation token of a GitHub App, renewed before it expires."""

    app_id: str
    private_key: str = field(repr=False)
    installation_id: str | None
    call: AppCall = field(repr=False)
    """`call(method, path, make_bearer)` asks GitHub on behalf of the App itself."""
    now: Callable[[], datetime] = field(repr=False)
    source: str = "auth_app"
    _token: str = field(default="", repr=False)
    _expires: datetime = NEVER
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def header(self) -> str:
        """Return the header with a token that is good for some minutes at least."""
        with self._lock:
            if self.now() >= self._expires - REFRESH_BEFORE:
                self._exchange()
            return f"Bearer {self._token}"

    def renew(self) -> bool:
        """Drop the token at hand."""
        with self._lock:
            self._expires = NEVER
        return True

    def _exchange(self) -> None:
        if self.installation_id is None:
            self.installation_id = self._only_installation()
        path = f"/app/installations/{self.installation_id}/access_tokens"
        answer = self.call("POST", path, self._jwt)
        token, expires = (
            (answer.get("token"), parse_time(answer.get("expires_at")))
            if isinstance(answer, dict)
            else (None, None)
        )
        if not token or expires is None:
            raise UnavailableError("GitHub's answer for the App in auth_app holds no token.")
        self._token, self._expires = str(token), expires

    def _only_installation(self) -> str:
        answer = self.call("GET", "/app/installations", self._jwt)
        if not is_list_of_things(answer):
            raise UnavailableError(
                "GitHub's answer for the App in auth_app lists no installations."
            )
        found = [str(each["id"]) for each in answer]
        if len(found) != 1:
            raise ConfigError(
                f"The GitHub App {self.app_id} has {len(found)} installations: "
                "say which one in auth_app.installation_id."
            )
        return found[0]

    def _jwt(self) -> str:
        now = int(self.now().timestamp())
        # A minute in the past, because the clocks of two machines differ.
        claims = {"iat": now - 60, "exp": now + JWT_SECONDS, "iss": self.app_id}
        try:
            return jwt.encode(claims, self.private_key, algorithm="RS256")
        except (ValueError, jwt.PyJWTError) as error:
            raise CredentialsError(
                "The private key in auth_app.private_key cannot be read: "
                "it must be the whole PEM file that GitHub gave for the App."
            ) from error


def configured_tokens(
    config: Mapping[str, Any],
    environment: Mapping[str, str],
    call: AppCall,
    now: Callable[[], datetime],
) -> list[Token]:
    """Return the tokens that the settings and the environment give, the chosen one first."""
    tokens: list[Token] = []
    if app := config.get("auth_app"):
        tokens.append(_app_token(app, call, now))
    if value := config.get("auth_token"):
        tokens.append(StaticToken(value.strip(), "the setting auth_token"))
    elif not tokens:
        for name in TOKEN_VARIABLES:
            if value := environment.get(name, "").strip():
                tokens.append(StaticToken(value, f"the environment variable {name}"))
                break
    for number, value in enumerate(config.get("additional_auth_tokens") or (), start=1):
        if value.strip():
            tokens.append(
                StaticToken(value.strip(), f"the setting additional_auth_tokens (no. {number})")
            )
    for token in tokens:
        if isinstance(token, StaticToken) and not SENDABLE.fullmatch(token.value):
            raise ConfigError(
                f"The token from {token.source} is no token: it holds spaces, line breaks or "
                "signs that no token of GitHub has."
            )
    return tokens or [Anonymous()]


def _app_token(
    app: Mapping[str, Any],
    call: AppCall,
    now: Callable[[], datetime],
) -> AppToken:
    missing = [name for name in ("app_id", "private_key") if not app.get(name)]
    if missing:
        raise ConfigError(f"auth_app lacks {' and '.join(missing)}.")
    installation = app.get("installation_id")
    return AppToken(
        app_id=str(app["app_id"]),
        # Environment variables and .env files often carry the key in one line.
        private_key=str(app["private_key"]).replace("\\n", "\n"),
        installation_id=str(installation) if installation else None,
        call=call,
        now=now,
    )

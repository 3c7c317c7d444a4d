"""Who is asking: tokens with their own quotas, and GitHub Apps that exchange a JWT for one."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import jwt

from github_simulator.answers import Answer, not_found, refusal
from github_simulator.clock import iso
from github_simulator.limits import HOUR, Quota

if TYPE_CHECKING:
    from collections.abc import Mapping

ANONYMOUS_LIMIT = 60
TOKEN_LIMIT = 5_000
JWT_SECONDS = 600
JWT_SKEW = 60


@dataclass(slots=True)
class Caller:
    """One token, or nobody in particular."""

    alias: str
    quota: Quota
    repositories: frozenset[str] | None = None
    """Full names of the private repositories it may see; None for all."""
    expires: float | None = None
    installation: bool = False


@dataclass(slots=True)
class App:
    """A GitHub App and where it is installed."""

    id: str
    public_key: str
    installations: dict[int, frozenset[str] | None] = field(default_factory=dict)
    """Installation id to the full names of its repositories; None for all."""
    token_seconds: int = HOUR
    limit: int = TOKEN_LIMIT


class Callers:
    """Everyone who may ask."""

    def __init__(self) -> None:
        self.apps: dict[str, App] = {}
        self.accept_any = True
        """Whether unknown tokens are good ones; over as soon as a token or an app is added."""
        self.anonymous = Caller("anonymous", Quota(ANONYMOUS_LIMIT), frozenset())
        self._tokens: dict[str, Caller] = {}

    def add_token(
        self,
        token: str,
        *,
        alias: str | None = None,
        limit: int = TOKEN_LIMIT,
        used: int = 0,
        repositories: frozenset[str] | None = None,
    ) -> Caller:
        """Make a token known; its alias stands for it in the log."""
        self.accept_any = False
        quota = Quota(limit)
        quota.used = used
        caller = Caller(alias or token, quota, repositories)
        self._tokens[token] = caller
        return caller

    def revoke(self, token: str) -> None:
        """Forget a token."""
        self.accept_any = False
        self._tokens.pop(token, None)

    def add_app(self, app: App) -> None:
        """Make a GitHub App known."""
        self.accept_any = False
        self.apps[app.id] = app

    def identify(self, headers: Mapping[str, str], now: float) -> Caller | None:
        """Return who asks, or None for bad credentials."""
        kind, _, token = headers.get("authorization", "").partition(" ")
        if not kind:
            return self.anonymous
        if kind.lower() not in ("bearer", "token") or not token:
            return None
        caller = self._tokens.get(token)
        if caller is None and self.accept_any and "." not in token:
            caller = self._tokens[token] = Caller(token, Quota(TOKEN_LIMIT))
        if caller is not None and caller.expires is not None and now >= caller.expires:
            return None
        return caller

    def exchange(self, installation: int, headers: Mapping[str, str], now: float) -> Answer:
        """Answer `POST /app/installations/{id}/access_tokens`."""
        kind, _, token = headers.get("authorization", "").partition(" ")
        app = self._verified_app(token, now) if kind.lower() == "bearer" else None
        if app is None:
            return refusal(401, "A JSON web token could not be decoded", "/apps/apps")
        if installation not in app.installations:
            return not_found("/apps/apps#create-an-installation-access-token-for-an-app")
        repositories = app.installations[installation]
        issued = f"ghs_{secrets.token_hex(18)}"
        self._tokens[issued] = Caller(
            f"installation-{installation}",
            self._shared_quota(installation, app.limit),
            repositories,
            expires=now + app.token_seconds,
            installation=True,
        )
        payload: dict[str, Any] = {
            "token": issued,
            "expires_at": iso(int(now + app.token_seconds)),
            "permissions": {"actions": "read", "metadata": "read"},
            "repository_selection": "all" if repositories is None else "selected",
        }
        return Answer.json(payload, status=201)

    def _shared_quota(self, installation: int, limit: int) -> Quota:
        """Return the quota of an installation: a new token does not bring a new one."""
        alias = f"installation-{installation}"
        known = (caller.quota for caller in self._tokens.values() if caller.alias == alias)
        return next(known, Quota(limit))

    def _verified_app(self, token: str, now: float) -> App | None:
        """Return the App that signed the JWT, if its times are as GitHub wants them."""
        try:
            claims = jwt.decode(token, options={"verify_signature": False})
            app = self.apps.get(str(claims.get("iss")))
            if app is None:
                return None
            # Its times are compared with the simulated clock, below.
            claims = jwt.decode(
                token,
                app.public_key,
                algorithms=["RS256"],
                options={"verify_exp": False, "verify_iat": False, "verify_nbf": False},
            )
            issued, expires = int(claims["iat"]), int(claims["exp"])
        except (jwt.PyJWTError, KeyError, TypeError, ValueError):
            return None
        timely = issued <= now + JWT_SKEW and now < expires <= now + JWT_SECONDS + JWT_SKEW
        return app if timely else None

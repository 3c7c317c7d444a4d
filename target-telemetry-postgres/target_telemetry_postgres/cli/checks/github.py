"""What the GitHub token may do, asked from GitHub itself; the token is never shown."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from target_telemetry_postgres.cli.checks.findings import note, ok, stops, warning

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from target_telemetry_postgres.cli.checks.findings import Finding

_AREA = "github"
_TOKENS = ("TAP_GITHUB_ACTIONS_AUTH_TOKEN", "GITHUB_TOKEN", "GITHUB_PERSONAL_TOKEN")
_APIS = ("TAP_GITHUB_ACTIONS_API_URL_BASE", "GITHUB_API_URL")
_DEFAULT_API = "https://api.github.com"
_PATIENCE = 15
_SCOPES = "X-OAuth-Scopes"
_LOW = 100
_UNAUTHORIZED = 401
_FORBIDDEN = 403
_NOT_FOUND = 404
_FEW_REPOSITORIES = 5


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    scopes: str | None
    body: Any


def check(*, offline: bool, environ: Mapping[str, str] = os.environ) -> Iterator[Finding]:
    """Ask for the rate limit, which costs nothing, and for one run of each repository."""
    name = next((name for name in _TOKENS if environ.get(name)), None)
    repositories = _repositories(environ)
    if not repositories:
        yield note(
            _AREA,
            "No repository is named.",
            "Set GITHUB_REPOSITORY=owner/name, or TAP_GITHUB_ACTIONS_REPOSITORIES as a JSON list.",
        )
    if name is None:
        yield warning(
            _AREA,
            "No token is set: public data only, at 60 requests an hour.",
            "Set GITHUB_TOKEN (in Actions) or GITHUB_PERSONAL_TOKEN with the right actions: read.",
        )
    if offline:
        yield note(_AREA, "GitHub was not asked (--offline).")
        return
    if name is None and not repositories:
        return
    api = next((environ[key] for key in _APIS if environ.get(key)), _DEFAULT_API).rstrip("/")
    yield from _ask(api, name, environ[name] if name else None, repositories)


def _repositories(environ: Mapping[str, str]) -> list[str]:
    written = environ.get("TAP_GITHUB_ACTIONS_REPOSITORIES", "")
    if written:
        try:
            loaded = json.loads(written)
        except ValueError:
            loaded = written.split(",")
        names = loaded if isinstance(loaded, list) else [loaded]
        return [str(name).strip() for name in names if str(name).strip()]
    single = environ.get("GITHUB_REPOSITORY", "").strip()
    return [single] if single else []


def _ask(
    api: str, name: str | None, token: str | None, repositories: list[str]
) -> Iterator[Finding]:
    try:
        answer = _get(f"{api}/rate_limit", token)
    except (OSError, ValueError) as error:
        yield stops(
            _AREA,
            f"{api} does not answer: {_reason(error)}.",
            "Check the network, the proxy and GITHUB_API_URL.",
        )
        return
    if answer.status == _UNAUTHORIZED:
        yield stops(
            _AREA, f"GitHub does not know the token in {name}.", "Make a new token and set it."
        )
        return
    yield from _limits(answer, name)
    exact = [repository for repository in repositories if "*" not in repository]
    for repository in exact[:_FEW_REPOSITORIES]:
        yield _runs_of(api, token, repository)
    if len(exact) > _FEW_REPOSITORIES:
        yield note(_AREA, f"{len(exact) - _FEW_REPOSITORIES} more repositories were not asked for.")


def _limits(answer: _Answer, name: str | None) -> Iterator[Finding]:
    if name and answer.scopes is not None:
        yield ok(_AREA, f"{name} is a classic token with the scopes: {answer.scopes or 'none'}.")
    elif name:
        yield ok(_AREA, f"{name} is known to GitHub; its rights are those of its repositories.")
    body = answer.body if isinstance(answer.body, dict) else {}
    core = body.get("resources", {}).get("core")
    if not core:
        yield note(_AREA, "This server has no rate limit.")
        return
    resets = datetime.fromtimestamp(core["reset"], timezone.utc)
    said = f"{core['remaining']:,} of {core['limit']:,} requests left until {resets:%H:%M} UTC."
    if core["remaining"] < _LOW:
        yield warning(_AREA, said, "The next run waits, or stops early and goes on later.")
    else:
        yield ok(_AREA, said)


def _runs_of(api: str, token: str | None, repository: str) -> Finding:
    try:
        answer = _get(f"{api}/repos/{repository}/actions/runs?per_page=1", token)
    except (OSError, ValueError) as error:
        return stops(_AREA, f"{repository}: {_reason(error)}.", "Check the network and try again.")
    if answer.status in {_FORBIDDEN, _NOT_FOUND}:
        return stops(
            _AREA,
            f"The runs of {repository} may not be read (HTTP {answer.status}).",
            "Check the name, and give the token actions: read (classic: repo) on it.",
        )
    if answer.status >= 400:  # noqa: PLR2004  every HTTP error
        return stops(_AREA, f"{repository}: HTTP {answer.status}.", "Try again later.")
    total = answer.body.get("total_count", 0) if isinstance(answer.body, dict) else 0
    return ok(_AREA, f"{repository}: {total:,} runs can be read.")


def _get(url: str, token: str | None) -> _Answer:
    if not url.startswith(("https://", "http://")):
        raise ValueError("the address of the API must start with https://")
    headers = {
        "Accept": "application/vnd.github+json",
        "X-GitHub-Api-Version": "2022-11-28",
        "User-Agent": "telemetry-doctor",
    }
    if token:
        headers["Authorization"] = f"Bearer {token}"
    request = urllib.request.Request(url, headers=headers)  # noqa: S310  checked above
    try:
        with urllib.request.urlopen(request, timeout=_PATIENCE) as response:  # noqa: S310
            return _Answer(response.status, response.headers.get(_SCOPES), json.load(response))
    except urllib.error.HTTPError as error:
        with error:
            return _Answer(error.code, error.headers.get(_SCOPES), None)


def _reason(error: Exception) -> str:
    reason = getattr(error, "reason", error)
    return str(reason).rstrip(".") or type(error).__name__

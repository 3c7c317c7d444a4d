"""Which repositories are read: named ones, globs, whole organizations."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from tap_github_actions.api.auth import AppToken
from tap_github_actions.api.paging import read_all
from tap_github_actions.errors import (
    DeniedError,
    NotFoundError,
    RepositoryError,
    UnavailableError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tap_github_actions.api.client import Client


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository: its id stays when its name changes."""

    id: int
    name: str
    asked_for: str = ""
    """The name in the settings, where it may be an old one or be spelt otherwise."""
    about: dict[str, Any] | None = field(default=None, compare=False, repr=False)
    """What GitHub says about it, where it has been asked."""

    @property
    def path(self) -> str:
        """Return the beginning of its addresses."""
        return f"/repos/{self.name}"


@dataclass(slots=True)
class Found:
    """What the settings stand for."""

    repositories: list[Repository]
    names: list[str]
    """Named ones whose id is not known yet."""
    problems: list[str]


def find(client: Client, settings: Mapping[str, Any], known: Mapping[str, Repository]) -> Found:
    """Return the repositories that the settings name.

    Args:
        client: Asks GitHub for the members of globs and organizations.
        settings: `repositories` and `organizations`.
        known: Repositories by lower-case name, from the state: those cost no request.
    """
    found = Found([], [], [])
    seen: set[str | int] = set()
    globs: dict[str, list[str]] = {}

    def add(repository: Repository) -> None:
        if repository.id not in seen:
            seen.update((repository.id, repository.name.lower()))
            found.repositories.append(repository)

    for name in settings.get("repositories", ()):
        if any(sign in name for sign in "*?["):
            globs.setdefault(name.split("/", 1)[0], []).append(name)
        elif name.lower() in known:
            add(replace(known[name.lower()], asked_for=name))
        elif name.lower() not in seen:
            seen.add(name.lower())
            found.names.append(name)
    for owner in settings.get("organizations", ()):
        globs.setdefault(owner, []).append(f"{owner}/*")
    for owner, patterns in globs.items():
        for repository in _matching(client, owner, patterns, found.problems):
            add(repository)
    return found


def _matching(
    client: Client, owner: str, patterns: Sequence[str], problems: list[str]
) -> list[Repository]:
    try:
        matching = list(_members(client, owner, patterns))
    except (DeniedError, NotFoundError, UnavailableError) as error:
        problems.append(f"the repositories of {owner} cannot be listed ({error})")
        return []
    if not matching:
        problems.append(f"{', '.join(patterns)} (no repository that the token may see matches)")
    return matching


def resolve(client: Client, name: str) -> Repository:
    """Ask GitHub which repository has, or once had, this name.

    Raises:
        RepositoryError: There is none that this token may see.
    """
    try:
        body = client.get_object(f"/repos/{name}")
    except (DeniedError, NotFoundError) as error:
        raise RepositoryError(str(error)) from error
    return Repository(body["id"], str(body.get("full_name") or name), about=body)


def _members(client: Client, owner: str, patterns: Sequence[str]) -> Iterator[Repository]:
    """Yield an owner's repositories, archived ones too: their history still counts."""
    for each in _listed(client, owner):
        name = str(each.get("full_name") or "")
        if any(fnmatchcase(name.lower(), pattern.lower()) for pattern in patterns):
            yield Repository(int(each["id"]), name, about=each)


def _listed(client: Client, owner: str) -> Iterator[dict[str, Any]]:
    if all(isinstance(token, AppToken) for token in client.tokens.values()):
        yield from read_all(client, "/installation/repositories", "repositories")
        return
    try:
        yield from read_all(client, f"/orgs/{owner}/repos", "repositories")
    except NotFoundError:
        yield from read_all(client, f"/users/{owner}/repos", "repositories")

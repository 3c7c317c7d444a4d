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
    is_discovered: bool = False
    """Whether no person has named it: an organization or a pattern stands for it."""
    about: dict[str, Any] | None = field(default=None, compare=False, repr=False)
    """What GitHub says about it, where it has been asked."""

    @property
    def path(self) -> str:
        """Return the beginning of its addresses."""
        return f"/repos/{self.name}"


@dataclass(slots=True)
class Found:
    """What the settings stand for."""

    repositories: list[Repository] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    """Named ones whose id is not known yet."""
    problems: list[str] = field(default_factory=list)
    _seen: set[str | int] = field(default_factory=set)

    def add(self, repository: Repository) -> None:
        """Add a repository once."""
        if repository.id not in self._seen:
            self._seen.update((repository.id, repository.name.lower()))
            self.repositories.append(repository)

    def add_name(self, name: str) -> None:
        """Add a name once."""
        if name.lower() not in self._seen:
            self._seen.add(name.lower())
            self.names.append(name)


@dataclass(frozen=True, slots=True)
class Choice:
    """Which of the repositories that are named or discovered the settings want."""

    settings: Mapping[str, Any]

    def leaves_out(self, name: str) -> bool:
        """Whether a repository is excluded by its name."""
        patterns = self.settings.get("exclude_repositories", ())
        return any(fnmatchcase(name.lower(), pattern.lower()) for pattern in patterns)

    def takes(self, repository: Repository) -> bool:
        """Whether a discovered repository is wanted."""
        about = repository.about or {}
        kinds = (("include_archived", "archived"), ("include_forks", "fork"))
        return not self.leaves_out(repository.name) and all(
            self.settings.get(name, True) or not about.get(key) for name, key in kinds
        )


def find(client: Client, settings: Mapping[str, Any], known: Mapping[str, Repository]) -> Found:
    """Return the repositories that the settings name.

    Args:
        client: Asks GitHub for the members of globs and organizations.
        settings: `repositories`, `organizations`, and what is left out of them.
        known: Repositories by lower-case name, from the state: those cost no request.
    """
    found, choice = Found(), Choice(settings)
    names = [name for name in settings.get("repositories", ()) if not choice.leaves_out(name)]
    patterns = [name for name in names if any(sign in name for sign in "*?[")]
    plain = [name for name in names if name not in patterns]
    for name in plain:
        if name.lower() in known:
            found.add(replace(known[name.lower()], asked_for=name))
        else:
            found.add_name(name)
    globs: dict[str, list[str]] = {}
    for name in patterns:
        globs.setdefault(name.split("/", 1)[0], []).append(name)
    for owner in settings.get("organizations", ()):
        globs.setdefault(owner, []).append(f"{owner}/*")
    named = {name.lower() for name in plain}
    for owner, wanted in globs.items():
        for repository in filter(choice.takes, _matching(client, owner, wanted, found.problems)):
            is_named = repository.name.lower() in named
            found.add(replace(repository, is_discovered=not is_named))
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

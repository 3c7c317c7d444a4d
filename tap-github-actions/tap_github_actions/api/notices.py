"""What answers say about the API itself: a wrong address, an old version, no sign-on."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tap_github_actions.api.answers import is_web_page, origin
from tap_github_actions.errors import ConfigError, RepositoryError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import requests

_logger = logging.getLogger("tap-github-actions")


def explain_refusal_elsewhere(base_url: str, response: requests.Response) -> None:
    """Say what a refusal means that comes from where an address has led to.

    Raises:
        RepositoryError: It is one, and no token was sent there.
    """
    scheme, host = origin(response.url)
    if not response.ok and (scheme, host) != origin(base_url):
        raise RepositoryError(
            f"{base_url} redirects to {scheme}://{host}, which is not sent the token and answers "
            f"{response.status_code}: set api_url_base to the address there."
        )


@dataclass(slots=True)
class Notices:
    """Says each thing once."""

    _said: set[str] = field(default_factory=set)
    _has_read: bool = False
    """Whether anything was understood so far: then the address is right."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def doubt(self, base_url: str, response: requests.Response, *, has_failed: bool) -> None:
        """Notice at once that an address is none of an API.

        Raises:
            ConfigError: Nothing was ever read from it, and it answers with web pages.
        """
        if not is_web_page(response):
            self._has_read = True
        elif has_failed and not self._has_read and "/api/" not in base_url:
            raise ConfigError(
                f"{base_url} answers with web pages: it is not the address of GitHub's API. "
                "For GitHub Enterprise Server, api_url_base is https://HOST/api/v3."
            )

    def learn(self, headers: Mapping[str, str], asked_for: str) -> None:
        """Say what the headers tell."""
        if "Deprecation" in headers or "Sunset" in headers:
            version = headers.get("X-GitHub-Api-Version-Selected", asked_for)
            end = f", and ends on {headers['Sunset']}" if "Sunset" in headers else ""
            self._say(
                f"GitHub says that version {version} of its API is deprecated{end}: "
                "set api_version to a newer one."
            )
        left_out = headers.get("X-GitHub-SSO", "")
        if left_out.startswith("partial-results"):
            count = len(left_out.partition("organizations=")[2].split(","))
            self._say(
                f"GitHub leaves out the repositories of {count} organization(s) with single "
                "sign-on: authorise the token for them to read those too."
            )

    def _say(self, sentence: str) -> None:
        with self._lock:
            if sentence in self._said:
                return
            self._said.add(sentence)
        _logger.warning("%s", sentence)

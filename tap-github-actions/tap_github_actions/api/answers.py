"""What an answer of GitHub means, and why there is none."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

import msgspec
import requests
from requests import exceptions

from tap_github_actions.errors import (
    ConfigError,
    CredentialsError,
    DeniedError,
    NotFoundError,
    PaginationLimitError,
)

NOT_MODIFIED = 304
UNAUTHORIZED = 401
NOT_FOUND = 404
UNPROCESSABLE = 422
_decode = msgspec.json.Decoder().decode


def content(response: requests.Response) -> tuple[Any, str]:
    """Return a JSON body, or what is wrong with it: cut on its way, or a proxy's own page."""
    if not response.ok or response.status_code == NOT_MODIFIED:
        return None, ""
    try:
        body = _decode(response.content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None, "a body that is not whole JSON"
    return (body, "") if isinstance(body, (dict, list)) else (None, "a body without data")


def is_list_of_things(items: object) -> bool:
    """Whether something is a list of objects, each with an id."""
    return isinstance(items, list) and all(
        isinstance(each, dict) and isinstance(each.get("id"), int) for each in items
    )


def why(error: exceptions.RequestException, url: str) -> str:
    """Return why there is no answer, without anything secret that the error may quote.

    Raises:
        ConfigError: No later try can do better.
    """
    host = urlsplit(url).netloc.rpartition("@")[2]
    if isinstance(error, (exceptions.InvalidURL, exceptions.InvalidSchema)):
        raise ConfigError(f"'{host}' is no address that can be asked: check api_url_base.")
    if isinstance(error, exceptions.InvalidProxyURL):
        raise ConfigError("The proxy's address (HTTPS_PROXY or HTTP_PROXY) cannot be understood.")
    if isinstance(error, exceptions.SSLError):
        return (
            f"the certificate of {host} cannot be verified (for a private authority set "
            "REQUESTS_CA_BUNDLE)"
        )
    if isinstance(error, exceptions.ProxyError):
        return f"the proxy gives no way to {host} (see HTTPS_PROXY and NO_PROXY)"
    if isinstance(error, exceptions.ConnectTimeout):
        return f"no connection to {host} in time"
    if isinstance(error, exceptions.Timeout):
        return f"no answer from {host} in time"
    if isinstance(error, exceptions.ConnectionError):
        # requests keeps the cause in its text only, which also quotes the whole address.
        causes = {
            "NameResolution": f"the name {host} cannot be resolved",
            "Connection refused": f"{host} refuses connections",
        }
        found = (words for sign, words in causes.items() if sign in str(error))
        return next(found, f"the connection to {host} broke")
    return f"the answer of {host} broke off ({type(error).__name__})"


def origin(url: str) -> tuple[str, str]:
    """Return scheme and host: what a token may be sent to."""
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.lower()


def raise_refusal(response: requests.Response, token: str) -> None:
    """Raise what a client error means; return for any other answer."""
    status = response.status_code
    if response.ok:
        return
    said = message_of(response)
    path = urlsplit(response.url).path
    if is_web_page(response) and status not in (NOT_FOUND, UNAUTHORIZED):
        host = urlsplit(response.url).netloc.rpartition("@")[2]
        raise DeniedError(
            f"{status} with a web page for {path}: that is not GitHub's API, but a proxy or "
            f"firewall in the way, or another server at {host} (see HTTPS_PROXY and api_url_base)"
        )
    if status == UNAUTHORIZED:
        raise CredentialsError(
            f"GitHub refused the token from {token} (401 {said}): "
            "it is wrong, expired or revoked. Make a new one and set it there."
        )
    if status in (NOT_FOUND, 410, 451):
        # GitHub also says 404 for what a token may not see.
        hint = f": there is none, or the token from {token} may not read it" * (status == NOT_FOUND)
        raise NotFoundError(f"GitHub answers {status} ({said}) for {path}{hint}")
    if status == UNPROCESSABLE and "pagination is limited" in said.lower():
        raise PaginationLimitError(said)
    needed = response.headers.get("X-Accepted-GitHub-Permissions")
    hint = f"; it needs {needed}" if needed else ""
    if address := sso_address(response):
        hint = (
            f"; the organization wants single sign-on: authorise the token from {token} at "
            f"{address}"
        )
    raise DeniedError(f"GitHub answers {status} ({said}) for {path}{hint}")


def is_web_page(response: requests.Response) -> bool:
    """Whether an answer is made for a browser."""
    return response.headers.get("Content-Type", "").lower().startswith("text/html")


def sso_address(response: requests.Response) -> str | None:
    """Return where a token can be authorised for an organization with single sign-on."""
    found = re.search(r"\burl=(\S+)", response.headers.get("X-GitHub-SSO", ""))
    return found[1].rstrip(";,") if found else None


def beginning(response: requests.Response) -> str:
    """Return the beginning of a body as text; guessing a long body's encoding would take long."""
    return response.content[:2000].decode("utf-8", errors="replace")


def message_of(response: requests.Response) -> str:
    """Return the sentence GitHub gives for a refusal."""
    try:
        body = _decode(response.content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return response.reason or "no reason given"
    said = body.get("message") if isinstance(body, dict) else None
    return str(said or response.reason or "no reason given").rstrip(".")

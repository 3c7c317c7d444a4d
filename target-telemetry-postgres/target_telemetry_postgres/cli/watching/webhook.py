"""Breaches to a chat: a webhook that takes what Slack's takes."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from target_telemetry_postgres.errors import ConfigError, TelemetryError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from target_telemetry_postgres.cli.watching.breaches import Breach

_PATIENCE: Final = 10


def message(breaches: Sequence[Breach], database: str) -> dict[str, str]:
    """The text of a message."""
    number = f"{len(breaches)} breach{'es' if len(breaches) != 1 else ''}"
    lines = [f"telemetry check: {number} in {database}"]
    lines += [f"• {_escaped(breach.sentence)}" for breach in breaches]
    return {"text": "\n".join(lines)}


def _escaped(text: str) -> str:
    """Slack reads three characters as markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def checked(url: str) -> str:
    """A URL that can be posted to; it is a secret, so no sentence shows more than its host.

    Raises:
        ConfigError: It is none.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ConfigError("--post needs a URL that begins with https:// or http://.")
    return url


def post(url: str, body: dict[str, str]) -> None:
    """Post a message.

    Raises:
        TelemetryError: It did not arrive.
    """
    request = urllib.request.Request(  # noqa: S310 - `checked` lets only http and https through
        url, json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=_PATIENCE):  # noqa: S310
            return
    except urllib.error.HTTPError as error:
        reason = f"it answers {error.code}"
    except (OSError, ValueError) as error:
        reason = str(getattr(error, "reason", None) or type(error).__name__)
    host = urlsplit(url).hostname
    raise TelemetryError(f"The breaches could not be posted to {host}: {reason}.")

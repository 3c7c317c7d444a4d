"""An HTTP answer, and the bodies of GitHub's refusals."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec

DOCS = "https://docs.github.com/rest"
PAGINATION_LIMITED = (
    "In order to keep the API fast for everyone, pagination is limited for this resource."
)
SECONDARY_LIMIT = (
    "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
)


@dataclass(slots=True)
class Answer:
    """What goes back to the caller."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    pause: float = 0.0
    cut: bool = False
    """Whether the connection breaks in the middle of the body."""
    withheld: bool = False
    """Whether a list lacks what it counts."""

    @classmethod
    def json(cls, payload: Any, *, status: int = 200, **headers: str) -> Answer:
        """Return a JSON answer."""
        kind = {"Content-Type": "application/json; charset=utf-8"}
        return cls(status, msgspec.json.encode(payload), kind | headers)


def refusal(status: int, message: str, path: str = "", **more: Any) -> Answer:
    """Return an error in GitHub's form."""
    body = {"message": message, "documentation_url": DOCS + path, "status": str(status), **more}
    return Answer.json(body, status=status)


def not_found(path: str = "") -> Answer:
    """Return what GitHub says about what is not there, or not for this caller."""
    return refusal(404, "Not Found", path)

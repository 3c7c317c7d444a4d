"""What can go wrong, each with one sentence for the person who must act."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_github_actions._shared.errors import PlainError

if TYPE_CHECKING:
    from datetime import datetime


class TapError(PlainError):
    """A failure that a person has to know about; its text says what, where and what to do."""


class ConfigError(TapError):
    """A setting is missing, contradicts another one, or cannot be read."""


class StateError(TapError):
    """The state handed to the tap is not one that this tap wrote; says so, and what to do."""

    def __init__(self, problem: str) -> None:
        super().__init__(
            f"{problem} Hand over the state this tap wrote last, or none: "
            "then everything since start_date is read again."
        )


class CredentialsError(TapError):
    """GitHub refused a token; the sentence names the setting it came from."""


class RepositoryError(TapError):
    """One repository cannot be read; the others go on."""


class UnavailableError(RepositoryError):
    """GitHub kept failing after every retry."""


class IncompleteError(UnavailableError):
    """A list is shorter than GitHub itself says."""


class NotFoundError(TapError):
    """GitHub has no such thing, or does not show it to this token."""


class DeniedError(TapError):
    """GitHub understood the request and refuses it."""


class PaginationLimitError(TapError):
    """The listing is longer than GitHub lets anyone page through."""


class StoppedError(TapError):
    """The sync stops before its end, with everything so far in a true state."""


class OutOfQuotaError(StoppedError):
    """Going on would mean waiting for longer than `max_wait_seconds`."""

    def __init__(self, reason: str, resume_at: datetime) -> None:
        super().__init__(
            f"{reason}; requests are possible again at {resume_at:%Y-%m-%d %H:%M:%S} UTC. "
            "What was read so far is kept, and the next run goes on from there."
        )
        self.resume_at = resume_at

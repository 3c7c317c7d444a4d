"""What can go wrong, worded for the person who must act."""

from __future__ import annotations

from target_telemetry_postgres._shared import errors


class TelemetryError(errors.PlainError):
    """What happened, where, and what to do."""


class ConfigError(TelemetryError):
    """A setting is missing, contradictory or not understood."""


class DatabaseError(TelemetryError):
    """Postgres cannot be reached, or refuses what was asked."""

    def __init__(self, message: str, *, transient: bool = False) -> None:
        super().__init__(message)
        self.transient = transient


class EmbeddedError(DatabaseError):
    """The embedded server cannot be started or joined."""


class MigrationError(TelemetryError):
    """The schema is not what this version needs, and was not changed."""


class RetentionError(ConfigError):
    """A retention policy names what does not exist, or would delete what it should not."""


class StateError(TelemetryError):
    """A state is about rows that this store does not have."""


class RecordError(TelemetryError):
    """A record does not fit its table."""


def sentence(error: BaseException) -> str:
    """What to say of an error: one line, with the place where it is known."""
    rejection = getattr(error, "rejection", None)
    if rejection is not None:
        return str(rejection.sentence())
    return errors.sentence(error)

"""A record that cannot be stored, and the SDK's own exceptions for saying so."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
from singer_sdk.exceptions import InvalidRecord, MissingKeyPropertiesError

_SHOWN: Final = 120
_JSON: Final = msgspec.json.Encoder(decimal_format="number", enc_hook=str)


def shortened(text: str, length: int = _SHOWN) -> str:
    """The text, cut where a reader would stop."""
    return text if len(text) <= length else f"{text[:length]}… ({len(text):,} characters)"


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why one record was not stored, and where it was."""

    stream: str
    reason: str
    record: Any
    column: str | None = None
    value: Any = None
    line: int | None = None
    missing_key: bool = field(default=False, compare=False)

    def sentence(self) -> str:
        """Where, what and why, with the value short enough to read."""
        where = [f"stream '{self.stream}'"]
        if self.line is not None:
            where.append(f"line {self.line:,}")
        if self.column is not None:
            where.append(f"column '{self.column}'")
        said = f"{', '.join(where)}: {shortened(self.reason, 300)}"
        if self.column is None or self.value is None:
            return said
        return f"{said}; the value is {shortened(json_of(self.value))}"

    def error(self) -> InvalidRecord | MissingKeyPropertiesError:
        """The SDK's exception for this, with the place added."""
        return RejectedKeyError(self) if self.missing_key else RejectedRecordError(self)


def json_of(value: Any) -> str:
    """Any decoded value as JSON text, for showing and keeping."""
    return _JSON.encode(value).decode("utf-8", "replace")


class RejectedRecordError(InvalidRecord):
    """The SDK's InvalidRecord that also knows the line and column."""

    def __init__(self, rejection: Rejection) -> None:
        super().__init__(rejection.reason, rejection.record)
        self.rejection = rejection


class RejectedKeyError(MissingKeyPropertiesError):
    """The SDK's MissingKeyPropertiesError that also knows the line."""

    def __init__(self, rejection: Rejection) -> None:
        super().__init__(rejection.reason)
        self.rejection = rejection

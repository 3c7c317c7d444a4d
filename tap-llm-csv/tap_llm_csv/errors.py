"""What can go wrong, each worded for the person who must act."""

from __future__ import annotations

from tap_llm_csv._shared.errors import PlainError


class TapLLMCsvError(PlainError):
    """What is wrong, where, and what to do."""


class SettingsError(TapLLMCsvError):
    """A setting cannot be used as it is."""


class SourceError(TapLLMCsvError):
    """A configured path is not there or cannot be opened."""


class FileError(TapLLMCsvError):
    """One file cannot be read on; the other files still are.

    Attributes:
        code: A word for the ledger, such as ``unknown_header``.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class FilesFailedError(TapLLMCsvError):
    """A run is over, and some files could not be read to their end."""


class InterruptedSyncError(TapLLMCsvError):
    """A signal asked the run to stop; what was read so far is in the state."""

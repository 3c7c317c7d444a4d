"""The command line: failures in plain words, and what a state file may be."""

from __future__ import annotations

import json
import logging
import os
import sys
from typing import IO, Any, NoReturn

from singer_sdk.plugin_base import SingerCommand
from typing_extensions import override

from tap_github_actions.errors import StateError, TapError


class PlainCommand(SingerCommand):
    """A command that says in one sentence what a person has to know, and exits with 1."""

    @override
    def main(self, *args: Any, **options: Any) -> Any:
        """Run the command."""
        try:
            return super().main(*args, **options)
        except (TapError, OSError, ValueError) as error:
            if is_debugging(self.logger) or not is_for_people(error):
                raise
            self._fail(plain(error))

    def _fail(self, sentence: str) -> NoReturn:
        self.logger.error("%s", sentence)
        sys.exit(1)


def read_state(file: IO[str]) -> dict[str, Any] | None:
    """Read a state file; `null` stands for none, as the SDK has it.

    Raises:
        StateError: It holds something else than an object.
    """
    state = json.load(file)
    if state is not None and not isinstance(state, dict):
        raise StateError("The state is not a JSON object.")
    return state


def is_for_people(error: Exception) -> bool:
    """Whether an error says what a person did; anything else is a defect and shows its trace."""
    return isinstance(error, (TapError, FileNotFoundError, PermissionError)) or (
        type(error).__name__ == "JSONDecodeError"
    )


def plain(error: Exception) -> str:
    """Return what to say about an error."""
    if isinstance(error, TapError):
        return str(error)
    if isinstance(error, OSError):
        return (
            f"{error.filename} cannot be read: {error.strerror}." if error.filename else str(error)
        )
    return f"A file given on the command line is not JSON: {error}."


def is_debugging(logger: logging.Logger) -> bool:
    """Whether traces were asked for."""
    return bool(os.environ.get("TELEMETRY_DEBUG")) or logger.isEnabledFor(logging.DEBUG)

"""What the command line's files may be."""

from __future__ import annotations

import json
from typing import IO, Any

from tap_github_actions.errors import StateError


def read_state(file: IO[str]) -> dict[str, Any] | None:
    """Read a state file; `null` stands for none, as the SDK has it.

    Raises:
        StateError: It holds something else than an object.
    """
    state = json.load(file)
    if state is not None and not isinstance(state, dict):
        raise StateError("The state is not a JSON object.")
    return state

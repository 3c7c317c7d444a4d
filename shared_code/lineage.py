"""A state's lineage: the line of runs that it belongs to, so that a store can tell if it knows it.

    {"bookmarks": …, "lineage": {"id": "6f1c…", "runs": 4}}

A tap sends the state that it begins from before anything else; from there on the state counts one
run more. A store that has never seen this line, or only its earlier runs, is not the one that these
bookmarks are about.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

KEY: Final = "lineage"


def carry(given: Any, state: Any) -> None:
    """Take the lineage over from the state that was given, which the SDK would leave behind."""
    match given.get(KEY):
        case {"id": str(line), "runs": int(runs)} if runs >= 0:
            state[KEY] = {"id": line, "runs": int(runs)}


def begin(state: Any, send: Callable[[Any], None]) -> None:
    """Send the state that a run begins from, and count the run; a new line begins with 0 runs."""
    state.setdefault("bookmarks", {})
    line = state.setdefault(KEY, {"id": uuid.uuid4().hex, "runs": 0})
    send(state)
    line["runs"] += 1

"""What `telemetry doctor` finds: how serious it is, and what to do about it."""

from __future__ import annotations

import msgspec

OK = "ok"
NOTE = "note"
WARNING = "warning"
STOPS = "stops a run"


class Finding(msgspec.Struct, frozen=True):
    """One thing that was checked."""

    area: str
    level: str
    what: str
    do: str = ""


def ok(area: str, what: str) -> Finding:
    """Say that nothing is to be done."""
    return Finding(area, OK, what)


def note(area: str, what: str, do: str = "") -> Finding:
    """Say what is worth knowing."""
    return Finding(area, NOTE, what, do)


def warning(area: str, what: str, do: str) -> Finding:
    """Say what will become a problem."""
    return Finding(area, WARNING, what, do)


def stops(area: str, what: str, do: str) -> Finding:
    """Say what stops a run."""
    return Finding(area, STOPS, what, do)

"""What a tap had sent when it kept a state, and what it sends when it goes on from there."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Messages = list[dict[str, Any]]
Names = dict[str, tuple[str, ...]]

DIGITS = 8


def mark(key: Iterable[Any]) -> str:
    """A few digits that stand for a key, so that a fixture stays small."""
    return hashlib.blake2b(json.dumps(list(key)).encode(), digest_size=DIGITS // 2).hexdigest()


def sent(messages: Messages, names: Names) -> dict[str, list[str]]:
    """The marks of all records' keys, by stream, repetitions included."""
    found: dict[str, list[str]] = {stream: [] for stream in names}
    for message in messages:
        if message["type"] == "RECORD" and message["stream"] in names:
            key = (message["record"][name] for name in names[message["stream"]])
            found[message["stream"]].append(mark(key))
    return found


def until(messages: Messages, number: int | None) -> Messages:
    """The messages up to the STATE of that number; None is the last one."""
    places = [place for place, one in enumerate(messages) if one["type"] == "STATE"]
    return messages[: places[-1 if number is None else number] + 1]


def kept(messages: Messages, names: Names) -> dict[str, Any]:
    """A fixture: the state that these messages end with, and what was sent before it."""
    marks = {stream: "".join(sorted(set(found))) for stream, found in sent(messages, names).items()}
    return {"state": messages[-1]["value"], "sent": marks}


def assert_goes_on(
    fixture: dict[str, Any],
    went_on: Messages,
    everything: Mapping[str, set[str]],
    names: Names,
    again: Mapping[str, int],
) -> None:
    """What was sent before the state and what is sent after it are all there is, each once.

    Args:
        fixture: The state, and the marks of what was sent before it.
        went_on: What a run from that state wrote.
        everything: The marks of all there is now, by stream.
        names: Each stream's key.
        again: How many records lie on the state's border, and are sent on both sides of it.
    """
    new_by_stream = sent(went_on, names)
    # A stream that there was not yet has nothing of before.
    for stream, marks in fixture["sent"].items():
        new = new_by_stream[stream]
        before = {marks[at : at + DIGITS] for at in range(0, len(marks), DIGITS)}
        assert len(new) == len(set(new)), f"{stream}: twice in one run"
        assert before | set(new) == everything.get(stream, set()), f"{stream}: lost"
        assert len(before & set(new)) == again.get(stream, 0), f"{stream}: sent again"

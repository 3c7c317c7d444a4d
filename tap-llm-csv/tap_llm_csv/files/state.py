"""The tap's state: bookmarks as JSON, small, and tolerant of what it cannot read.

    {"bookmarks": {"llm_calls": {"files": {"<file_id>": {"path": …, "at": [offset, line], …}}}}}

A state that is lost or damaged costs time, never rows: everything is read again under the same ids.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from tap_llm_csv.files.bookmark import Bookmark, Counts, Window

if TYPE_CHECKING:
    from collections.abc import Mapping


def to_json(bookmark: Bookmark) -> dict[str, Any]:
    """Write a bookmark with what is needed to go on, and nothing that says nothing."""
    state: dict[str, Any] = {
        "path": bookmark.path,
        "dialect": bookmark.dialect,
        "at": [bookmark.offset, bookmark.line],
        "rows": _without_zeros(bookmark.counts),
        "times": [bookmark.first, bookmark.last],
    }
    if bookmark.stored is not None:
        state["stored"] = list(bookmark.stored)
    else:
        state["head"] = list(bookmark.head)
        state["tail"] = bookmark.tail
        state["header"] = list(bookmark.header)
        window = bookmark.window
        state["window"] = [window.offset, window.line, window.block]
        if window.header != bookmark.header:
            state["window"] += window.header
        if window.seen:
            state["seen"] = dict(window.seen)
    if bookmark.disk is not None and bookmark.stored is None:
        state["disk"] = list(bookmark.disk)
    if bookmark.packed is not None:
        state["packed"] = list(bookmark.packed)
    if bookmark.rejects:
        state["rejects"] = [
            entry[: 3 if entry[3] == 1 else 4] for entry in map(list, bookmark.rejects)
        ]
    if bookmark.follows:
        state["follows"] = bookmark.follows
    if bookmark.missing:
        state["missing"] = bookmark.missing
    if bookmark.generation != 1:
        state["generation"] = bookmark.generation
    return state


def readable(state: Any) -> dict[str, Any]:
    """Return a Singer state without what has not even the form of one."""
    bookmarks = state.get("bookmarks") if isinstance(state, dict) else None
    if not isinstance(bookmarks, dict):
        return {}
    kept = {stream: entry for stream, entry in bookmarks.items() if isinstance(entry, dict)}
    return {**state, "bookmarks": kept}


def _without_zeros(counts: Counts) -> list[int]:
    figures = [counts.read, counts.emitted, counts.rejected, counts.skipped, counts.recovered]
    while figures[1:] and not figures[-1]:
        figures.pop()
    return figures


def from_json(state: Mapping[str, Any]) -> Bookmark | None:
    """Read a bookmark back; None for one that makes no sense, so that its file is read again."""
    try:
        offset, line = _pair(state["at"])
        header = _pair(state.get("header", (0, 0)))
        window = [_count(number) for number in state.get("window", (0, 0, 0))]
        first, last = map(_time, state.get("times", (None, None)))
        stored = state.get("stored")
        return Bookmark(
            path=str(state["path"]),
            dialect=str(state.get("dialect", "")),
            offset=offset,
            line=line,
            header=header,
            head=(_count(state["head"][0]), str(state["head"][1])) if "head" in state else (0, ""),
            tail=str(state.get("tail", "")),
            window=Window(
                window[0],
                window[1],
                window[2],
                _pair(window[3:]) if window[3:] else header,
                {str(name): _count(seen) for name, seen in state.get("seen", {}).items()},
            ),
            counts=Counts(*map(_count, state.get("rows", ()))),
            first=first,
            last=last,
            stored=(int(stored[0]), int(stored[1]), str(stored[2])) if stored else None,
            disk=_pair(state["disk"]) if "disk" in state else None,
            packed=(int(state["packed"][0]), str(state["packed"][1]))
            if "packed" in state
            else None,
            rejects=[_range(*entry) for entry in state.get("rejects", ())],
            follows=str(state["follows"]) if "follows" in state else None,
            missing=date.fromisoformat(state["missing"]).isoformat()
            if "missing" in state
            else None,
            generation=int(state.get("generation", 1)),
        )
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError):
        return None


def _count(number: Any) -> int:
    if number < 0:
        raise ValueError(number)
    return int(number)


def _time(text: str | None) -> str | None:
    if text is not None and datetime.fromisoformat(text).tzinfo is None:
        raise ValueError(text)
    return text


def _pair(numbers: Any) -> tuple[int, int]:
    first, second = numbers
    return _count(first), _count(second)


def _range(offset: int, length: int, line: int, rows: int = 1) -> tuple[int, int, int, int]:
    return _count(offset), _count(length), _count(line), _count(rows)

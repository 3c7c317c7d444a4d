"""Which values a page tells apart: the frequent ones, and as many as its size allows."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from target_telemetry_postgres.dashboard import queries

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import psycopg

#: Days times slices, past which calls are told apart by fewer values.
MOST_CELLS: Final = 60_000
_MOST_SPENDERS: Final = 40
#: What calls are filtered by, in the order of `surveys/calls.sql`, and how many values at most.
_OF_CALLS: Final = {
    "call_repositories": 40,
    "call_branches": 12,
    "environments": 12,
    "phases": 40,
    "models": 40,
}


def kept_values(cursor: psycopg.Cursor[Any], asked: Mapping[str, Any]) -> dict[str, list[str]]:
    """The values of each dimension that are told apart; the others become one."""
    kept = {name: _values(cursor, asked, name) for name in queries.names("kept")}
    kept |= _of_calls(cursor, asked) | _spenders(cursor, asked)
    left_out: list[str] = list(asked["without"])
    if "branches" in left_out:
        left_out.append("call_branches")
    return kept | {name: [] for name in left_out if name in kept}


def _values(cursor: psycopg.Cursor[Any], asked: Mapping[str, Any], name: str) -> list[str]:
    if not queries.ask(cursor, queries.read("kept", name), asked):
        return []
    return [row[0] for row in cursor]


def _spenders(cursor: psycopg.Cursor[Any], asked: Mapping[str, Any]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {"prompts": [], "users": [], "sources": []}
    if queries.ask(cursor, queries.read("surveys", "spenders"), asked):
        for kind, value in cursor:
            if len(found[kind]) < _MOST_SPENDERS:
                found[kind].append(value)
    return found


def _of_calls(cursor: psycopg.Cursor[Any], asked: Mapping[str, Any]) -> dict[str, list[str]]:
    if not queries.ask(cursor, queries.read("surveys", "calls"), asked):
        return {name: [] for name in _OF_CALLS}
    days = (asked["until"] - asked["since"]).days
    return few_enough([(tuple(row[:-1]), row[-1]) for row in cursor], days)


def few_enough(
    combinations: Iterable[tuple[tuple[str, ...], int]], days: int
) -> dict[str, list[str]]:
    """Tell as many values apart as keep the cube of calls small.

    Args:
        combinations: Values in the order of `_OF_CALLS`, and how many calls have them.
        days: Of the page.
    """
    known = list(combinations)
    ranked: dict[str, list[str]] = {}
    for place, (name, most) in enumerate(_OF_CALLS.items()):
        amounts: Counter[str] = Counter()
        for values, calls in known:
            amounts[values[place]] += calls
        ranked[name] = [value for value, _ in amounts.most_common(most)]
    while _cells(known, ranked, days) > MOST_CELLS:
        longest = max(ranked, key=lambda name: len(ranked[name]))
        if not ranked[longest]:
            break
        ranked[longest] = ranked[longest][: len(ranked[longest]) // 2]
    return ranked


def _cells(
    known: list[tuple[tuple[str, ...], int]], ranked: dict[str, list[str]], days: int
) -> int:
    """How many rows the cube has at most: no slice has more days than calls."""
    told_apart = [frozenset(values) for values in ranked.values()]
    folded: Counter[tuple[str | None, ...]] = Counter()
    for values, calls in known:
        pairs = zip(values, told_apart, strict=True)
        folded[tuple(value if value in apart else None for value, apart in pairs)] += calls
    return sum(min(calls, days) for calls in folded.values())

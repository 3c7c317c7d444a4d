"""Logs that somebody's own program writes: a dialect made for the header at hand.

The base format is one of them. Which column is what follows from its name alone, by the table in
`home_names`; the call's identity is that of the base format, so that a log keeps its keys when it
gains columns.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tap_llm_csv.dialects import base, home_cells, home_names
from tap_llm_csv.dialects.model import Column, Derived, Dialect, Kind, plain_name

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

_PLAIN: tuple[tuple[str, tuple[str, ...], Kind], ...] = (
    ("output_tokens", home_names.OUTPUT, "integer"),
    ("cache_read_tokens", home_names.CACHE_READ, "integer"),
    ("cache_write_tokens", home_names.CACHE_WRITE, "integer"),
    ("_write_5m", home_names.CACHE_WRITE_5M, "integer"),
    ("_cache_write_1h_tokens", home_names.CACHE_WRITE_1H, "integer"),
    ("reasoning_tokens", home_names.REASONING, "integer"),
    ("total_tokens", home_names.TOTAL, "integer"),
    ("success", home_names.SUCCESS, "boolean"),
    ("_failed", home_names.FAILURE, "boolean"),
    ("_status", home_names.STATUS, "text"),
    ("prompt_name", home_names.PROMPT_NAME, "text"),
    ("notes", home_names.NOTES, "free_text"),
    ("_phase", ("phase",), "text"),
    ("_error", home_names.ERROR, "free_text"),
    ("provider", home_names.PROVIDER, "text"),
    ("session_id", home_names.SESSION, "text"),
    ("user_id", home_names.USER, "text"),
    ("finish_reason", home_names.FINISH, "text"),
    ("_end", home_names.END, "time"),
)


@dataclass(slots=True)
class _Found:
    """The columns of one header as far as they are understood."""

    names: dict[str, str]
    columns: list[Column] = field(default_factory=list)
    derived: list[Derived] = field(default_factory=list)
    used: dict[str, str] = field(default_factory=dict)
    """Each target → the loose form of the name that it was found under."""
    taken: set[str] = field(default_factory=set)

    def first(self, aliases: Sequence[str]) -> tuple[str, str] | None:
        """The first of some aliases that the header has: (loose form, name)."""
        for alias in aliases:
            name = self.names.get(alias)
            if name is not None and name not in self.taken:
                return alias, name
        return None

    def take(self, target: str, aliases: Sequence[str], kind: Kind = "text") -> bool:
        """Read a target from the first of its aliases that is there."""
        found = self.first(aliases)
        if found is None:
            return False
        self.put(target, found[1], kind, alias=found[0])
        return True

    def put(self, target: str, name: str, kind: Kind, *, alias: str = "", tail: str = "") -> None:
        """Read a target from a column."""
        self.columns.append(
            Column(
                target, (name,), kind, required=target in {"timestamp", "model"},
                filled=target == "timestamp", tail=tail or None,
            )
        )  # fmt: skip
        self.used[target] = alias or home_names.loose(name)
        self.taken |= {name, tail}

    def derive(self, target: str, function: object, *inputs: str) -> None:
        """Compute a target from others."""
        self.derived.append(Derived(target, function, inputs))  # type: ignore[arg-type]


def dialect_for(
    header: Sequence[str], *, given: Collection[str] = (), cache_inside: bool | None = None
) -> Dialect | None:
    """The dialect of a header; None where it is no log of calls.

    Args:
        header: The names of the columns that are not spoken for already.
        given: What constants and the column map fill.
        cache_inside: Whether the input counts what was read from a cache; None: by the names.
    """
    found = _Found({})
    for title in header:
        name = plain_name(title)
        for form in home_names.forms_of(title):
            found.names.setdefault(form, name)
    if not _find_time(found) and "timestamp" not in given:
        return None
    if not found.take("model", home_names.MODEL) and "model" not in given:
        return None
    is_input = found.take("input_tokens", (*home_names.INPUT, *home_names.UNCACHED), "integer")
    for target, aliases, kind in _PLAIN:
        if target != "_end" or found.used.get("timestamp", "").startswith("start"):
            found.take(target, aliases, kind)
    _find_spans(found, header)
    _find_cost(found, header)
    here = {*found.used, *given}
    counted = {"input_tokens", "output_tokens"} & here
    if len(counted) == 1 or not (counted or {"total_tokens", "estimated_cost"} & here):
        return None
    if found.first(home_names.REQUESTS) is not None and not _is_base(found):
        return None
    if is_input:
        _settle_input(found, cache_inside)
    _settle_rest(found, given)
    return Dialect(
        name="base",
        stream="llm_calls",
        anchors=base.DIALECT.anchors,
        columns=tuple(found.columns),
        derived=tuple(found.derived),
        appended=True,
        never_quotes=True,
        hint=base.DIALECT.hint,
    )


def _is_base(found: _Found) -> bool:
    """Whether the file was taken for a log of calls before other names were known."""
    known = set(found.names.values())
    return any(anchors <= known for anchors in base.DIALECT.anchors)


def _find_time(found: _Found) -> bool:
    if found.take("timestamp", home_names.TIME, "time"):
        return True
    day, clock = found.first(home_names.DAY), found.first(home_names.CLOCK)
    if day is not None:
        found.put("timestamp", day[1], "time", alias=day[0], tail=clock[1] if clock else "")
        return True
    return found.take("timestamp", home_names.CLOCK, "time")


def _find_spans(found: _Found, header: Sequence[str]) -> None:
    """Read how long a call took, in the unit that the column's name says."""
    for title in header:
        name, span = plain_name(title), home_names.span_of(title)
        if span is None or span[0] in found.used or name in found.taken:
            continue
        target, scale = span
        if scale in home_cells.DIRECT:
            found.put(target, name, home_cells.DIRECT[scale])
        else:
            found.put(f"_{target}", name, "number")
            found.derive(target, home_cells.scaled(scale, name), f"_{target}")
            found.used[target] = found.used[f"_{target}"]
    if "_end" in found.used and "duration_ms" not in found.used:
        found.derive("duration_ms", home_cells.milliseconds_between, "timestamp", "_end")


def _find_cost(found: _Found, header: Sequence[str]) -> None:
    costs = [
        (*rank, plain_name(title))
        for title in header
        if (rank := home_names.cost_of(title)) is not None and plain_name(title) not in found.taken
    ]
    is_told = found.first(home_names.CURRENCY) is not None
    target = "_cost" if is_told else "estimated_cost"
    if costs:
        _, parts, name = min(costs)
        if parts == 1:
            found.put(target, name, "money")
        else:
            found.put("_parts", name, "number")
            found.derive(target, home_cells.dollars_of(parts, name), "_parts")
            found.used[target] = found.used["_parts"]
    else:
        _add_costs(found, header, target)
    if "_cost" in found.used:
        found.take("_currency", home_names.CURRENCY)
        found.derive("estimated_cost", home_cells.only_dollars, "_cost", "_currency")
        found.derive("extra.cost", home_cells.other_money, "_cost", "_currency")
        found.used["estimated_cost"] = found.used["_cost"]


def _add_costs(found: _Found, header: Sequence[str], target: str) -> None:
    """Add up what input and output cost, where the file has only that."""
    parts: dict[str, str] = {}
    for title in header:
        part = home_names.part_of_cost(title)
        if part is not None:
            parts.setdefault(part, plain_name(title))
    if len(parts) != len(("input", "output")):
        return
    for part, name in parts.items():
        found.put(f"_{part}_cost", name, "money")
    found.derive(target, home_cells.sum_of_costs, "_input_cost", "_output_cost")
    found.used[target] = "inputcost"


def _settle_input(found: _Found, cache_inside: bool | None) -> None:
    """Bring the input to one meaning: with all that was read from and written to a cache."""
    has_parts = {"_write_5m", "_cache_write_1h_tokens"} & found.used.keys()
    if has_parts and "cache_write_tokens" not in found.used:
        found.derive(
            "cache_write_tokens", home_cells.written, "_write_5m", "_cache_write_1h_tokens"
        )
        found.used["cache_write_tokens"] = "cachecreation"
    if not {"cache_read_tokens", "cache_write_tokens"} & found.used.keys():
        return
    settle: Callable[..., int | None]
    if cache_inside is None:
        names = {found.used[name] for name in found.used if name.startswith(("cache", "input"))}
        # OpenAI's word for input, which counts all of it, beside Anthropic's for the cache: only
        # the rows can tell.
        says_prompt = "prompt" in found.used["input_tokens"]
        inside = names.isdisjoint(home_names.OUTSIDE) or says_prompt
        settle = home_cells.input_by_row if inside else home_cells.input_without_cache
    else:
        settle = home_cells.input_as_given if cache_inside else home_cells.input_without_cache
    place = next(i for i, column in enumerate(found.columns) if column.target == "input_tokens")
    column = found.columns[place]
    found.columns[place] = Column("_input", column.headers, column.kind)
    found.derive(
        "input_tokens", settle, "_input", "cache_read_tokens", "cache_write_tokens",
        "output_tokens", "total_tokens",
    )  # fmt: skip


def _settle_rest(found: _Found, given: Collection[str]) -> None:
    used = found.used
    if used.get("output_tokens", "").startswith("candidates") and used.get(
        "reasoning_tokens", ""
    ).startswith("thought"):
        # Gemini counts its thoughts apart from what it answers.
        place = next(i for i, col in enumerate(found.columns) if col.target == "output_tokens")
        found.columns[place] = Column("_answer", found.columns[place].headers, "integer")
        found.derive("output_tokens", home_cells.with_thoughts, "_answer", "reasoning_tokens")
    if "total_tokens" in used and {"input_tokens", "output_tokens"} <= {*used, *given}:
        place = next(i for i, col in enumerate(found.columns) if col.target == "total_tokens")
        found.columns[place] = Column("_total", found.columns[place].headers, "integer")
        found.derived[:] = [
            Derived(
                item.target,
                item.function,
                tuple("_total" if name == "total_tokens" else name for name in item.inputs),
            )
            for item in found.derived
        ]
        found.derive(
            "extra.total_tokens", home_cells.odd_total, "_total", "input_tokens", "output_tokens"
        )
    if "success" in used:
        if {"_failed", "_status"} & used.keys():
            found.derive("success", home_cells.succeeded, "success", "_failed", "_status", "_error")
    elif {"_failed", "_status", "_error"} & used.keys():
        found.derive("success", home_cells.succeeded, "success", "_failed", "_status", "_error")
    if "_status" in used:
        found.derive("extra.status", home_cells.same, "_status")
    found.derive("phase", base.phase_in, "notes", "_phase")
    found.derive("error_message", base.why_it_failed, "success", "notes", "_error_text")
    if "_error" in used:
        found.derived.insert(
            len(found.derived) - 1, Derived("_error_text", home_cells.error_text, ("_error",))
        )

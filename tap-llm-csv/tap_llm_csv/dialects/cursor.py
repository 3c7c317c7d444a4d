"""Cursor's usage exports: events of a person, a team or cloud agents, and the sums per model.

The four token columns are disjoint: their sum is `Total Tokens` in every real row seen (the
tempting reading, `w/ Cache Write` minus `w/o Cache Write`, fits few of them).
"""

from __future__ import annotations

from decimal import Decimal

from tap_llm_csv.dialects.model import Column, Derived, Dialect
from tap_llm_csv.records import cells

_COVERED = frozenset({"included", "free"})
_NO_CHARGE = ("errored", "aborted")
_NULLS = frozenset({"-"})

_TOKENS = (
    Column("cache_write_tokens", ("input (w/ cache write)",), "integer", required=True),
    Column("input_tokens", ("input (w/o cache write)",), "integer", required=True),
    Column("cache_read_tokens", ("cache read",), "integer", required=True),
    Column("output_tokens", ("output tokens",), "integer", required=True),
)


def cost_of(kind: str | None, cost: str | None, billed: str | None) -> Decimal | None:
    """What the call cost: what was billed, nothing where a plan covers it, None if not said."""
    for column, cell in (("cost to you", billed), ("cost", cost)):
        if cell is None or cell in _NULLS:
            continue
        if cell.lower() in _COVERED:
            return Decimal(0)
        return cells.money(cell, column)
    return Decimal(0) if _is_free(kind) else None


def cost_source_of(kind: str | None, cost: str | None, billed: str | None) -> str | None:
    """`covered` where a plan pays, `provided` where Cursor gives a sum."""
    words = [cell.lower() for cell in (billed, cost) if cell is not None and cell not in _NULLS]
    if words:
        return "covered" if words[0] in _COVERED else "provided"
    return "covered" if _is_free(kind) else None


def succeeded(kind: str | None) -> bool | None:
    """`Errored, No Charge` and `Aborted, Not Charged` did not."""
    return None if kind is None else not kind.lower().startswith(_NO_CHARGE)


def why_it_failed(kind: str | None) -> str | None:
    """The kind of a failed call."""
    return kind if succeeded(kind) is False else None


def _is_free(kind: str | None) -> bool:
    return kind is not None and kind.lower().startswith((*_COVERED, *_NO_CHARGE))


EVENTS = Dialect(
    name="cursor",
    stream="llm_calls",
    anchors=(frozenset({"date", "model", "input (w/ cache write)", "output tokens"}),),
    columns=(
        Column("timestamp", ("date",), "time_utc", required=True, filled=True),
        Column("user_id", ("user", "user email")),
        Column("session_id", ("cloud agent id",)),
        Column("extra.automation_id", ("automation id",)),
        Column("extra.kind", ("kind",)),
        Column("_kind", ("kind",)),
        Column("model", ("model",), required=True),
        Column("extra.max_mode", ("max mode",), "boolean"),
        *_TOKENS,
        Column("extra.requests", ("requests",), "number"),
        Column("_cost", ("cost",)),
        Column("_billed", ("cost to you",)),
    ),
    derived=(
        Derived("estimated_cost", cost_of, ("_kind", "_cost", "_billed")),
        Derived("cost_source", cost_source_of, ("_kind", "_cost", "_billed")),
        Derived("success", succeeded, ("_kind",)),
        Derived("error_message", why_it_failed, ("_kind",)),
    ),
    ignored=frozenset({"total tokens"}),
    nulls=_NULLS,
    thousands=",",
    input_excludes_cache=True,
)

SUMMARY = Dialect(
    name="cursor_summary",
    stream="llm_usage_buckets",
    anchors=(frozenset({"model", "request count", "input (w/ cache write)", "cost ($)"}),),
    columns=(
        Column("bucket_start", ("start", "start date"), "time_utc"),
        Column("bucket_end", ("end", "end date"), "time_utc"),
        Column("model", ("model",), required=True, filled=True),
        Column("requests", ("request count",), "integer"),
        *_TOKENS,
        Column("cost", ("cost ($)",), "money"),
        Column("dimensions.user", ("user", "user email")),
    ),
    key="grain",
    ignored=frozenset({"total tokens"}),
    nulls=_NULLS,
    thousands=",",
    input_excludes_cache=True,
    hint="Cursor's sums per model carry no dates: export usage events instead, or give "
    "bucket_start and bucket_end as constants",
)

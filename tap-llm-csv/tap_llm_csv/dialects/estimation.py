"""Estimates of how much a model will say, beside what it said: a row an event.

Three ways in: a log with the names of the table (a CSV, or what `telemetry_record` writes), an
NDJSON export, where the list is called `deliverables`, and our own `telemetry export`, which is
read back as it was.
"""

from __future__ import annotations

import json
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from tap_llm_csv.dialects.model import Column, Derived, Dialect, Kind
from tap_llm_csv.records.cells import BIGINT_MAX, RowReject
from tap_llm_csv.records.schemas import column_kind, column_names

if TYPE_CHECKING:
    from tap_llm_csv.records.schemas import Record

STREAM = "token_estimation_v2_events"
DELIVERABLES_KEPT = 20
LETTERS_KEPT = 200
_PLACES = 6
_NOISE = Fraction(1, 10**9)

# --- what the file gives ------------------------------------------------------------------------


def whole(value: Decimal | None) -> int | None:
    """A number of tokens, which a broken writer may have made negative."""
    if value is None:
        return None
    if value != int(value) or abs(value) > BIGINT_MAX:
        raise RowReject("bad_integer", None, f"{value} is no whole number that a bigint holds")
    return int(value)


def listed(value: Any) -> list[Any] | None:
    """The deliverables as a list."""
    if isinstance(value, str):
        return [value]
    if value is None or isinstance(value, list):
        return value
    raise RowReject("bad_json", "deliverables_json", "the deliverables are no JSON list")


def counted(given: int | None, deliverables: list[Any] | None) -> int | None:
    """How many there were, before any were left out."""
    return len(deliverables) if given is None and deliverables is not None else given


def kept(deliverables: list[Any] | None) -> list[str] | None:
    """The first 20, each cut to 200 characters."""
    if deliverables is None:
        return None
    return [_worded(one)[:LETTERS_KEPT] for one in deliverables[:DELIVERABLES_KEPT]]


def _worded(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def source_of_actual(output: int | None, total: int | None) -> str | None:
    """Which of the file's columns the actual output is taken from."""
    if output is not None:
        return "actual_output_tokens"
    return None if total is None else "total_tokens"


def first_of(output: int | None, total: int | None) -> int | None:
    """The actual output; all tokens of the call, where only they are known."""
    return total if output is None else output


# --- what follows from it -----------------------------------------------------------------------


def smape(predicted: int | None, actual: int | None) -> Fraction | None:
    """The symmetric error in percent, from 0, where both agree, to less than 200."""
    if predicted is None or actual is None or predicted <= 0 or actual <= 0:
        return None
    mean = Fraction(actual + predicted, 2)
    return abs(actual - predicted) / max(Fraction(1), mean) * 100


def waste(predicted: int | None, actual: int | None) -> Fraction | None:
    """How many times the actual output was predicted."""
    if predicted is None or actual is None or actual <= 0:
        return None
    return Fraction(predicted, actual)


def is_under(predicted: int | None, actual: int | None) -> bool | None:
    """Whether there was more than predicted."""
    return None if predicted is None or actual is None else actual > predicted


def smape_or_given(
    given: Decimal | None, predicted: int | None, actual: int | None
) -> Decimal | None:
    """The file's figure, else ours."""
    return _rounded(smape(predicted, actual)) if given is None else given


def waste_or_given(
    given: Decimal | None, predicted: int | None, actual: int | None
) -> Decimal | None:
    """The file's figure, else ours."""
    return _rounded(waste(predicted, actual)) if given is None else given


def under_or_given(given: bool | None, predicted: int | None, actual: int | None) -> bool | None:
    """The file's word, else ours."""
    return is_under(predicted, actual) if given is None else given


def differing(
    smape_given: Decimal | None,
    waste_given: Decimal | None,
    under_given: bool | None,
    predicted: int | None,
    actual: int | None,
) -> Record | None:
    """Our figures, where the file gives others."""
    ours: Record = {}
    for name, given, exact in (
        ("smape_percent", smape_given, smape(predicted, actual)),
        ("waste_ratio", waste_given, waste(predicted, actual)),
    ):
        if given is not None and not _is_same(given, exact):
            ours[name] = _rounded(exact)
    under = is_under(predicted, actual)
    if under_given is not None and under_given != under:
        ours["underestimated"] = under
    return ours or None


def _is_same(given: Decimal, exact: Fraction | None) -> bool:
    """Whether a figure is the exact one, as far as its digits go."""
    if exact is None:
        return False
    places = max(0, -int(given.as_tuple().exponent))
    allowed = max(Fraction(1, 2 * 10**places), _NOISE * max(Fraction(1), exact))
    return abs(Fraction(given) - exact) <= allowed


def _rounded(value: Fraction | None) -> Decimal | None:
    if value is None:
        return None
    return Decimal(round(value * 10**_PLACES)).scaleb(-_PLACES).normalize() + 0


# --- the dialects -------------------------------------------------------------------------------

_COLUMNS = (
    Column("event_id", ("event_id",), required=True, filled=True),
    Column("run_id", ("run_id",)),
    Column("phase_id", ("phase_id",)),
    Column("timestamp", ("timestamp",), "time_utc", required=True, filled=True),
    Column("category", ("category",)),
    Column("complexity", ("complexity",)),
    Column("deliverable_count", ("deliverable_count",), "integer"),
    Column("predicted_output_tokens", ("predicted_output_tokens",), "number", required=True),
    Column("actual_output_tokens", ("actual_output_tokens",), "number"),
    Column("_total", ("total_tokens", "tokens_used"), "number"),
    Column("selected_budget", ("selected_budget",), "integer"),
    Column("success", ("success",), "boolean"),
    Column("truncated", ("truncated",), "boolean"),
    Column("stop_reason", ("stop_reason",)),
    Column("model", ("model",)),
    Column("_smape", ("smape_percent",), "number"),
    Column("_waste", ("waste_ratio",), "number"),
    Column("_under", ("underestimated",), "boolean"),
)
_FIGURES = ("predicted_output_tokens", "actual_output_tokens")
_DERIVED = (
    Derived("predicted_output_tokens", whole, ("predicted_output_tokens",)),
    Derived("_output", whole, ("actual_output_tokens",)),
    Derived("_total", whole, ("_total",)),
    Derived("actual_source", source_of_actual, ("_output", "_total")),
    Derived("actual_output_tokens", first_of, ("_output", "_total")),
    Derived("_deliverables", listed, ("_deliverables",)),
    Derived("deliverable_count", counted, ("deliverable_count", "_deliverables")),
    Derived("deliverables_json", kept, ("_deliverables",)),
    Derived("computed", differing, ("_smape", "_waste", "_under", *_FIGURES)),
    Derived("smape_percent", smape_or_given, ("_smape", *_FIGURES)),
    Derived("waste_ratio", waste_or_given, ("_waste", *_FIGURES)),
    Derived("underestimated", under_or_given, ("_under", *_FIGURES)),
)
_SHARED = frozenset({"event_id", "timestamp", "predicted_output_tokens"})

LOG = Dialect(
    name="token_estimation",
    stream=STREAM,
    anchors=(_SHARED,),
    columns=(*_COLUMNS, Column("_deliverables", ("deliverables_json",), "json")),
    derived=_DERIVED,
    key="given",
    appended=True,
)
EXPORT = Dialect(
    name="token_estimation_export",
    stream=STREAM,
    anchors=(_SHARED | {"deliverables"},),
    columns=(*_COLUMNS, Column("_deliverables", ("deliverables",), "json")),
    derived=_DERIVED,
    key="given",
)

_KINDS: dict[str, Kind] = {
    "text": "text", "name": "text", "integer": "integer", "number": "number",
    "boolean": "boolean", "time": "time_utc", "object": "json", "anything": "json",
}  # fmt: skip
_SIGNED = ("predicted_output_tokens", "actual_output_tokens")

OWN_EXPORT = Dialect(
    name="token_estimation_own",
    stream=STREAM,
    anchors=(_SHARED | {"computed", "actual_source"},),
    columns=tuple(
        Column(
            name,
            (name,),
            "number" if name in _SIGNED else _KINDS[str(column_kind(STREAM, name))],
            required=name in _SHARED,
            filled=name in {"event_id", "timestamp"},
        )
        for name in column_names(STREAM)
    ),
    derived=tuple(Derived(name, whole, (name,)) for name in _SIGNED),
    key="given",
    ignored=frozenset({"id", "created_at"}),
)

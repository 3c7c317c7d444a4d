"""A file that no dialect knows, described by settings: `column_map` and `constants`."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any, cast

from tap_llm_csv.dialects import base, chat, estimation, pr_traces
from tap_llm_csv.dialects.model import (
    Column,
    Dialect,
    HeaderError,
    Key,
    Kind,
    PlanOptions,
    RowReject,
    plain_name,
)
from tap_llm_csv.records import cells
from tap_llm_csv.records.schemas import SCHEMAS, TIME_COLUMNS, UNTIMED, column_kind
from tap_llm_csv.records.times import Instants

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_SET_BY_THE_TAP = frozenset({"source", "source_file", "source_line", "price_version"})
_FREE_TEXT = frozenset({"notes", "error_message"})
# Streams whose rows bring their key along: a file with other names for the same columns.
_WITH_KEYS = {
    estimation.STREAM: estimation.LOG,
    chat.DIALECT.stream: chat.DIALECT,
    pr_traces.TRACES.stream: pr_traces.TRACES,
    pr_traces.EVENTS.stream: pr_traces.EVENTS,
}
_KEYS: dict[str, Key] = {"llm_calls": "identity", "llm_usage_buckets": "grain"}


def is_whole(options: PlanOptions) -> bool:
    """Whether `column_map` says it all, and not only what a header leaves open."""
    stream = options.stream or "llm_calls"
    said = {*options.column_map, *options.constants}
    has_time = stream in UNTIMED or TIME_COLUMNS.get(stream) in {None, *said}
    return bool(options.column_map) and has_time


def dialect_for(options: PlanOptions) -> Dialect:
    """The dialect that `column_map` (our column → the file's column) describes."""
    stream = options.stream or "llm_calls"
    if stream not in SCHEMAS:
        raise HeaderError("unknown_header", f"there is no stream {stream} for a custom file")
    if stream in _WITH_KEYS:
        return dataclasses.replace(with_map(_WITH_KEYS[stream], options.column_map), name="custom")
    when = TIME_COLUMNS[stream]
    if when not in options.column_map and when not in options.constants:
        raise HeaderError(
            "missing_required", f"column_map must say which column holds {when} of {stream}"
        )
    columns = tuple(
        _column(stream, target, header) for target, header in options.column_map.items()
    )
    derived = base.DIALECT.derived if stream == "llm_calls" else ()
    return Dialect(
        name="custom",
        stream=stream,
        anchors=(frozenset(plain_name(header) for header in options.column_map.values()),),
        columns=columns,
        derived=tuple(item for item in derived if item.target not in options.column_map),
        key=_KEYS.get(stream, "identity"),
        identity=()
        if stream == "llm_calls"
        else ("measured_at", "repository", "commit_sha", "report_name"),
        appended=stream == "llm_calls",
        repeats=stream == "llm_calls",
    )


def with_map(dialect: Dialect, column_map: Mapping[str, str]) -> Dialect:
    """A known dialect, with some of its columns found under other names."""
    if not column_map:
        return dialect
    kept = []
    rest = dict(column_map)
    for column in dialect.columns:
        header = rest.pop(column.target, None)
        kept.append(
            column if header is None else dataclasses.replace(column, headers=(plain_name(header),))
        )
    kept.extend(_column(dialect.stream, target, header) for target, header in rest.items())
    return dataclasses.replace(dialect, columns=tuple(kept))


def check(stream: str, column_map: Mapping[str, str], constants: Mapping[str, Any]) -> None:
    """Refuse what could be read under no header.

    Raises:
        HeaderError: It names a column that nothing can fill, or gives it what it cannot hold.
    """
    for target, header in column_map.items():
        _column(stream, target, header)
    for target, value in constants.items():
        constant(stream, target, value)


_IN_SECONDS = {"duration_s": "duration_ms", "ttft_s": "ttft_ms"}


def _column(stream: str, target: str, header: str) -> Column:
    if target in _IN_SECONDS and stream == "llm_calls":
        return Column(_IN_SECONDS[target], (plain_name(header),), "seconds", required=True)
    kind = column_kind(stream, target)
    inside = target.partition(".")
    if inside[0] in {"dimensions", "extra"} and inside[2]:
        return Column(target, (plain_name(header),), "text", required=True)
    if kind in {None, "uuid"} or target in _SET_BY_THE_TAP:
        raise HeaderError(
            "unknown_header", f"column_map names {target}, which no file can fill in {stream}"
        )
    if target in _FREE_TEXT:
        cell: Kind = "free_text"
    elif target in {"duration_ms", "ttft_ms"}:
        cell = "milliseconds"
    elif kind in {"object", "anything"}:
        cell = "json"
    elif kind == "name":
        cell = "text"
    elif kind == "number":
        cell = "money"
    else:
        cell = cast("Kind", kind)
    return Column(
        target, (plain_name(header),), cell, required=True, filled=target == TIME_COLUMNS[stream]
    )


def constant(stream: str, target: str, value: Any) -> Any:
    """A constant of the settings as the type of its column."""
    column, _, inside = target.partition(".")
    kind = column_kind(stream, column)
    if kind in {None, "uuid"} or column in _SET_BY_THE_TAP or (inside and kind != "object"):
        raise HeaderError(
            "unknown_header", f"constants names {target}, which no setting can fill in {stream}"
        )
    cell = value if isinstance(value, str) else json.dumps(value)
    try:
        return _READERS["text" if inside else str(kind)](cell, target)
    except RowReject as reject:
        raise HeaderError("unknown_header", f"constants: {reject.message}") from None


_READERS: dict[str, Callable[[str, str], Any]] = {
    "text": cells.text,
    "name": cells.text,
    "integer": cells.integer,
    "number": cells.money,
    "boolean": cells.boolean,
    "object": cells.json_value,
    "anything": cells.json_value,
    "time": Instants().text,
}

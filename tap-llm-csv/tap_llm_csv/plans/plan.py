"""What the reader gets for a header: how its rows become records."""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tap_llm_csv.plans.block_code import BlockPlan, compile_block
from tap_llm_csv.plans.header_match import layout_of
from tap_llm_csv.plans.row_code import RowCode
from tap_llm_csv.records import merge, redact
from tap_llm_csv.records.objects import value_at
from tap_llm_csv.records.schemas import TIME_COLUMNS, Record

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tap_llm_csv.dialects.model import Dialect, Key, PlanOptions
    from tap_llm_csv.pricing.pricer import Pricer


@dataclass(frozen=True)
class RowPlan:
    """How the rows under one header are read.

    Attributes:
        key: `identity`: calls without ids; `id`: the provider's ids; `grain`: sums over dimensions;
            `given`: the record holds its key already; `event`: see `records/event_keys.py`.
        recoverable: The writer never quotes and its last column is free text.
        appended: A writer adds lines to the file; otherwise it is an export, read as a whole.
        ordinals: Rows of equal identity are different calls; otherwise they are one record, and
            `merge` says which.
        convert: Cells (as many as `field_count`) → the record without its key and its place in
            the file; raises `RowReject`.
        identity: A record → the bytes that tell it apart, before any redaction.
        row_id: A record → the provider's own id, None where the row has none.
        merge: Two records of one key in one file → the one that stands for both.
        redact: Changes a record as `redact` asks, after `identity`; None: nothing is asked.
        doubts: What looks like something a call is told by, but was not understood.
        secrets: Columns that hold secrets by their names, and are not stored as they are.
        below_zero: Costs below 0 that rows had; who tells of them empties it.
        block: Reads many rows at once; None where the dialect needs them one by one.
        beside: Other streams that the rows' lines also feed.
        documents: The columns whose cells are JSON.
    """

    dialect: str
    stream: str
    key: Key
    header: tuple[str, ...]
    field_count: int
    recoverable: bool
    appended: bool
    ordinals: bool
    time_column: str
    convert: Callable[[Sequence[str]], Record]
    identity: Callable[[Record], bytes]
    row_id: Callable[[Record], str | None]
    merge: Callable[[Record, Record], Record]
    redact: Callable[[Record], None] | None
    doubts: Mapping[str, str]
    secrets: tuple[str, ...]
    below_zero: list[Decimal]
    block: BlockPlan | None = None
    beside: tuple[str, ...] = ()
    documents: frozenset[str] = frozenset()

    def convert_object(self, row: Mapping[str, Any]) -> Record:
        """The same for a JSON object whose keys are the header; missing keys are empty cells."""
        return self.convert([
            (as_document if name in self.documents else as_cell)(value_at(row, name))
            for name in self.header
        ])  # fmt: skip


def as_cell(value: Any) -> str:
    """A JSON value as the cell that would hold it."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float | Decimal):
        return str(value)
    return json.dumps(value, ensure_ascii=False, default=float)


def as_document(value: Any) -> str:
    """A JSON value as a cell that holds JSON; a text that looks like a document is one."""
    if value is None:
        return ""
    if isinstance(value, str) and value.lstrip()[:1] in {"{", "["}:
        return value
    return json.dumps(value, ensure_ascii=False, default=float)


def compile_plan(
    dialect: Dialect, header: Sequence[str], options: PlanOptions, pricer: Pricer
) -> RowPlan:
    """Generate the functions for one header of a dialect.

    Raises:
        HeaderError: It lacks a column that the dialect needs, or the settings do not fit it.
    """
    layout = layout_of(header, dialect)
    code = RowCode(dialect, layout, options, pricer)
    convert = code.convert()
    return RowPlan(
        dialect=dialect.name,
        stream=dialect.stream,
        key=dialect.key,
        header=tuple(header),
        field_count=len(header),
        recoverable=dialect.never_quotes and code.ends_in_free_text(),
        appended=dialect.appended,
        ordinals=dialect.key in {"identity", "event"} and dialect.repeats,
        time_column=TIME_COLUMNS[dialect.stream],
        convert=convert,
        identity=code.identity(),
        row_id=_row_id(dialect.row_id),
        merge=merge.sums if dialect.key == "grain" else merge.greatest,
        redact=redact.compile_rules(options.redact, options.redact_key, dialect.stream),
        doubts=layout.doubts,
        secrets=code.secrets,
        below_zero=code.below_zero,
        block=compile_block(code),
        beside=dialect.beside,
        documents=frozenset(
            header[place] for column, place, _ in code.places if column.kind == "json"
        ),
    )


def _row_id(target: str | None) -> Callable[[Record], str | None]:
    if target is None:
        return lambda _record: None
    place, _, name = target.rpartition(".")
    if place:
        return lambda record: (record[place] or {}).get(name)
    return lambda record: record[name]

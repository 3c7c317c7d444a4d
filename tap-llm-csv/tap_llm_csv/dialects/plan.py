"""A dialect + a header → a function that turns one row's cells into a record.

The function is generated once per header: a dialect's table says which cell is what, so the text
of the loop that one would write by hand for exactly this file can be written for it. That is
several times faster than walking the table for every row (see docs/decisions/0050).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tap_llm_csv import convert, redact
from tap_llm_csv.dialects import merge
from tap_llm_csv.dialects.model import Column, Dialect, HeaderError, Key, PlanOptions, RowReject
from tap_llm_csv.schemas import COST_COLUMNS, TIME_COLUMNS, column_kind, column_names
from tap_llm_csv.pricing import UNPRICEABLE, Pricer
from tap_llm_csv.times import Instants

Record = dict[str, Any]

_CALL_IDENTITY = (
    "timestamp", "model", "input_tokens", "output_tokens", "prompt_name", "duration_ms",
)  # fmt: skip
_BUCKET_IDENTITY = ("bucket_start", "bucket_end", "provider", "model")
_LABELS_KEPT = 4096


@dataclass(frozen=True)
class RowPlan:
    """How the rows under one header are read.

    Attributes:
        convert: Cells (as many as `field_count`) → the record without its key and its place in
            the file; raises `RowReject`.
        identity: A record → the bytes that tell it apart, before any redaction.
        row_id: A record → the provider's own id, None where the row has none.
        redact: Changes a record as the `redact` setting asks, after `identity`; None: nothing asked.
        merge: Two records of one key in one file → the one that stands for both.
        recoverable: The writer never quotes and its last column is free text.
        ordinals: Rows of equal identity are different calls; otherwise they are one record, and
            `merge` says which.
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

    def convert_object(self, row: Mapping[str, Any]) -> Record:
        """The same for a JSON object whose keys are the header; missing keys are empty cells."""
        return self.convert([_as_cell(row.get(name)) for name in self.header])


def _as_cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float | Decimal):
        return str(value)
    return json.dumps(value, ensure_ascii=False)


def compile_plan(
    dialect: Dialect,
    header: Sequence[str],
    cells_of: Mapping[str, int],
    extras: Mapping[str, int],
    options: PlanOptions,
    pricer: Pricer,
) -> RowPlan:
    """Generate the functions for one header.

    Args:
        dialect: The dialect of the file.
        header: The names as the file has them.
        cells_of: Each header name that the dialect reads (plain form) → its place.
        extras: Each further column to keep → its place.
        options: The file's settings.
        pricer: Who knows prices.
    """
    writer = _Writer(dialect, cells_of, extras, options, pricer, len(header))
    return RowPlan(
        dialect=dialect.name,
        stream=dialect.stream,
        key=dialect.key,
        header=tuple(header),
        field_count=len(header),
        recoverable=dialect.never_quotes and writer.ends_in_free_text(),
        appended=dialect.appended,
        ordinals=dialect.key == "identity" and dialect.repeats,
        time_column=TIME_COLUMNS[dialect.stream],
        convert=writer.convert(),
        identity=writer.identity(),
        row_id=_row_id(dialect.row_id),
        merge=merge.sums if dialect.key == "grain" else merge.greatest,
        redact=redact.compile_rules(options.redact, options.redact_key, dialect.stream),
    )


def _row_id(target: str | None) -> Callable[[Record], str | None]:
    if target is None:
        return lambda _record: None
    place, _, name = target.rpartition(".")
    if place:
        return lambda record: (record[place] or {}).get(name)
    return lambda record: record[name]


class _Writer:
    """Writes the source of `convert` and `identity`, line by line, and compiles it."""

    def __init__(
        self,
        dialect: Dialect,
        cells_of: Mapping[str, int],
        extras: Mapping[str, int],
        options: PlanOptions,
        pricer: Pricer,
        width: int,
    ) -> None:
        self.dialect = dialect
        self.options = options
        self.pricer = pricer
        self.width = width
        self.extras = extras
        self.names: dict[str, str] = {}  # target → local variable
        self.lines: list[str] = []
        self.scope: dict[str, Any] = {
            "RowReject": RowReject,
            "rounded_money": convert.rounded_money,
        }
        self.places = [
            (column, cells_of[name], header)
            for column in dialect.columns
            for name in [next((name for name in column.headers if name in cells_of), None)]
            if name is not None
            for header in [name]
        ]
        self._instants: dict[str, Instants] = {}

    def ends_in_free_text(self) -> bool:
        """Whether the header's last column is one that holds anything."""
        last = self.width - 1
        return any(place == last and column.kind == "free_text" for column, place, _ in self.places)

    # --- convert -------------------------------------------------------------------------------

    def convert(self) -> Callable[[Sequence[str]], Record]:
        """Compile the row function."""
        for column, place, header in self.places:
            self._read(column, f"c{place}", header)
        self._derive()
        self._fill_constants()
        self._check_time()
        self._count_tokens()
        self._price()
        self._gather_rest()
        self._say("return {" + ", ".join(self._properties()) + "}")
        cells = "".join(f"c{place}, " for place in range(self.width))
        source = "\n    ".join([f"def convert(cells):\n    {cells}= cells", *self.lines])
        return self._compiled(source, "convert")

    def _say(self, *lines: str) -> None:
        self.lines.extend(lines)

    def _put(self, prefix: str, value: Any) -> str:
        """Give the generated code access to a value, under a name of its own."""
        name = f"{prefix}{len(self.scope)}"
        self.scope[name] = value
        return name

    def _local(self, target: str) -> str:
        return self.names.setdefault(target, f"v{len(self.names)}")

    def _read(self, column: Column, cell: str, header: str) -> None:
        value = self._local(column.target)
        getattr(self, f"_read_{column.kind}", self._read_any)(column, value, cell, header)
        if column.filled:
            self._say(f"if {value} is None:", f"    {self._missing(header)}")

    def _missing(self, header: str) -> str:
        message = f"{header} is empty, and a row means nothing without it"
        return f"raise RowReject('missing_required', {header!r}, {message!r})"

    def _read_any(self, column: Column, value: str, cell: str, header: str) -> None:
        function: Callable[..., Any] = getattr(
            convert, "json_value" if column.kind == "json" else column.kind
        )
        arguments = ""
        if column.kind in {"number", "money"}:
            arguments = self._habits()
        self._say(f"{value} = {self._put('f', function)}({cell}, {header!r}{arguments})")

    def _habits(self) -> str:
        text = ""
        if self.dialect.thousands:
            text += f", thousands={self.dialect.thousands!r}"
        if self.dialect.nulls:
            text += f", nulls={self._put('nulls', self.dialect.nulls)}"
        return text

    def _read_integer(self, _column: Column, value: str, cell: str, header: str) -> None:
        slow = f"{self._put('f', convert.integer)}({cell}, {header!r}{self._habits()})"
        self._say(
            f"{value} = int({cell}) if {cell}.isdecimal() and len({cell}) < 19 else {slow}",
        )

    def _read_milliseconds(self, _column: Column, value: str, cell: str, header: str) -> None:
        slow = f"{self._put('f', convert.milliseconds)}({cell}, {header!r})"
        self._say(f"{value} = int({cell}) if {cell}.isdecimal() and len({cell}) < 19 else {slow}")

    def _read_boolean(self, _column: Column, value: str, cell: str, header: str) -> None:
        words, slow = self._put("words", convert.BOOLEANS), self._put("f", convert.boolean)
        self._say(
            f"{value} = {words}[{cell}] if {cell} in {words} else {slow}({cell}, {header!r})",
        )

    def _read_text(self, _column: Column, value: str, cell: str, header: str) -> None:
        labels = self._put("labels", _Labels(header, self.dialect.nulls))
        self._say(f"{value} = {labels}[{cell}]")

    def _read_free_text(self, _column: Column, value: str, cell: str, header: str) -> None:
        slow = self._put("f", convert.free_text)
        self._say(f"{value} = {slow}({cell}, {header!r}) if '\\0' in {cell} else {cell} or None")

    def _read_time(self, _column: Column, value: str, cell: str, header: str) -> None:
        self._time(value, cell, header, self.options.timezone, self.options.time_format)

    def _read_time_utc(self, _column: Column, value: str, cell: str, header: str) -> None:
        self._time(value, cell, header, "UTC", None)

    def _time(self, value: str, cell: str, header: str, zone: str, time_format: str | None) -> None:
        instants = self._instants.setdefault(f"{zone} {time_format}", Instants(zone, time_format))
        hours, clock = self._put("hours", instants.hours), self._put("clock", instants.clock)
        self._say(
            "try:",
            f"    {value} = {hours}[{cell}[:13]] + {clock}[{cell}[13:]]",
            "except KeyError:",
            f"    {value} = {self._put('f', instants.text)}({cell}, {header!r})",
        )

    def _derive(self) -> None:
        for derived in self.dialect.derived:
            if not any(name in self.names for name in derived.inputs):
                continue
            inputs = ", ".join(self.names.get(name, "None") for name in derived.inputs)
            function = self._put("derive", derived.function)
            self._say(f"{self._local(derived.target)} = {function}({inputs})")

    def _fill_constants(self) -> None:
        for target, constant in self.options.constants.items():
            value = self._put("constant", _constant(self.dialect.stream, target, constant))
            if target in self.names:
                local = self.names[target]
                self._say(f"if {local} is None: {local} = {value}")
            else:
                self._say(f"{self._local(target)} = {value}")

    def _check_time(self) -> None:
        when = TIME_COLUMNS[self.dialect.stream]
        if when not in self.names:
            raise HeaderError(
                "missing_required",
                f"the header has no column for {when}, which every {self.dialect.name} row needs; "
                + (self.dialect.hint or f"give it in constants or column_map as {when}"),
            )

    def _count_tokens(self) -> None:
        """Bring input_tokens to one meaning, cache included, and add the total."""
        names = self.names
        if self.dialect.input_excludes_cache and "input_tokens" in names:
            value = names["input_tokens"]
            for part in ("cache_read_tokens", "cache_write_tokens"):
                if part in names:
                    self._say(
                        f"if {names[part]}: {value} = ({value} or 0) + {names[part]}",
                    )
        if self.dialect.stream == "llm_calls" and {"input_tokens", "output_tokens"} <= names.keys():
            given, made = names["input_tokens"], names["output_tokens"]
            total = self._local("total_tokens")
            self._say(
                f"{total} = None if {given} is None or {made} is None else {given} + {made}",
            )

    # --- money ---------------------------------------------------------------------------------

    def _price(self) -> None:
        target = COST_COLUMNS.get(self.dialect.stream)
        if target is None:
            return
        mode = self.options.pricing
        provided = self.names.get(target)
        if mode == "off":
            self.names.pop(target, None)
            self.names.pop("cost_source", None)
            return
        stated = self.names.get("cost_source")
        cost, source = self._local(target), self._local("cost_source")
        if provided is None:
            self._say(f"{cost} = None")
        if stated is None and provided is None:
            self._say(f"{source} = None")
        elif stated is None:
            self._say(f"{source} = None if {cost} is None else 'provided'")
        else:
            self._say(f"if {source} is None and {cost} is not None: {source} = 'provided'")
        if mode != "provided":
            self._estimate(cost, source, always=provided is None or mode == "recalculate")

    def _estimate(self, cost: str, source: str, *, always: bool) -> None:
        if not {"model", "input_tokens", "output_tokens"} <= self.names.keys():
            return
        names = self.names
        at = names[TIME_COLUMNS[self.dialect.stream]]
        counts = ", ".join(
            names.get(name, "None")
            for name in (
                "input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens",
                "_cache_write_1h_tokens", "reasoning_tokens",
            )
        )  # fmt: skip
        with_version = self.dialect.stream == "llm_calls"
        version = self._local("price_version") if with_version else "_version"
        fixed = self.dialect.provider
        if "provider" in names:
            table = f"{self._put('table', self.pricer.table)}({names['provider']})"
        else:
            table = self._put("rates", self.pricer.table(fixed))
        bucket = self.dialect.stream == "llm_usage_buckets"
        size = f", size={names.get('_size', 'None')}" if bucket else ""
        price = "price_bucket" if bucket else "price"
        lines = [
            f"_rate = {table}[{names['model']}]",
            f"_estimate = _rate.{price}({at}, {counts}{size})",
            f"if _estimate is not None: {cost} = _estimate; {source} = 'estimated'; "
            f"{version} = _rate.version",
            f"elif {cost} is None: {source} = 'unpriced'",
        ]
        if "_special" in names:
            lines[0] += f" if not {names['_special']} else {self._put('no_rate', UNPRICEABLE)}"
        if with_version:
            self._say(f"{version} = None")
        if always:
            self._say(*lines)
        else:
            self._say(f"if {cost} is None:", *(f"    {line}" for line in lines))
        if fixed is None and "provider" not in names:
            self._say(f"{self._local('provider')} = {table}[{names['model']}].provider")

    # --- the record ----------------------------------------------------------------------------

    def _gather_rest(self) -> None:
        """What has no column of its own: `extra`, and in buckets the dimensions and details."""
        columns = column_names(self.dialect.stream)
        if "extra" in columns:
            self._gather("extra", self.extras)
        if "dimensions" in columns:
            self._gather("details", self.extras)
            if "details" in self.names:
                self.names["dimensions.details"] = self.names["details"]
            self._gather("dimensions", {})

    def _gather(self, target: str, more: Mapping[str, int]) -> None:
        """Collect `extra.…` or `dimensions.…` into one object, without its empty ones."""
        pairs = [
            f"({name.partition('.')[2]!r}, {local})"
            for name, local in self.names.items()
            if name.startswith(f"{target}.")
        ]
        free_text = self._put("f", convert.free_text)
        pairs += [f"({name!r}, {free_text}(c{place}, {name!r}))" for name, place in more.items()]
        if pairs:
            self._say(
                f"{self._local(target)} = "
                f"{{_k: _v for _k, _v in ({', '.join(pairs)},) if _v is not None}} or None"
            )

    def _properties(self) -> list[str]:
        stream = self.dialect.stream
        fixed = {"source": self.dialect.name}
        if self.dialect.provider is not None and "provider" not in self.names:
            fixed["provider"] = self.dialect.provider
        parts = []
        for name in column_names(stream):
            if name in self.names:
                parts.append(f"{name!r}: {self.names[name]}")
            elif name in fixed:
                parts.append(f"{name!r}: {fixed[name]!r}")
        return parts

    # --- identity ------------------------------------------------------------------------------

    def identity(self) -> Callable[[Record], bytes]:
        """Compile the identity function; call it after `convert`."""
        filled = {part.partition(":")[0].strip("'") for part in self._properties()}
        if self.dialect.key == "grain":
            return merge.grain_identity(self.dialect.name, _BUCKET_IDENTITY)
        fields = (
            _CALL_IDENTITY if self.dialect.stream == "llm_calls" else ()
        ) + self.dialect.identity
        parts = ["{record[" + repr(name) + "]}" if name in filled else "None" for name in fields]
        joined = "\\x1f".join([self.dialect.name, *parts])
        source = f'def identity(record):\n    return f"{joined}".encode("utf-8", "surrogatepass")'
        return self._compiled(source, "identity")

    def _compiled(self, source: str, name: str) -> Any:
        code = compile(source, f"<{name} of the {self.dialect.name} dialect>", "exec")
        exec(code, self.scope)  # noqa: S102 - our own text; cells and headers enter as data
        return self.scope[name]


class _Labels(dict[str, str | None]):
    """Cells of a column with few different values → what they mean, worked out once each."""

    def __init__(self, header: str, nulls: frozenset[str]) -> None:
        super().__init__()
        self._header = header
        self._nulls = nulls

    def __missing__(self, cell: str) -> str | None:
        value = convert.text(cell, self._header)
        if value in self._nulls:
            value = None
        if len(self) >= _LABELS_KEPT:
            self.clear()
        self[cell] = value
        return value


def _constant(stream: str, target: str, value: Any) -> Any:
    """A constant of the settings as the column's type."""
    kind = column_kind(stream, target)
    if kind is None or kind == "uuid":
        raise HeaderError(
            "unknown_header", f"constants names {target}, which is not a column of {stream}"
        )
    cell = _as_cell(value)
    try:
        if kind == "time":
            return Instants().text(cell, target)
        if kind == "number":
            return convert.money(cell, target)
        if kind == "integer":
            return convert.integer(cell, target)
        if kind == "boolean":
            return convert.boolean(cell, target)
        if kind == "object":
            return value if isinstance(value, dict) else convert.json_value(cell, target)
        return convert.text(cell, target)
    except RowReject as reject:
        raise HeaderError("unknown_header", f"constants: {reject.message}") from None

"""A dialect's table + a header → the source of a function, compiled.

The function is generated once per header: the table says which cell is what, so the code that one
would write by hand for exactly this file can be written for it. Walking the table for each row
instead is several times slower (docs/decisions/0050).

Cells, header names and settings enter the code as data, under names of their own or through
`repr`; none of their text is ever run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tap_llm_csv.dialects import custom
from tap_llm_csv.dialects.model import Column, Dialect, HeaderError, PlanOptions
from tap_llm_csv.plans import cost_code
from tap_llm_csv.plans.source import Source
from tap_llm_csv.records import cells, merge, secrets
from tap_llm_csv.records.schemas import TIME_COLUMNS, UNTIMED, Record, column_names
from tap_llm_csv.records.times import Instants

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from decimal import Decimal

    from tap_llm_csv.plans.header_match import Layout
    from tap_llm_csv.pricing.pricer import Pricer

CALL_IDENTITY = (
    "timestamp", "model", "input_tokens", "output_tokens", "prompt_name", "duration_ms",
)  # fmt: skip
_BUCKET_IDENTITY = ("bucket_start", "bucket_end", "model")
_LABELS_KEPT = 4096


class RowCode(Source):
    """Writes `convert` and `identity`, line by line."""

    def __init__(
        self, dialect: Dialect, layout: Layout, options: PlanOptions, pricer: Pricer
    ) -> None:
        super().__init__(dialect, options, pricer)
        self.extras = layout.extras
        self.places: list[tuple[Column, int, str]] = []
        """Each column that the file has, where, and under which name."""
        self._width = layout.width
        self._tails = layout.cells
        keeps = options.secrets == secrets.KEEP
        self.secrets = () if keeps else tuple(filter(secrets.is_secret_name, self.extras))
        self.below_zero: list[Decimal] = []
        self._instants: dict[tuple[str, str | None], Instants] = {}
        for column in dialect.columns:
            header = column.header_in(layout.cells)
            if header is not None:
                self.places.append((column, layout.cells[header], header))

    def extra_reader(self, name: str) -> Callable[[str, str], str | None]:
        """What reads the cells of a column that the dialect does not know."""
        return secrets.reader(name, self.options.secrets, self.options.redact_key)

    def mask(self, text: str) -> str:
        """A message without what is shaped like a key in it."""
        return secrets.masked(text, self.options.secrets, self.options.redact_key)

    def clean(self, value: Any) -> Any:
        """An object without the secrets in it."""
        return secrets.cleaned(value, self.options.secrets, self.options.redact_key)

    def ends_in_free_text(self) -> bool:
        """Whether the header's last column is one that may hold anything."""
        last = self._width - 1
        return any(place == last and column.kind == "free_text" for column, place, _ in self.places)

    def convert(self) -> Callable[[Sequence[str]], Record]:
        """Compile the row function."""
        for column, place, header in self.places:
            cell = f"c{place}"
            if column.tail is not None:
                self.say(f"_when = {cell} + ' ' + c{self._tails[column.tail]}")
                cell = "_when"
            self._read(column, cell, header)
        self._derive()
        if "error_message" in self.names and self.options.secrets != secrets.KEEP:
            message = self.names["error_message"]
            self.say(f"if {message}: {message} = {self.put('mask', self.mask)}({message})")
        self._fill_constants()
        self._check_time()
        self._count_tokens()
        cost_code.write(self, self.below_zero.append)
        self._gather_rest()
        self.say("return {" + ", ".join(self._properties()) + "}")
        cells = "".join(f"c{place}, " for place in range(self._width))
        source = "\n    ".join([f"def convert(cells):\n    {cells}= cells", *self.lines])
        function: Callable[[Sequence[str]], Record] = self.compiled(source, "convert")
        return function

    def identity(self) -> Callable[[Record], bytes]:
        """Compile the identity function; call it after `convert`."""
        if self.dialect.key == "grain":
            # A provider that the price book found must not decide which bucket a row is.
            said = any(column.target == "provider" for column, _, _ in self.places)
            columns = (*_BUCKET_IDENTITY, "provider") if said else _BUCKET_IDENTITY
            return merge.grain_identity(self.dialect.name, columns)
        filled = {part.partition(":")[0].strip("'") for part in self._properties()}
        always = CALL_IDENTITY if self.dialect.stream == "llm_calls" else ()
        parts = [
            "{record[" + repr(name) + "]}" if name in filled else "None"
            for name in (*always, *self.dialect.identity)
        ]
        joined = "\\x1f".join([self.dialect.name, *parts])
        source = f'def identity(record):\n    return f"{joined}".encode("utf-8", "surrogatepass")'
        function: Callable[[Record], bytes] = self.compiled(source, "identity")
        return function

    # --- reading cells -------------------------------------------------------------------------

    def _read(self, column: Column, cell: str, header: str) -> None:
        value = self.local(column.target)
        common = _IN_LINE.get(column.kind)
        if common is None:
            self._labels_or_time(column, value, cell, header)
        else:
            habits = self._habits() if column.kind in _WITH_HABITS else ""
            reader = self.put("read", getattr(cells, _READERS[column.kind]))
            slow = f"{reader}({cell}, {header!r}{habits})"
            words = self.put("words", cells.BOOLEANS) if column.kind == "boolean" else ""
            self.say(common.format(value=value, cell=cell, slow=slow, words=words))
        if column.filled:
            message = f"{header} is empty, and a row means nothing without it"
            self.say(
                f"if {value} is None:",
                f"    raise RowReject('missing_required', {header!r}, {message!r})",
            )

    def _habits(self) -> str:
        text = ""
        if self.dialect.thousands:
            text += f", thousands={self.dialect.thousands!r}"
        if self.dialect.nulls:
            text += f", nulls={self.put('nulls', self.dialect.nulls)}"
        return text

    def _labels_or_time(self, column: Column, value: str, cell: str, header: str) -> None:
        if column.kind == "text":
            labels = self.put("labels", Labels(header, self.dialect.nulls))
            self.say(f"{value} = {labels}[{cell}]")
            return
        instants = self.instants(column.kind)
        hours, clock = self.put("hours", instants.hours), self.put("clock", instants.clock)
        self.say(
            "try:",
            f"    {value} = {hours}[{cell}[:13]] + {clock}[{cell}[13:]]",
            "except KeyError:",
            f"    {value} = {self.put('read', instants.text)}({cell}, {header!r})",
        )

    def instants(self, kind: str) -> Instants:
        """What reads the times of this kind of column."""
        local = kind == "time"
        habits = (self.options.timezone, self.options.time_format) if local else ("UTC", None)
        if habits not in self._instants:
            self._instants[habits] = Instants(*habits)
        return self._instants[habits]

    # --- what follows from the cells -----------------------------------------------------------

    def _derive(self) -> None:
        for derived in self.dialect.derived:
            if any(name in self.names for name in derived.inputs):
                inputs = ", ".join(self.names.get(name, "None") for name in derived.inputs)
                function = self.put("derive", derived.function)
                self.say(f"{self.local(derived.target)} = {function}({inputs})")

    def _fill_constants(self) -> None:
        for target, constant in self.options.constants.items():
            value = self.put("constant", custom.constant(self.dialect.stream, target, constant))
            if target in self.names:
                self.say(f"if {self.names[target]} is None: {self.names[target]} = {value}")
            else:
                self.say(f"{self.local(target)} = {value}")

    def _check_time(self) -> None:
        when = TIME_COLUMNS[self.dialect.stream]
        if when not in self.names and self.dialect.stream not in UNTIMED:
            raise HeaderError(
                "missing_required",
                f"the header has no column for {when}, which every {self.dialect.name} row needs; "
                + (self.dialect.hint or f"give it in constants or column_map as {when}"),
            )

    def _count_tokens(self) -> None:
        """Bring input_tokens to one meaning, cache included, and add the total."""
        names = self.names
        if self.dialect.input_excludes_cache and "input_tokens" in names:
            given = names["input_tokens"]
            for part in ("cache_read_tokens", "cache_write_tokens"):
                if part in names:
                    self.say(f"if {names[part]}: {given} = ({given} or 0) + {names[part]}")
            self._check_sum(given, "input_tokens")
        if self.dialect.stream == "llm_calls" and {"input_tokens", "output_tokens"} <= names.keys():
            given, made = names["input_tokens"], names["output_tokens"]
            total = self.local("total_tokens")
            self.say(f"{total} = None if {given} is None or {made} is None else {given} + {made}")
            self._check_sum(total, "total_tokens")

    def _check_sum(self, value: str, name: str) -> None:
        message = f"{name} is larger than a bigint"
        self.say(
            f"if {value} is not None and {value} > {cells.BIGINT_MAX}:",
            f"    raise RowReject('out_of_range', {name!r}, {message!r})",
        )

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
        pairs += [
            f"({name!r}, {self.put('read', self.extra_reader(name))}(c{place}, {name!r}))"
            for name, place in more.items()
        ]
        given = self.names.get(target)
        if given is not None:
            message = f"{target} is no JSON object"
            self.say(
                f"if {given} is not None and not isinstance({given}, dict):",
                f"    raise RowReject('bad_json', {target!r}, {message!r})",
                f"{given} = {self.put('clean', self.clean)}({given})",
            )
            pairs.insert(0, f"*({given} or {{}}).items()")
        if len(pairs) > (given is not None):
            self.say(
                f"{self.local(target)} = "
                f"{{_k: _v for _k, _v in ({', '.join(pairs)},) if _v is not None}} or None"
            )

    def _properties(self) -> list[str]:
        """The items of the record, in the order of the stream's schema.

        A property that this header cannot fill is left out, so that a file with fewer columns
        never empties what one with more has filled.
        """
        fixed = {"source": self.dialect.name, "provider": self.dialect.provider}
        parts = []
        for name in column_names(self.dialect.stream):
            if name in self.names:
                parts.append(f"{name!r}: {self.names[name]}")
            elif fixed.get(name) is not None:
                parts.append(f"{name!r}: {fixed[name]!r}")
        return parts


_READERS = {
    "integer": "integer", "milliseconds": "milliseconds", "seconds": "seconds", "money": "money",
    "number": "number", "boolean": "boolean", "free_text": "free_text", "json": "json_value",
}  # fmt: skip
_WITH_HABITS = frozenset({"integer", "number", "money"})

# The common case in line, and the careful function for every other one.
_WHOLE = (
    "{value} = int({cell}) if {cell}.isdecimal() and len({cell}) < 19 and {cell}.isascii() "
    "else {slow}"
)
_CALL = "{value} = {slow}"
_IN_LINE = {
    "integer": _WHOLE,
    "milliseconds": _WHOLE,
    "boolean": "{value} = {words}[{cell}] if {cell} in {words} else {slow}",
    "free_text": "{value} = {slow} if '\\0' in {cell} else {cell} or None",
    **dict.fromkeys(("seconds", "money", "number", "json"), _CALL),
}


def reader_of(dialect: Dialect, kind: str, header: str) -> Callable[[str], Any]:
    """The careful function for the cells of a column that is neither a label nor a time."""
    habits: dict[str, Any] = {}
    if kind in _WITH_HABITS:
        if dialect.thousands:
            habits["thousands"] = dialect.thousands
        if dialect.nulls:
            habits["nulls"] = dialect.nulls
    function = getattr(cells, _READERS[kind])
    return lambda cell: function(cell, header, **habits)


class Labels(dict[str, str | None]):
    """Cells of a column with few different values → what they mean, worked out once each."""

    def __init__(self, header: str, nulls: frozenset[str]) -> None:
        super().__init__()
        self._header = header
        self._nulls = nulls

    def __missing__(self, cell: str) -> str | None:
        value = cells.text(cell, self._header)
        if value in self._nulls:
            value = None
        if len(self) >= _LABELS_KEPT:
            self.clear()
        self[cell] = value
        return value

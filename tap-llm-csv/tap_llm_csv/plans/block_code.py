"""A dialect's table + a header → functions that read a block of rows at once.

This is the fast way of `load`: it goes from columns of cells to the finished JSON of the records,
without a record in between. It says exactly what `RowCode`'s `convert` and `identity` and the JSON
encoder would say, or it refuses the block as a whole (docs/decisions/0043).
"""

from __future__ import annotations

from functools import partial
from operator import add
from typing import TYPE_CHECKING, Any

from tap_llm_csv.dialects import custom
from tap_llm_csv.plans import block_cells
from tap_llm_csv.plans.block_cells import Cells, NotPlainError, as_json, each, valued
from tap_llm_csv.plans.row_code import CALL_IDENTITY, Labels, reader_of
from tap_llm_csv.pricing.rate_texts import RateTexts
from tap_llm_csv.records import cells, secrets
from tap_llm_csv.records.schemas import column_names

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tap_llm_csv.dialects.model import Column
    from tap_llm_csv.plans.row_code import RowCode

_TIME = "timestamp"
_COUNTED = ("input_tokens", "output_tokens")
_MONEY = ("estimated_cost", "cost_source", "price_version")
# Where the file itself tells one of these, its rows take the careful way.
_CAREFUL = frozenset({
    *_MONEY, "provider", "source", "source_file", "source_line", "call_id", "total_tokens", "extra",
    "cache_read_tokens", "cache_write_tokens", "_cache_write_1h_tokens", "reasoning_tokens",
    "_special",
})  # fmt: skip
# Computed, and nothing in nearly every row; a block where it is something takes the careful way.
_MOSTLY_NOTHING = frozenset({"extra.total_tokens"})


class BlockPlan:
    """Reads blocks of rows under one header."""

    def __init__(self, code: RowCode) -> None:
        self._code = code
        self._constants = {
            target: custom.constant(code.dialect.stream, target, value)
            for target, value in code.options.constants.items()
        }
        self._derived = [
            derived
            for derived in code.dialect.derived
            if any(name in code.names for name in derived.inputs)
        ]
        reckoned = {*_COUNTED, *self._constants}
        reckoned.update(name for derived in self._derived for name in derived.inputs)
        self._readers = [
            (column, place, self._reader(column, header, is_counted=column.target in reckoned))
            for column, place, header in code.places
        ]
        self._extras = [
            (name, place, partial(_read_extra, code.extra_reader(name), name))
            for name, place in code.extras.items()
        ]
        self._harmless = {
            name: partial(_read_extra, cells.free_text, name)
            for name in code.extras
            if not secrets.is_secret_name(name)
        }
        self._table = code.pricer.table(code.dialect.provider)
        self._money = RateTexts(self._table)
        self._estimates = "price_version" in code.names
        self._makes_provider = code.dialect.provider is None and "provider" in code.names
        self._properties = [
            name
            for name in column_names(code.dialect.stream)
            if name in code.names
            or name == "source"
            or (name == "provider" and code.dialect.provider is not None)
        ]
        self.identities = self._compile_identities()
        self.records = self._compile_records()

    def read(self, columns: Sequence[list[str]]) -> dict[str, Cells]:
        """Read a block of rows: what `convert` says, by column.

        Raises:
            NotPlainError: Some row takes the careful way.
            RowReject: The same, with a reason that the careful way will find again.
        """
        cells: dict[str, Cells] = {}
        for column, place, read in self._readers:
            found = cells[column.target] = read(columns[place])
            if column.filled and None in found.values:
                raise NotPlainError
        self._derive(cells)
        for target, constant in self._constants.items():
            given = cells[target].values if target in cells else [None] * len(columns[0])
            cells[target] = valued([constant if value is None else value for value in given])
        if "total_tokens" in self._code.names:
            cells["total_tokens"] = _total(cells["input_tokens"], cells["output_tokens"])
        if "extra" in self._code.names:
            cells["extra"] = self._gather(columns)
        if "estimated_cost" in self._code.names:
            self._price(cells)
        return cells

    def _derive(self, cells: dict[str, Cells]) -> None:
        for derived in self._derived:
            inputs = [cells[name].values if name in cells else None for name in derived.inputs]
            values = _apply(derived.function, inputs)
            if derived.target not in _MOSTLY_NOTHING:
                cells[derived.target] = valued(values)
            elif any(value is not None for value in values):
                raise NotPlainError
        if "error_message" in cells:
            texts, mask = cells["error_message"].values, self._code.mask
            if secrets.may_change("\n".join(filter(None, texts))):
                cells["error_message"] = valued(each(lambda text: text and mask(text), texts))

    def _reader(
        self, column: Column, header: str, *, is_counted: bool
    ) -> Callable[[list[str]], Cells]:
        code = self._code
        if column.kind in {"time", "time_utc"}:
            return block_cells.times(code.instants(column.kind), header)
        if column.kind == "text":
            return block_cells.labels(Labels(header, code.dialect.nulls).__getitem__)
        read = reader_of(code.dialect, column.kind, header)
        if column.kind == "free_text":
            return block_cells.free_text(read)
        if column.kind in {"integer", "milliseconds"}:
            return block_cells.digits(read, is_counted=is_counted)
        return block_cells.labels(read)

    def _gather(self, columns: Sequence[list[str]]) -> Cells:
        if not self._extras:
            return Cells((), ["null"] * len(columns[0]), ())
        parts = []
        for name, place, read in self._extras:
            # Few columns hold a key: one look at the whole spares a look at each cell.
            is_harmless = not secrets.may_change("\n".join(columns[place]))
            quick = self._harmless.get(name, read) if is_harmless else read
            parts.append((name, each(quick, columns[place])))
        names = [name for name, _ in parts]
        rows = zip(*(values for _, values in parts), strict=True)
        return Cells(
            (),
            [
                as_json({k: v for k, v in zip(names, row, strict=True) if v is not None} or None)
                for row in rows
            ],
            (),
        )

    def _price(self, cells: dict[str, Cells]) -> None:
        """Fill in the columns of money; an estimate is one text for all three."""
        models = cells["model"].values
        if not self._estimates:
            nothing = ["null"] * len(models)
            cells.update(dict.fromkeys(_MONEY, Cells((), nothing, ())))
            return
        if self._makes_provider:
            cells["provider"] = Cells((), each(self._provider, models), ())
        given, made = (cells[name] for name in _COUNTED)
        whole = given.is_whole and made.is_whole
        tell = self._money.of_whole_calls if whole else self._money.of_calls
        texts = tell(models, cells[_TIME].values, given.values, made.values)
        cells["estimated_cost"] = Cells((), texts, ())

    def _provider(self, model: str | None) -> str:
        return as_json(self._table[model].provider)

    # --- generated -----------------------------------------------------------------------------

    def _compile_identities(self) -> Callable[[Mapping[str, Cells]], list[bytes]]:
        """Write what `RowCode.identity` says of each row."""
        names = (*CALL_IDENTITY, *self._code.dialect.identity)
        filled = [name for name in names if name in self._properties]
        parts = [f"{{{name}}}" if name in filled else "None" for name in names]
        joined = "\\x1f".join([self._code.dialect.name, *parts])
        rows = _comprehension(f'f"{joined}".encode("utf-8", "surrogatepass")', filled, {})
        return lambda cells: rows(*(cells[name].words for name in filled))

    def _compile_records(self) -> Callable[..., list[str]]:
        """Write the record's JSON with its key and place, properties in the order of `convert`."""
        dialect = self._code.dialect
        scope = {"_provider": as_json(dialect.provider), "_source": as_json(dialect.name)}
        filled, parts = [], []
        for name in self._properties:
            if name == "source" or (name == "provider" and not self._makes_provider):
                parts.append(f'"{name}":{{_{name}}}')
            elif name in _MONEY and self._estimates:
                # RateTexts gives all three.
                if name == _MONEY[0]:
                    filled.append(name)
                    parts.append(f"{{{name}}}")
            else:
                filled.append(name)
                parts.append(f'"{name}":"{{{name}}}"' if name == _TIME else f'"{name}":{{{name}}}')
        parts += ['"call_id":"{_id}"', '"source_file":{_file}', '"source_line":{_line}']
        template = "{{" + ",".join(parts) + "}}"
        rows = _comprehension(f"f'{template}'", [*filled, "_id", "_line"], scope, "_file")
        return lambda cells, ids, lines, file: rows(
            *(cells[name].texts for name in filled), ids, lines, file
        )


def _comprehension(
    body: str, columns: Sequence[str], scope: dict[str, Any], *constants: str
) -> Callable[..., Any]:
    """Compile `[body for each row of the columns]`; the columns and constants are its arguments."""
    names = ", ".join(columns)
    lists = ", ".join(f"{name}_s" for name in columns)
    arguments = ", ".join([f"{name}_s" for name in columns] + list(constants))
    source = f"def rows({arguments}):\n    return [{body} for {names}, in zip({lists})]"
    exec(compile(source, "<a block of rows>", "exec"), scope)  # noqa: S102 - our own text and names
    function: Callable[..., Any] = scope["rows"]
    return function


def _read_extra(read: Callable[[str, str], str | None], name: str, cell: str) -> str | None:
    return read(cell, name)


def _apply(function: Callable[..., Any], inputs: Sequence[Sequence[Any] | None]) -> list[Any]:
    """Call a function of several columns; None is a column that the file does not have."""
    given = [values for values in inputs if values is not None]
    if len(given) == 1:
        place = next(index for index, values in enumerate(inputs) if values is not None)
        before, after = [None] * place, [None] * (len(inputs) - place - 1)
        return each(lambda value: function(*before, value, *after), given[0])
    size = len(given[0])
    filled = [[None] * size if values is None else values for values in inputs]
    return each(lambda values: function(*values), list(zip(*filled, strict=True)))


def _total(given: Cells, made: Cells) -> Cells:
    if given.is_whole and made.is_whole:
        totals = list(map(add, given.values, made.values))
        return Cells(totals, totals, totals)
    sums = [
        None if one is None or other is None else one + other
        for one, other in zip(given.values, made.values, strict=True)
    ]
    if any(value is not None and value > cells.BIGINT_MAX for value in sums):
        raise NotPlainError
    return valued(sums)


def compile_block(code: RowCode) -> BlockPlan | None:
    """The block functions of a header; None where its rows all take the careful way.

    Args:
        code: After its `convert` has been compiled.
    """
    dialect, options = code.dialect, code.options
    told = {column.target for column, _, _ in code.places}
    told.update(derived.target for derived in dialect.derived)
    told.update(options.constants)
    is_simple = (
        dialect.stream == "llm_calls"
        and dialect.key == "identity"
        and dialect.repeats
        and not options.redact
        and not dialect.keeps_cost
        and told.isdisjoint(_CAREFUL)
        and {_TIME, "model", *_COUNTED} <= told
        and not any("." in target for target in told - _MOSTLY_NOTHING)
        and not any(column.tail for column, _, _ in code.places)
        and not any(column.kind == "json" for column, _, _ in code.places)
    )
    return BlockPlan(code) if is_simple else None

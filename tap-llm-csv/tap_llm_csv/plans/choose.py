"""From a header to the plan for the rows under it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tap_llm_csv.dialects import DIALECTS, custom, home_made
from tap_llm_csv.dialects.model import Dialect, HeaderError, PlanOptions, plain_name
from tap_llm_csv.errors import FileError
from tap_llm_csv.plans import header_match
from tap_llm_csv.plans.plan import RowPlan, compile_plan
from tap_llm_csv.pricing.pricer import Pricer, pricer_for
from tap_llm_csv.records.schemas import column_kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tap_llm_csv.settings import SourceSpec

PLANS_KEPT = 1000


class Planner:
    """Makes the plan for a header once, and remembers which headers no dialect knows."""

    def __init__(self, pricer: Pricer | None = None) -> None:
        self._pricer = pricer
        self._known: dict[tuple[int, str | None, tuple[str, ...]], RowPlan | HeaderError] = {}

    def plan(self, spec: SourceSpec, names: Sequence[str], dialect: str | None = None) -> RowPlan:
        """Return the plan for rows under these names.

        Args:
            spec: How their file is read.
            names: The header, or the keys of an object.
            dialect: What they are, where that is known already.

        Raises:
            HeaderError: No dialect knows them.
        """
        key = (id(spec), dialect, tuple(names))
        known = self._known.get(key)
        if known is None:
            if len(self._known) >= PLANS_KEPT:
                self._known.clear()
            try:
                known = plan_for(names, _options(spec.plan, dialect), self._pricer)
            except HeaderError as error:
                known = error
            self._known[key] = known
        if isinstance(known, HeaderError):
            raise known
        return known

    def for_file(
        self, spec: SourceSpec, names: Sequence[str], dialect: str | None = None
    ) -> RowPlan:
        """Return the plan for a file's rows.

        Raises:
            FileError: No dialect knows its header.
        """
        try:
            return self.plan(spec, names, dialect)
        except HeaderError as error:
            raise FileError(error.code, error.message) from error


def _options(options: PlanOptions, dialect: str | None) -> PlanOptions:
    """The settings of a file, as far as rows of this dialect are concerned."""
    if dialect is None:
        return options
    stream = DIALECTS[dialect].stream
    return replace(
        options, dialect=dialect, stream=None, column_map={},
        constants={
            name: value for name, value in options.constants.items()
            if column_kind(stream, name.partition(".")[0]) is not None
        },
    )  # fmt: skip


def plan_for(header: Sequence[str], options: PlanOptions, pricer: Pricer | None = None) -> RowPlan:
    """The plan for the rows under a header.

    Raises:
        HeaderError: The header fits no dialect, or lacks a column that its dialect needs.
    """
    dialect = _dialect_of(header, options)
    pricer = pricer or pricer_for(options.model_aliases, options.price_overrides)
    return compile_plan(dialect, header, options, pricer)


def _dialect_of(header: Sequence[str], options: PlanOptions) -> Dialect:
    name = options.dialect
    if name == "custom" or (name == "auto" and custom.is_whole(options)):
        return custom.dialect_for(options)
    if name == "auto":
        return custom.with_map(_found(header, options), options.column_map)
    if name == "base":
        made = _home_made(header, options) or DIALECTS[name]
        return custom.with_map(made, options.column_map)
    if name not in DIALECTS:
        raise HeaderError(
            "unknown_header",
            f"there is no dialect {name}; the dialects are {', '.join(DIALECTS)} and custom",
        )
    return custom.with_map(DIALECTS[name], options.column_map)


def _found(header: Sequence[str], options: PlanOptions) -> Dialect:
    """The export that a header is known by, else the log that its names tell of."""
    candidates = [
        dialect
        for dialect in DIALECTS.values()
        if options.stream is None or dialect.stream == options.stream
    ]
    try:
        dialect = header_match.choose([plain_name(title) for title in header], candidates)
    except HeaderError as error:
        made = _home_made(header, options) if error.code != "ambiguous_header" else None
        if made is None or header_match.is_nearly(header, candidates, but=made):
            raise
        return made
    return (_home_made(header, options) or dialect) if dialect.name == "base" else dialect


def _home_made(header: Sequence[str], options: PlanOptions) -> Dialect | None:
    if options.stream not in {None, "llm_calls"}:
        return None
    mapped = {plain_name(title) for title in options.column_map.values()}
    return home_made.dialect_for(
        [title for title in header if plain_name(title) not in mapped],
        given={*options.constants, *options.column_map},
        cache_inside=options.cache_inside,
    )

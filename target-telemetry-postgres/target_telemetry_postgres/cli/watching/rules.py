"""Rules in a small TOML file: what to look at, and which values break them."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Literal

from target_telemetry_postgres.cli.commands.report import report_names
from target_telemetry_postgres.cli.spans import parse_span
from target_telemetry_postgres.cli.watching.own_past import SIGMAS
from target_telemetry_postgres.errors import ConfigError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # type: ignore[import-not-found,unused-ignore]

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Limit = float | Literal["past"] | None

BUILT_IN: Final = ("cost-against-past", "workflow-failures", "no-new-rows")
_KEYS: Final = frozenset(
    {"name", "report", "sql", "column", "above", "below", "per", "window", "sigmas"},
)
_TOP: Final = frozenset({"rule", "budget_per_day", "built_in"})


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: of each `per`, the sum of `column` over a window may be neither above nor below."""

    name: str
    column: str
    report: str | None = None
    sql: str | None = None
    above: Limit = None
    below: Limit = None
    per: tuple[str, ...] = ()
    window: timedelta = timedelta(days=1)
    sigmas: float = SIGMAS

    @property
    def looks_back(self) -> bool:
        """The limit is the own past of what is looked at."""
        return "past" in {self.above, self.below}


@dataclass(frozen=True, slots=True)
class Rules:
    """What a run of `telemetry check` checks."""

    rules: tuple[Rule, ...] = ()
    budget_per_day: float | None = None
    built_in: tuple[str, ...] = BUILT_IN


COST_AGAINST_PAST: Final = Rule(
    name="cost-against-past", report="cost-per-day", column="cost", above="past"
)


def budget(dollars: float) -> Rule:
    """The rule that a day's calls cost no more than a budget."""
    return Rule(
        name="budget-per-day",
        report="cost-per-day",
        column="cost",
        above=dollars,
        per=("day",),
        window=timedelta(days=2),
    )


def load(path: Path) -> Rules:
    """Read a file of rules.

    Raises:
        ConfigError: It is no TOML, or says something that no rule can mean.
    """
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not TOML: {error}.") from error
    _known(given, _TOP, str(path))
    tables = given.get("rule", [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise ConfigError(f"{path}: write each rule as a table [[rule]].")
    names = given.get("built_in", list(BUILT_IN))
    if not isinstance(names, list) or not set(names) <= set(BUILT_IN):
        raise ConfigError(f"{path}: built_in is a list out of {', '.join(BUILT_IN)}.")
    rules = tuple(_rule(table, f"{path}: rule {n}") for n, table in enumerate(tables, start=1))
    repeated = {rule.name for rule in rules if [r.name for r in rules].count(rule.name) > 1}
    if repeated:
        raise ConfigError(f"{path} has several rules named {', '.join(sorted(repeated))}.")
    dollars = given.get("budget_per_day")
    if dollars is not None and not _is_number(dollars):
        raise ConfigError(f"{path}: budget_per_day is a number of US dollars.")
    return Rules(rules, dollars, tuple(names))


def _rule(table: Mapping[str, Any], place: str) -> Rule:
    _known(table, _KEYS, place)
    name, column = table.get("name"), table.get("column")
    if not isinstance(name, str) or not name:
        raise ConfigError(f"{place} has no name.")
    place = f'{place} "{name}"'
    if not isinstance(column, str):
        raise ConfigError(f"{place} has no column to look at.")
    report, sql = table.get("report"), table.get("sql")
    if isinstance(report, str) == isinstance(sql, str):
        raise ConfigError(f"{place} needs one of report and sql.")
    if report is not None and report not in report_names():
        raise ConfigError(f'{place}: there is no report "{report}".')
    above, below = (_limit(table.get(word), f"{place}: {word}") for word in ("above", "below"))
    if above is None and below is None:
        raise ConfigError(f"{place} has neither above nor below.")
    if "past" in {above, below} and "window" in table:
        raise ConfigError(f"{place} looks at the last whole day, so it has no window.")
    sigmas = table.get("sigmas", SIGMAS)
    if (
        not _is_number(sigmas)
        or sigmas <= 0
        or ("sigmas" in table and "past" not in {above, below})
    ):
        raise ConfigError(f'{place}: sigmas is a positive number, beside above or below = "past".')
    return Rule(
        name, column, report, sql, above, below,
        per=_names(table.get("per", []), place), window=_window(table.get("window", "1d"), place),
        sigmas=sigmas,
    )  # fmt: skip


def _known(table: Mapping[str, Any], keys: frozenset[str], place: str) -> None:
    unknown = sorted(table.keys() - keys)
    if unknown:
        raise ConfigError(
            f"{place} says {', '.join(unknown)}; it may say {', '.join(sorted(keys))}."
        )


def _limit(value: Any, place: str) -> Limit:
    if value is None or value == "past" or _is_number(value):
        limit: Limit = value
        return limit
    raise ConfigError(f'{place} is a number, or "past" for the own past.')


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value  # noqa: PLR0124 - not NaN


def _names(value: Any, place: str) -> tuple[str, ...]:
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ConfigError(f"{place}: per is a column, or a list of columns.")
    return tuple(names)


def _window(value: Any, place: str) -> timedelta:
    window = parse_span(value) if isinstance(value, str) else None
    if not window:
        raise ConfigError(f"{place}: window is a length of time, such as 1d or 12h.")
    return window

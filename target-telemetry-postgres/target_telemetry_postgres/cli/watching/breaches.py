"""Rules against what is stored → one plain sentence a breach."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime, timedelta, timezone
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg import sql

from target_telemetry_postgres.cli.commands.report import answer, query_of
from target_telemetry_postgres.cli.comparing import Period
from target_telemetry_postgres.cli.session import existing_columns, read_sql
from target_telemetry_postgres.cli.watching import own_past
from target_telemetry_postgres.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from target_telemetry_postgres.cli.session import Reader, Row
    from target_telemetry_postgres.cli.watching.rules import Rule

_ALL_ROWS: Final = 1_000_000
_DAY: Final = timedelta(days=1)
# A workflow's failures are more than luck when so many are less likely than this.
UNLIKELY: Final = 1e-4
FEWEST_FAILURES: Final = 3
FEWEST_RUNS: Final = 20
# A stream that always brought rows is quiet after twice its longest pause.
FEWEST_DAYS: Final = 5
PAUSES: Final = 2
SHORTEST_PAUSE: Final = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Breach:
    """A rule that is broken: what is said, and by which query it can be seen again."""

    rule: str
    sentence: str
    query: str
    figures: dict[str, Any] = field(default_factory=dict)

    def told(self) -> dict[str, Any]:
        """The breach for programs."""
        return asdict(self)


def of_rule(reader: Reader, rule: Rule, now: datetime) -> Iterator[Breach]:
    """Look at what one rule is about."""
    if rule.looks_back:
        others = tuple(name for name in rule.per if name != "day")
        yield from _against_past(reader, replace(rule, per=others), now)
        return
    since = now - rule.window
    # A day counts as a whole.
    period = Period(_midnight(since) if "day" in rule.per else since, now)
    for key, value in _sums(rule, _rows(reader, rule, period)):
        for word, limit in (("above", rule.above), ("below", rule.below)):
            if isinstance(limit, str) or limit is None:
                continue
            if value > limit if word == "above" else value < limit:
                yield Breach(
                    rule.name,
                    f"{rule.name}: {rule.column}{_of(rule, key)} is {_number(value)}, {word} "
                    f"{_number(limit)}.",
                    _query(rule, period),
                    {**dict(zip(rule.per, key, strict=True)), "value": value, word: limit},
                )


def _against_past(reader: Reader, rule: Rule, now: datetime) -> Iterator[Breach]:
    """The last whole day against the days before it."""
    end = _midnight(now)
    period = Period(end - _DAY * (own_past.DAYS + 1), end)
    yesterday = (end - _DAY).date()
    series: dict[tuple[Any, ...], dict[int, float]] = {}
    for key, value in _with_day(rule, _rows(reader, rule, period)):
        series.setdefault(key[1:], {})[(yesterday - key[0]).days] = value
    for own, past in series.items():
        today = past.pop(0, 0.0)
        usual = own_past.usual(past, today)
        if usual is None:
            continue
        high = rule.above == "past" and usual.is_high(rule.sigmas)
        if high or (rule.below == "past" and usual.is_low(rule.sigmas)):
            yield Breach(
                rule.name,
                f"{rule.name}: {rule.column}{_of(rule, own)} was {_number(today)} on {yesterday}, "
                f"{usual.times:.2g} times the usual {_number(usual.value)} of that weekday "
                f"({abs(usual.sigmas):.1f} standard errors {'above' if high else 'below'}).",
                _query(rule, period),
                {
                    **dict(zip(rule.per, own, strict=True)),
                    "day": yesterday, "value": today, "usual": usual.value,
                    "times": usual.times, "sigmas": usual.sigmas,
                },
            )  # fmt: skip


def of_workflows(reader: Reader, now: datetime) -> Iterator[Breach]:
    """Workflows that failed more often in the last day than their own past lets expect."""
    if "workflow_runs" not in existing_columns(reader):
        return
    period = Period(now - _DAY, now)
    query = read_sql("rules/workflow_failures.sql")
    for row in reader.rows(query, {"since": period.since, "until": period.until}):
        before, failed_before = row["runs_before"], row["failures_before"]
        rate = (failed_before + 1) / (before + 2)
        if (
            row["failures"] >= FEWEST_FAILURES
            and before >= FEWEST_RUNS
            and own_past.binomial_tail(row["failures"], row["runs"], rate) < UNLIKELY
        ):
            yield Breach(
                "workflow-failures",
                f"workflow-failures: {row['workflow']} of {row['repository']} failed "
                f"{row['failures']} of {row['runs']} times in the last day, and "
                f"{failed_before} of {before} in the eight weeks before.",
                _filled(query.decode(), period),
                dict(row),
            )


def of_streams(reader: Reader, now: datetime) -> Iterator[Breach]:
    """Streams that have brought no new rows for much longer than ever in eight weeks."""
    if reader.store.name("ingest_runs") not in existing_columns(reader):
        return
    query = read_sql("rules/quiet_streams.sql").decode()
    asked = sql.SQL(query).format(ingest_runs=reader.store.table("ingest_runs"))
    for row in reader.rows(asked, {"until": now}):
        days, last = row["days"], row["last_new"]
        if len(days) < FEWEST_DAYS:
            continue
        longest = max(later - earlier for earlier, later in pairwise(days))
        silence = now - last
        if silence > max(PAUSES * longest, SHORTEST_PAUSE):
            yield Breach(
                "no-new-rows",
                f"no-new-rows: {row['stream']} has brought no new rows for {silence.days} days, "
                f"since {last:%Y-%m-%d %H:%M} UTC; its longest pause before was "
                f"{longest.days} {'day' if longest.days == 1 else 'days'}.",
                _filled(asked.as_string(reader.cursor), Period(now - _DAY * 56, now)),
                {"stream": row["stream"], "last_new": last, "longest_pause_days": longest.days},
            )


# --- what a rule looks at -----------------------------------------------------------------------


def _rows(reader: Reader, rule: Rule, period: Period) -> list[Row]:
    parameters: dict[str, Any] = {"limit": _ALL_ROWS, "base": None, "head": None}
    if rule.report is not None:
        return answer(reader, rule.report, period, parameters)
    text = str(rule.sql).encode()
    try:
        return reader.rows(text, {**parameters, "since": period.since, "until": period.until})
    except (psycopg.Error, ValueError, TypeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ConfigError(
            f'The SQL of rule "{rule.name}" cannot be run: {reason} (a percent sign is %%).'
        ) from error


def _sums(rule: Rule, rows: Iterable[Row]) -> list[tuple[tuple[Any, ...], float]]:
    """The sum of the rule's column for each `per`; what is NULL everywhere has none."""
    sums: dict[tuple[Any, ...], float] = {}
    for row in rows:
        for name in (rule.column, *rule.per):
            if name not in row:
                raise ConfigError(
                    f'Rule "{rule.name}" looks at {name}; there are {", ".join(row)}.'
                )
        value = row[rule.column]
        if value is not None:
            key = tuple(row[name] for name in rule.per)
            sums[key] = sums.get(key, 0.0) + _float(rule, value)
    return list(sums.items())


def _with_day(rule: Rule, rows: list[Row]) -> list[tuple[tuple[Any, ...], float]]:
    """The same for each day of its own."""
    if rows and not isinstance(rows[0].get("day"), date):
        raise ConfigError(f'Rule "{rule.name}" looks at the past, so its rows need a column day.')
    return _sums(replace(rule, per=("day", *rule.per)), rows)


def _float(rule: Rule, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise ConfigError(
            f'Rule "{rule.name}" looks at {rule.column}, which is no number: {value!r}.'
        ) from error


def _midnight(moment: datetime) -> datetime:
    return moment.astimezone(timezone.utc).replace(hour=0, minute=0, second=0, microsecond=0)


# --- words --------------------------------------------------------------------------------------


def _of(rule: Rule, key: tuple[Any, ...]) -> str:
    words = ", ".join(f"{name} {value}" for name, value in zip(rule.per, key, strict=True))
    return f" of {words}" if words else ""


def _number(value: float) -> str:
    if value == int(value):
        return f"{value:,.0f}"
    return f"{value:,.2f}" if abs(value) >= 1 else f"{value:.6g}"


def _query(rule: Rule, period: Period) -> str:
    query = str(rule.sql) if rule.report is None else query_of(rule.report).decode()
    return _filled(query, period)


def _filled(query: str, period: Period) -> str:
    """The query as it can be run again, with its times in it."""
    values = {"since": f"'{period.since.isoformat()}'", "until": f"'{period.until.isoformat()}'",
              "limit": str(_ALL_ROWS), "base": "null", "head": "null"}  # fmt: skip
    for name, value in values.items():
        query = query.replace(f"%({name})s", value)
    return query.replace("%%", "%").strip()

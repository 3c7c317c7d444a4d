"""Which rows are past their time: the policies, in calendar time as Postgres counts it, in UTC."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import psycopg

from target_telemetry_postgres.errors import RetentionError
from target_telemetry_postgres.postgres.store import look
from target_telemetry_postgres.table_names import STORED_AT

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

DEFAULT_KEEP: Final = "6 months"
DEFAULT_TABLES: Final = ("workflow_runs", "workflow_jobs", "workflow_steps", "llm_calls")

_SPAN: Final = re.compile(r"(?:\d{1,6}\s*(?:minute|hour|day|week|month|year)s?\s*)+", re.IGNORECASE)
_PART: Final = re.compile(r"(\d+)\s*([a-z]+?)s?(?![a-z])", re.IGNORECASE)
_SHORTEST_HOURS: Final = {
    "minute": 1 / 60,
    "hour": 1,
    "day": 24,
    "week": 168,
    "month": 672,
    "year": 8760,
}
_TIME_TYPES: Final = ("timestamptz", "timestamp", "date")


@dataclass(frozen=True, slots=True)
class Policy:
    """Rows of `table` go when `column` is longer ago than `keep`."""

    table: str
    column: str = STORED_AT
    keep: str = DEFAULT_KEEP
    default: bool = False


@dataclass(frozen=True, slots=True)
class Cutoff:
    """Rows with `column` before `instant` are past their time."""

    column: str
    instant: datetime


def parse_policies(config: Mapping[str, Any]) -> list[Policy]:
    """The policies of the setting `retention`, and the default ones it does not replace.

    Raises:
        RetentionError: For a policy that cannot be read, or that is dangerously short.
    """
    given = config.get("retention") or {}
    if not isinstance(given, Mapping):
        raise RetentionError('retention must be an object such as {"llm_calls": "90 days"}.')
    defaults = [Policy(table, default=True) for table in DEFAULT_TABLES if table not in given]
    named = [_parse(table, value) for table, value in given.items() if value is not None]
    return defaults + named


def _parse(table: str, value: Any) -> Policy:
    options = {"keep": value} if isinstance(value, str) else value
    if not isinstance(options, Mapping) or not isinstance(options.get("keep"), str):
        raise RetentionError(
            f'retention of {table} must be a time such as "90 days", an object such as '
            '{"keep": "6 months", "column": "timestamp"}, or null for ever.'
        )
    unknown = set(options) - {"keep", "column", "force"}
    if unknown:
        raise RetentionError(
            f"retention of {table} has {', '.join(sorted(unknown))}; "
            "it may have keep, column and force."
        )
    keep = " ".join(options["keep"].split())
    if not _SPAN.fullmatch(keep):
        raise RetentionError(
            f"retention of {table} is {keep!r}, which is not a time; "
            'write it like "6 months", "90 days" or "26 weeks".'
        )
    hours = sum(int(number) * _SHORTEST_HOURS[unit.lower()] for number, unit in _PART.findall(keep))
    if hours == 0:
        raise RetentionError(
            f"retention of {table} keeps nothing; leave the stream out of the tap instead."
        )
    if hours < _SHORTEST_HOURS["day"] and not options.get("force"):
        raise RetentionError(
            f'retention of {table} is {keep!r}, less than a day; if that is meant, add "force": '
            "true to the policy."
        )
    return Policy(table, options.get("column") or STORED_AT, keep)


def check_policies(
    conn: psycopg.Connection[tuple[Any, ...]], schema: str, policies: Iterable[Policy]
) -> list[Policy]:
    """The policies that can be carried out.

    A default one is for the tables of the migrations: one for an absent table is dropped, and one
    for a table of the schema's owner that happens to have the name.

    Raises:
        RetentionError: For a policy that names an unknown table or an unfit column.
    """
    store = look(conn, schema)
    columns = _time_columns(conn, schema)
    columns.pop(store.version_table if store.stored is not None else "", None)
    checked = []
    for policy in policies:
        there = columns.get(policy.table)
        if policy.default and (there is None or not store.owns(policy.table)):
            continue
        if there is None:
            raise RetentionError(
                f"retention names the table {policy.table!r}, which schema {schema!r} does not "
                f"have; it has {_list(columns)}. A table that a tap has yet to make can be named "
                "after its first load."
            )
        if policy.column not in there:
            raise RetentionError(
                f"retention of {policy.table} names the column {policy.column!r}, which is not a "
                f"time in that table; its times are {_list(there)}."
            )
        checked.append(policy)
    if checked:
        cutoffs(conn, checked)
    return checked


def cutoffs(
    conn: psycopg.Connection[tuple[Any, ...]], policies: Iterable[Policy]
) -> dict[str, Cutoff]:
    """For each table the instant before which rows are past their time, by Postgres's clock."""
    found = {}
    for policy in policies:
        try:
            row = conn.execute(
                "SELECT (now() AT TIME ZONE 'UTC' - %s::interval) AT TIME ZONE 'UTC'",
                [policy.keep],
            ).fetchone()
        except psycopg.DataError:
            row = None
        if row is None:
            raise RetentionError(
                f"retention of {policy.table} is {policy.keep!r}, longer ago than Postgres can "
                "count; use null to keep rows for ever."
            ) from None
        found[policy.table] = Cutoff(policy.column, row[0])
    return found


def _time_columns(
    conn: psycopg.Connection[tuple[Any, ...]], schema: str
) -> dict[str, Sequence[str]]:
    """Each table's columns that hold a time."""
    rows = conn.execute(
        "SELECT c.relname, coalesce(array_agg(a.attname ORDER BY a.attnum)"
        "   FILTER (WHERE t.typname = ANY(%s)), '{}')"
        " FROM pg_catalog.pg_class c"
        " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
        " JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid"
        "   AND a.attnum > 0 AND NOT a.attisdropped"
        " JOIN pg_catalog.pg_type t ON t.oid = a.atttypid"
        " WHERE n.nspname = %s AND c.relkind IN ('r', 'p') AND NOT c.relispartition"
        " GROUP BY c.relname ORDER BY c.relname",
        [list(_TIME_TYPES), schema],
    ).fetchall()
    return dict(rows)


def _list(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"

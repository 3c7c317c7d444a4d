"""The SQL that moves staged rows into a table. Pure functions: text in, composed SQL out.

One flush is one transaction: COPY into a temporary table with the target's own column types,
then statements from here. Nothing takes parameters, so that names may contain any character.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from psycopg import sql

from target_telemetry_postgres.rows.copy_text import OPTIONS
from target_telemetry_postgres.schema.pg_types import TEXT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from target_telemetry_postgres.buffer.destination import TableColumns

#: How many staged rows are looked up to guess whether the batch is mostly known already.
SAMPLE: Final = 100

#: Types without equality; they are compared by their text.
_COMPARED_AS_TEXT: Final = frozenset({"json", "xml", "point", "polygon", "box", "circle"})


def create_stage(table: TableColumns) -> sql.Composed:
    """Make the staging table unless this session has it; commits empty it."""
    return sql.SQL(
        "CREATE TEMP TABLE IF NOT EXISTS {} ({}, {} smallint[]) ON COMMIT DELETE ROWS"
    ).format(
        sql.Identifier(table.stage_name),
        sql.SQL(", ").join(
            sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(pg_type))
            for name, pg_type in table.columns.items()
        ),
        sql.Identifier(table.absent),
    )


def empty_stage(table: TableColumns) -> sql.Composed:
    """Make the stage ready for other rows in the same transaction."""
    return sql.SQL("TRUNCATE {}").format(table.stage)


def copy_keys(table: TableColumns) -> sql.Composed:
    """COPY keys into the stage."""
    return _copy(table.stage, table.key, text=False)


def copy_to_stage(table: TableColumns, *, absent: bool, text: bool) -> sql.Composed:
    """COPY into the stage; `text` is what `copy_text` makes, otherwise it is psycopg's."""
    columns = table.mentioned
    return _copy(table.stage, [*columns, table.absent] if absent else columns, text=text)


def copy_to_target(table: TableColumns, *, text: bool) -> sql.Composed:
    """COPY straight into the table, for rows that meet no others there."""
    return _copy(table.target, table.mentioned, text=text)


def _copy(into: sql.Identifier, columns: Sequence[str], *, text: bool) -> sql.Composed:
    return sql.SQL("COPY {} ({}) FROM STDIN{}").format(
        into, _names(columns), sql.SQL(f" WITH ({OPTIONS})" if text else "")
    )


def insert_empty(table: TableColumns, rows: int) -> sql.Composed:
    """Rows whose records name no property, which COPY has no words for."""
    return sql.SQL("INSERT INTO {} SELECT FROM generate_series(1, {})").format(
        table.target, sql.Literal(rows)
    )


def lock_known(table: TableColumns, *, null_keys: bool = False) -> sql.Composed:
    """Lock, in key order, the rows that are about to be read and then written."""
    return sql.SQL(
        "SELECT count(*) FROM (SELECT 1 FROM {} t JOIN {} s ON {} ORDER BY {} FOR UPDATE OF t) l"
    ).format(table.target, table.stage, _same_key(table, null_keys), _in_order("t", table))


def fill_absent(table: TableColumns, *, null_keys: bool = False) -> sql.Composed:
    """Give staged rows, in the columns their records did not mention, what the table has."""
    assignments = sql.SQL(", ").join(
        sql.SQL(
            "{name} = CASE WHEN {number} = ANY (s.{absent}) THEN t.{name} ELSE s.{name} END"
        ).format(
            name=sql.Identifier(name),
            number=sql.Literal(number),
            absent=sql.Identifier(table.absent),
        )
        for number, name in enumerate(table.columns)
        if name not in table.key
    )
    return sql.SQL("UPDATE {} s SET {} FROM {} t WHERE {} AND s.{} IS NOT NULL").format(
        table.stage,
        assignments,
        table.target,
        _same_key(table, null_keys),
        sql.Identifier(table.absent),
    )


def sample_unchanged(table: TableColumns, rows: int) -> sql.Composed:
    """Of a sample of the staged rows, how many there are and how many the table has just so."""
    percent = min(100.0, 100.0 * SAMPLE / max(rows, 1))
    return sql.SQL(
        "SELECT count(*), count(p.hit) FROM (SELECT * FROM {} TABLESAMPLE BERNOULLI ({})) s {}"
    ).format(table.stage, sql.Literal(percent), _probe(table))


def merge(table: TableColumns, *, skip_known: bool, system_columns: bool = True) -> sql.Composed:
    """Insert what is new, update what differs, leave the rest; returns (inserted, written).

    Partitioned and foreign tables have no `system_columns` to tell an insert from an update by;
    there the first figure is zero. With `skip_known`, rows that the table has just so are filtered
    out first: they then cost no row lock, no WAL and no identity value. That pays only where most
    rows are of that kind.
    """
    source = sql.SQL("SELECT {} FROM {} s").format(
        _qualified("s", list(table.columns)), table.stage
    )
    if skip_known:
        source = sql.SQL("{} {} WHERE p.hit IS NULL").format(source, _probe(table))
    return sql.SQL(
        "WITH written AS (INSERT INTO {target} AS t ({columns}) {source} ORDER BY {key}"
        " ON CONFLICT ({conflict}) {action} RETURNING {inserted} AS inserted)"
        " SELECT count(*) FILTER (WHERE inserted), count(*) FROM written"
    ).format(
        target=table.target,
        columns=_names(list(table.columns)),
        source=source,
        key=_in_order("s", table),
        conflict=_names(table.key),
        action=_action(table),
        inserted=sql.SQL("t.xmax = 0" if system_columns else "false"),
    )


def insert_new(table: TableColumns) -> sql.Composed:
    """Append, where the table nevertheless has a key: rows that are there stay as they are."""
    return sql.SQL(
        "WITH written AS (INSERT INTO {} ({}) SELECT {} FROM {} s ORDER BY {}"
        " ON CONFLICT DO NOTHING RETURNING 1) SELECT count(*), count(*) FROM written"
    ).format(
        table.target,
        _names(list(table.columns)),
        _qualified("s", list(table.columns)),
        table.stage,
        _in_order("s", table) if table.key else sql.SQL("1"),
    )


def delete_staged(table: TableColumns, *, null_keys: bool = False) -> sql.Composed:
    """Delete the rows whose keys are staged, in key order; returns how many."""
    return sql.SQL(
        "WITH doomed AS (SELECT t.ctid AS place FROM {target} t JOIN {stage} s ON {match}"
        " ORDER BY {key} FOR UPDATE OF t),"
        " gone AS (DELETE FROM {target} t USING doomed WHERE t.ctid = doomed.place RETURNING 1)"
        " SELECT count(*) FROM gone"
    ).format(
        target=table.target,
        stage=table.stage,
        match=_same_key(table, null_keys),
        key=_in_order("t", table),
    )


def _action(table: TableColumns) -> sql.Composable:
    if not table.compared:
        return sql.SQL("DO NOTHING")
    return sql.SQL("DO UPDATE SET {} WHERE ({}) IS DISTINCT FROM ({})").format(
        sql.SQL(", ").join(
            sql.SQL("{0} = excluded.{0}").format(sql.Identifier(name)) for name in table.values
        ),
        _comparable("t", table),
        _comparable("excluded", table),
    )


def _probe(table: TableColumns) -> sql.Composed:
    """A lookup by key that hits rows equal in every compared column.

    LIMIT keeps it one index lookup a staged row, whatever the planner believes of a table that
    grows while it is being loaded.
    """
    same = (
        sql.SQL("AND ({}) IS NOT DISTINCT FROM ({})").format(
            _comparable("t", table), _comparable("s", table)
        )
        if table.compared
        else sql.SQL("")
    )
    return sql.SQL(
        "LEFT JOIN LATERAL (SELECT true AS hit FROM {} t WHERE {} {} LIMIT 1) p ON true"
    ).format(table.target, _same_key(table), same)


def _comparable(alias: str, table: TableColumns) -> sql.Composed:
    parts = []
    for name in table.compared:
        reference = sql.SQL("{}.{}").format(sql.SQL(alias), sql.Identifier(name))
        as_text = table.columns[name] in _COMPARED_AS_TEXT
        parts.append(sql.SQL("{}::text").format(reference) if as_text else reference)
    return sql.SQL("ROW({})").format(sql.SQL(", ").join(parts))


def _same_key(table: TableColumns, null_keys: bool = False) -> sql.Composed:
    """The join by key; only where NULL keys are staged does it look for them, which is slow."""
    pattern = sql.SQL(
        "(t.{0} = s.{0} OR (t.{0} IS NULL AND s.{0} IS NULL))" if null_keys else "t.{0} = s.{0}"
    )
    return sql.SQL(" AND ").join(pattern.format(sql.Identifier(name)) for name in table.key)


def _in_order(alias: str, table: TableColumns) -> sql.Composed:
    """The key to order by; text by its bytes, which is the same order here and everywhere else."""
    return sql.SQL(", ").join(
        sql.SQL('{}.{} COLLATE "C"' if table.columns.get(name) == TEXT else "{}.{}").format(
            sql.SQL(alias), sql.Identifier(name)
        )
        for name in table.key
    )


def _names(names: Sequence[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, names))


def _qualified(alias: str, names: Sequence[str]) -> sql.Composed:
    return sql.SQL(", ").join(
        sql.SQL("{}.{}").format(sql.SQL(alias), sql.Identifier(name)) for name in names
    )

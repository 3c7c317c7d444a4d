"""ACTIVATE_VERSION: rows of earlier versions of a table go, or are marked as gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from target_telemetry_postgres.schema.sdc_columns import DELETED_AT, TABLE_VERSION
from target_telemetry_postgres.write.ledger import StreamCounts

if TYPE_CHECKING:
    from target_telemetry_postgres.buffer.destination import Shape


def activate(
    connection: psycopg.Connection[tuple[object, ...]], shape: Shape, version: int, *, hard: bool
) -> StreamCounts:
    """Retire every row that the version did not bring; a row without a version is older."""
    statement = sql.SQL(
        "DELETE FROM {table} WHERE {old}"
        if hard
        else "UPDATE {table} SET {deleted} = now() WHERE ({old}) AND {deleted} IS NULL"
    ).format(
        table=shape.target,
        deleted=sql.Identifier(DELETED_AT),
        old=sql.SQL("{0} IS NULL OR {0} < {1}").format(
            sql.Identifier(TABLE_VERSION), sql.Literal(version)
        ),
    )
    return StreamCounts(deleted=connection.execute(statement).rowcount)

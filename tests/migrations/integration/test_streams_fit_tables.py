"""What the taps send is what the tables hold: the same columns, types that take the values."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from target_telemetry_postgres.table_names import SYSTEMS

if TYPE_CHECKING:
    from target_telemetry_postgres.postgres.database import Database

OURS = {"id", "created_at"}
#: Of a chat request the time is its own; the fingerprint of its SQL is the database's.
OF_A_CHAT = {"sql_fingerprint"}
NEEDED_IN_A_CHAT = {"user_id", "created_at", "user_question", "is_off_topic"}
CHAT = "chat_telemetry_log"

MODELLED_TABLES = {table for tables in SYSTEMS.values() for table in tables}

FITTING = {
    "integer": {"bigint"},
    "number": {"numeric", "numeric(18,12)"},
    "boolean": {"boolean"},
    "object": {"jsonb"},
    "string": {"text"},
    "string date-time": {"timestamp with time zone"},
    "string uuid": {"uuid"},
    "string date": {"date"},
    "array integer": {"bigint[]"},
    "array string": {"text[]"},
}


@cache
def streams(tap: str) -> dict[str, dict[str, Any]]:
    """What the tap says it can send."""
    done = subprocess.run(
        [str(Path(sys.executable).with_name(tap)), "--discover"],
        capture_output=True,
        text=True,
        check=True,
    )
    return {stream["tap_stream_id"]: stream for stream in json.loads(done.stdout)["streams"]}


def kind(schema: dict[str, Any]) -> str:
    """A property's type as one word or two; what may be anything is kept as an object is."""
    types = [t for t in schema["type"] if t != "null"]
    if len(types) != 1:
        return "object"
    if types == ["array"]:
        return f"array {kind(schema['items'])}"
    return " ".join([*types, *([schema["format"]] if "format" in schema else [])])


def columns(database: Database, table: str) -> dict[str, tuple[str, bool]]:
    with database.connect() as connection:
        rows = connection.execute(
            "SELECT attname, format_type(atttypid, atttypmod), attnotnull FROM pg_attribute"
            " WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped",
            [f"telemetry.{table}"],
        ).fetchall()
    return {name: (kind, required) for name, kind, required in rows}


def unique_keys(database: Database, table: str) -> list[set[str]]:
    with database.connect() as connection:
        rows = connection.execute(
            "SELECT ARRAY(SELECT attname::text FROM pg_attribute"
            "  WHERE attrelid = i.indrelid AND attnum = ANY (i.indkey))"
            " FROM pg_index i WHERE indrelid = %s::regclass AND indisunique",
            [f"telemetry.{table}"],
        ).fetchall()
    return [set(row[0]) for row in rows]


@pytest.mark.parametrize("tap", ["tap-github-actions", "tap-llm-csv"])
def test_every_stream_fits_its_table_column_by_column(tap: str, database: Database) -> None:
    for name, stream in streams(tap).items():
        assert name in MODELLED_TABLES
        properties = stream["schema"]["properties"]
        there = columns(database, name)
        ours = OF_A_CHAT if name == CHAT else OURS
        assert set(properties) == set(there) - ours, name
        for column, schema in properties.items():
            assert there[column][0] in FITTING[kind(schema)], f"{name}.{column}"


@pytest.mark.parametrize("tap", ["tap-github-actions", "tap-llm-csv"])
def test_every_stream_key_is_unique_and_nothing_else_is_required(
    tap: str, database: Database
) -> None:
    for name, stream in streams(tap).items():
        key = set(stream["key_properties"])
        required = {column for column, (_, required) in columns(database, name).items() if required}
        assert required == key | (NEEDED_IN_A_CHAT if name == CHAT else OURS), name
        assert key in unique_keys(database, name), name


def test_every_modelled_table_is_sent_by_a_tap() -> None:
    sent = set(streams("tap-github-actions")) | set(streams("tap-llm-csv"))

    assert sent == MODELLED_TABLES


def test_every_modelled_table_can_be_read_by_time(database: Database) -> None:
    with database.connect() as connection:
        rows = connection.execute(
            "SELECT c.relname, a.attname FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid"
            " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]"
            " WHERE c.relnamespace = 'telemetry'::regnamespace"
        ).fetchall()
    indexed = {(table, column) for table, column in rows}

    assert {(table, "created_at") for table in MODELLED_TABLES} <= indexed
    assert {
        ("workflow_runs", "started_at"),
        ("workflow_jobs", "started_at"),
        ("workflow_steps", "started_at"),
        ("workflow_runs", "github_run_id"),
        ("workflow_jobs", "github_run_id"),
        ("workflow_steps", "github_run_id"),
        ("coverage_snapshots", "measured_at"),
        ("llm_calls", "timestamp"),
        ("llm_calls", "model"),
        ("llm_usage_buckets", "bucket_start"),
    } <= indexed

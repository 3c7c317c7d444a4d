"""The same lines by blocks and the careful way, and all that each leaves behind."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from support.singer import record, schema
from target_telemetry_postgres.errors import sentence
from target_telemetry_postgres.intake.sink import Sink
from target_telemetry_postgres.rows.block_decoder import TextRows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from support.singer import Loader

INTEGER = {"type": "integer"}
TEXT = {"type": ["string", "null"]}
NUMBER = {"type": ["number", "null"]}
TIME = {"type": ["string", "null"], "format": "date-time"}
OBJECT = {"type": ["object", "null"]}
LIST = {"type": ["array", "null"], "items": {"type": "string"}}
EVERYTHING = {"id": INTEGER, "t": TEXT, "n": NUMBER, "at": TIME, "o": OBJECT, "l": LIST}
QUARANTINE = {"invalid_record_treatment": "quarantine"}
#: Settings by which every record takes the careful way, and nothing else changes.
CAREFUL: dict[str, Any] = {"stream_maps": {"s": {}, "log": {}, "z": {}}}

#: Somebody's table with rules of its own.
STRICT = """
    CREATE TABLE s (
        id bigint PRIMARY KEY, t varchar(12) CHECK (t <> 'no'), n numeric(5, 2), at timestamptz,
        o jsonb, l text[]
    )
"""
STREAM = schema("s", EVERYTHING, ["id"])


def ordinary(number: int, **more: Any) -> dict[str, Any]:
    """A record that is as usual but for what is given, with line breaks in its values."""
    values = {"id": number, "t": f"a\n{number}", "n": number / 4, "at": None, "o": {"a": "\n"}}
    return record("s", values | {"l": ["b\nc"]} | more)


@dataclass
class Watch:
    """What went by blocks while this was watching."""

    texts: int = 0
    lists: int = 0


@contextmanager
def watched() -> Iterator[Watch]:
    seen = Watch()
    take = Sink.take_rows

    def counting(sink: Sink, rows: Any, envelopes: Sequence[Any], numbers: Sequence[int]) -> None:
        take(sink, rows, envelopes, numbers)
        if isinstance(rows, TextRows):
            seen.texts += len(numbers)
        else:
            seen.lists += len(numbers)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Sink, "take_rows", counting)
        yield seen


@dataclass
class Outcome:
    """All that a run leaves behind."""

    states: list[Any] = field(default_factory=list)
    error: str | None = None
    said: list[str] = field(default_factory=list)
    tables: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    ledger: list[tuple[Any, ...]] = field(default_factory=list)
    rejected: list[tuple[Any, ...]] = field(default_factory=list)
    kept: list[dict[str, Any]] = field(default_factory=list)


class Ear(logging.Handler):
    """Hears what the target says."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if "etric" not in record.name:
            self.heard.append(record.getMessage())


def outcome(loader: Loader, *messages: Any, tables: Sequence[str] = ("s",), **more: Any) -> Outcome:
    made, ear = Outcome(), Ear()
    logging.getLogger().addHandler(ear)
    try:
        loader.load(*messages, **more)
    except Exception as error:  # noqa: BLE001 - compared, whatever it is
        made.error = f"{type(error).__name__}: {sentence(error)}"
    finally:
        logging.getLogger().removeHandler(ear)
    made.states = loader.emitted
    made.said = ear.heard
    made.tables = {name: loader.table(name, "id") for name in tables if loader.types(name)}
    for rows in made.tables.values():
        for row in rows:
            if "_sdc_deleted_at" in row:
                row["_sdc_deleted_at"] = row["_sdc_deleted_at"] is not None
    made.ledger = loader.query(
        "SELECT stream, status, rows_read, rows_inserted, rows_updated, rows_unchanged,"
        " rows_deleted, rows_rejected, rows_expired, error FROM ingest_runs ORDER BY id"
    )
    made.rejected = loader.query(
        "SELECT stream, line_number, column_name, reason"
        " FROM rejected_records ORDER BY line_number, reject_id"
    )
    made.kept = [row["record"] for row in loader.table("rejected_records", "line_number")]
    return made


def start_anew(loader: Loader, *statements: str) -> None:
    """An empty database with these tables of somebody else's."""
    loader.execute("DROP TABLE IF EXISTS s, log; TRUNCATE ingest_runs, rejected_records")
    for statement in statements:
        loader.execute(statement)


def both(
    loader: Loader, *loads: Sequence[Any], made: Sequence[str] = (), taken: int = 1, **more: Any
) -> Outcome:
    """Load the careful way and by blocks, and return what both came to.

    At least `taken` records have to come out of blocks as text, or there is little to compare.
    """
    start_anew(loader, *made)
    with watched() as seen:
        careful = [outcome(loader, *messages, **more, **CAREFUL) for messages in loads]
    assert not seen.texts + seen.lists
    start_anew(loader, *made)
    with watched() as seen:
        blocks = [outcome(loader, *messages, **more) for messages in loads]
    assert seen.texts >= taken
    assert blocks == careful
    return blocks[-1]

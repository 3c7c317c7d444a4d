"""Singer messages, and a target that takes them in this process, for tests of the target."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from target_telemetry_postgres.target import TargetTelemetryPostgres

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from target_telemetry_postgres.postgres.database import Database


def schema(
    stream: str, properties: dict[str, Any], key: Sequence[str] = (), **more: Any
) -> dict[str, Any]:
    return {
        "type": "SCHEMA",
        "stream": stream,
        "schema": {"type": "object", "properties": properties, **more},
        "key_properties": list(key),
    }


def record(stream: str, values: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "RECORD", "stream": stream, "record": values, **more}


def records(stream: str, rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return [record(stream, row) for row in rows]


def state(**value: Any) -> dict[str, Any]:
    return {"type": "STATE", "value": value}


def lines(messages: Iterable[dict[str, Any] | str]) -> str:
    """The messages as a tap would write them; strings are lines as they are."""
    return "".join(
        (one if isinstance(one, str) else json.dumps(one, ensure_ascii=False)) + "\n"
        for one in messages
    )


class Drip(io.BytesIO):
    """Input that comes in pieces of at most so many bytes, as from a slow pipe."""

    def __init__(self, text: str, at_once: int) -> None:
        super().__init__(text.encode("utf-8", "surrogatepass"))
        self._at_once = at_once

    def read1(self, size: int | None = -1, /) -> bytes:
        del size
        return super().read1(self._at_once)

    def fileno(self) -> int:
        raise OSError


@dataclass
class Loader:
    """Loads messages into one database with one set of settings."""

    database: Database
    url: str
    settings: dict[str, Any] = field(default_factory=dict)
    #: The states of the last run, also of one that failed.
    emitted: list[dict[str, Any]] = field(default_factory=list)

    def load(
        self, *messages: Any, at_once: int | None = None, **settings: Any
    ) -> list[dict[str, Any]]:
        """Run the target over the messages; returns the states it emitted.

        With `at_once` it gets no more bytes than these at a time.
        """
        flat = [one for each in messages for one in (each if isinstance(each, list) else [each])]
        config = {"sqlalchemy_url": self.url, **self.settings, **settings}
        target = TargetTelemetryPostgres(config=config)
        out = io.StringIO()
        try:
            with redirect_stdout(out):
                text = lines(flat)
                target.listen(io.StringIO(text) if at_once is None else Drip(text, at_once))
        finally:
            self.emitted = [json.loads(line) for line in out.getvalue().splitlines()]
        return self.emitted

    def query(self, statement: str | sql.Composed, *values: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.database.conninfo) as connection:
            connection.execute(
                sql.SQL("SET search_path TO {}, public; SET timezone TO 'UTC'").format(
                    sql.Identifier(self.database.schema)
                )
            )
            return connection.execute(statement, values or None).fetchall()

    def execute(self, statement: str) -> None:
        with psycopg.connect(self.database.conninfo) as connection:
            connection.execute(
                sql.SQL("SET search_path TO {}, public").format(
                    sql.Identifier(self.database.schema)
                )
            )
            connection.execute(statement)

    def table(self, name: str, order: str = "1") -> list[dict[str, Any]]:
        """A table's rows, without what the database fills in."""
        with psycopg.connect(self.database.conninfo) as connection:
            connection.execute("SET timezone TO 'UTC'")
            cursor = connection.execute(
                sql.SQL("SELECT * FROM {} ORDER BY {}").format(
                    sql.Identifier(self.database.schema, name), sql.SQL(order)
                )
            )
            names = [column.name for column in cursor.description or ()]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def ledger(self, stream: str) -> dict[str, Any]:
        """The newest run's line in `ingest_runs`."""
        rows = [row for row in self.table("ingest_runs", "id") if row["stream"] == stream]
        return rows[-1]

    def types(self, name: str) -> dict[str, str]:
        """Each column's type."""
        return dict(
            self.query(
                "SELECT attname::text, format_type(atttypid, atttypmod) FROM pg_attribute"
                " WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped"
                " ORDER BY attnum",
                f'"{self.database.schema}"."{name}"',
            )
        )

"""`python -m bench.target.floor URL FILE`: the least that loading these rows can cost.

The rows are in memory, decoded, before the clock starts. Then nothing but psycopg: COPY into a
temporary table, and one INSERT ... ON CONFLICT a batch that leaves equal rows alone. No checks, no
counts, no ledger. Prints the seconds.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any, Final

import msgspec
import psycopg
from psycopg import sql

from bench.target.records import COLUMNS, KEY, STREAM

BATCH_ROWS: Final = 10_000
TABLE: Final = sql.Identifier("telemetry", "llm_calls")
STAGED: Final = sql.Identifier("staged")


def main(url: str, file: str) -> None:
    """Load the file's records and print the seconds that it took."""
    rows = decoded(Path(file))
    started = time.perf_counter()
    load(url, rows)
    print(json.dumps({"rows": len(rows), "seconds": time.perf_counter() - started}))


def decoded(file: Path) -> list[tuple[Any, ...]]:
    """Every record as a row that COPY takes as it is; numbers stay as they are spelled."""
    decode = msgspec.json.Decoder(float_hook=str).decode
    with file.open("rb") as lines:
        messages = (decode(line) for line in lines)
        return [
            tuple(map(message["record"].get, COLUMNS))
            for message in messages
            if message["type"] == "RECORD" and message["stream"] == STREAM
        ]


def load(url: str, rows: list[tuple[Any, ...]]) -> None:
    """COPY and upsert, a transaction a batch."""
    names = sql.SQL(", ").join(map(sql.Identifier, COLUMNS))
    copying = sql.SQL("COPY {} ({}) FROM STDIN").format(STAGED, names)
    upsert = statement()
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute(
            sql.SQL(
                "CREATE TEMPORARY TABLE {} ON COMMIT DELETE ROWS AS SELECT {} FROM {} LIMIT 0"
            ).format(STAGED, names, TABLE)
        )
        connection.commit()
        for start in range(0, len(rows), BATCH_ROWS):
            with cursor.copy(copying) as copy:
                for row in rows[start : start + BATCH_ROWS]:
                    copy.write_row(row)
            cursor.execute(upsert)
            connection.commit()


def statement() -> sql.Composed:
    """The upsert: in the order of the key, and only what differs."""
    others = [sql.Identifier(name) for name in COLUMNS if name != KEY]
    return sql.SQL(
        "INSERT INTO {table} AS t ({names}) SELECT {names} FROM {staged} ORDER BY {key} "
        "ON CONFLICT ({key}) DO UPDATE SET {changes} "
        "WHERE ({olds}) IS DISTINCT FROM ({news})"
    ).format(
        table=TABLE,
        staged=STAGED,
        key=sql.Identifier(KEY),
        names=sql.SQL(", ").join(map(sql.Identifier, COLUMNS)),
        changes=sql.SQL(", ").join(sql.SQL("{0} = excluded.{0}").format(name) for name in others),
        olds=sql.SQL(", ").join(sql.SQL("t.{}").format(name) for name in others),
        news=sql.SQL(", ").join(sql.SQL("excluded.{}").format(name) for name in others),
    )


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Batches of new keys are copied straight into the table, and end as if they had been staged."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import sql

from support.postgres import url_of
from support.singer import Loader, lines, records, schema, state
from target_telemetry_postgres.buffer.destination import TableColumns
from target_telemetry_postgres.buffer.expectation import LEAST_ROWS, Expectation
from target_telemetry_postgres.write import stage, statements

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from support.postgres import PostgresServer

INTEGER = {"type": "integer"}
STREAM = schema("s", {"id": INTEGER, "v": {"type": ["integer", "null"]}}, ["id"])
BATCH = LEAST_ROWS


@contextmanager
def watched() -> Iterator[list[str]]:
    """What is filled in turn, and how each attempt ended."""
    seen: list[str] = []
    fill = stage.fill

    def telling(connection: Any, make: Any, *others: Any, **options: Any) -> int:
        where = "straight" if make is statements.copy_to_target else "staged"
        try:
            rows = fill(connection, make, *others, **options)
        except psycopg.Error:
            seen.append(f"{where}, refused")
            raise
        seen.append(where)
        return rows

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stage, "fill", telling)
        yield seen


def rows(*numbers: int, add: int = 0) -> list[dict[str, Any]]:
    return records("s", [{"id": number, "v": number + add} for number in numbers])


def contents(loader: Loader) -> list[tuple[Any, ...]]:
    return loader.query("SELECT id, v FROM s ORDER BY id, v")


def counts(loader: Loader) -> tuple[int, ...]:
    told = loader.ledger("s")
    return tuple(told[f"rows_{name}"] for name in ("read", "inserted", "updated", "unchanged"))


def test_after_a_batch_of_new_keys_the_next_ones_go_straight(loader: Loader) -> None:
    with watched() as seen:
        loader.load(STREAM, rows(*range(5 * BATCH)), batch_size_rows=BATCH)
    assert seen == ["staged"] + ["straight"] * 4
    assert contents(loader) == [(n, n) for n in range(5 * BATCH)]
    assert counts(loader) == (5 * BATCH, 5 * BATCH, 0, 0)


def test_small_batches_are_staged(loader: Loader) -> None:
    with watched() as seen:
        loader.load(STREAM, rows(*range(3 * BATCH)), batch_size_rows=BATCH - 1)
    assert seen == ["staged"] * 4


def test_two_streams_may_be_disappointed_by_one_batch(loader: Loader) -> None:
    other = schema("t", {"id": INTEGER}, ["id"])
    batches = [range(BATCH), range(BATCH, 2 * BATCH), range(BATCH)]
    sent: list[Any] = [STREAM, other]
    for numbers in batches:
        sent += rows(*numbers)
        sent += records("t", [{"id": number} for number in numbers])
    with watched() as seen:
        loader.load(sent, batch_size_rows=2 * BATCH)
    straight = ["straight", "straight"]
    assert seen == ["staged", "staged", *straight, "straight, refused", "staged", "staged"]
    assert counts(loader) == (3 * BATCH, 2 * BATCH, 0, BATCH)
    assert len(loader.table("t")) == 2 * BATCH


def test_rows_that_are_not_in_the_order_of_their_keys_are_staged(loader: Loader) -> None:
    at = {"type": "string", "format": "date-time"}
    stream = schema("s", {"at": at}, ["at"])
    times = [{"at": f"2024-01-01T00:{n // 60:02}:{n % 60:02}Z"} for n in reversed(range(3600))]
    with watched() as seen:
        loader.load(stream, records("s", times), batch_size_rows=BATCH)
    assert set(seen) == {"staged"}
    assert len(loader.table("s")) == 3600


@pytest.mark.parametrize("known", [0, BATCH // 2, BATCH - 1])
def test_a_known_key_sends_its_batch_the_ordinary_way(loader: Loader, known: int) -> None:
    numbers = list(range(5 * BATCH))
    numbers[3 * BATCH + known] = 7
    sent = [
        message | {"record": {"id": n, "v": at}}
        for at, (n, message) in enumerate(zip(numbers, rows(*numbers), strict=True))
    ]
    sent.insert(3 * BATCH, state(at=3 * BATCH))
    with watched() as seen:
        emitted = loader.load(STREAM, sent, state(at="end"), batch_size_rows=BATCH)
    assert seen == ["staged", "straight", "straight", "straight, refused", "staged", "staged"]
    assert contents(loader) == sorted({n: at for at, n in enumerate(numbers)}.items())
    assert counts(loader) == (5 * BATCH, 5 * BATCH - 1, 1, 0)
    assert emitted == [{"at": 3 * BATCH}, {"at": "end"}]


def test_after_a_disappointment_it_takes_more_to_try_again() -> None:
    expectation = Expectation()
    for needed in (1, 4, 16, 64, 64):
        for _ in range(needed):
            assert not expectation.expects_new(BATCH)
            expectation.merged(BATCH, inserted=BATCH, written=BATCH)
        assert expectation.expects_new(BATCH)
        assert not expectation.expects_new(BATCH - 1)
        expectation.disappointed()


def test_a_key_that_comes_twice_in_a_batch_is_one_row_with_its_last_value(loader: Loader) -> None:
    numbers = [*range(3 * BATCH), *range(2 * BATCH + 5, 2 * BATCH + 15)]
    with watched() as seen:
        loader.load(
            STREAM,
            rows(*numbers[: 3 * BATCH]),
            rows(*numbers[3 * BATCH :], add=1),
            rows(*range(3 * BATCH, 4 * BATCH)),
            batch_size_rows=2 * BATCH,
        )
    assert seen == ["staged", "straight", "staged"]
    assert [v - n for n, v in contents(loader)] == [
        int(n in numbers[3 * BATCH :]) for n in range(4 * BATCH)
    ]
    assert counts(loader) == (4 * BATCH + 10, 4 * BATCH, 0, 10)


def test_a_record_that_the_server_refuses_costs_only_itself(loader: Loader) -> None:
    loader.execute("CREATE TABLE s (id bigint PRIMARY KEY, v bigint CHECK (v <> 2500))")
    sent = rows(*range(3 * BATCH), add=1)
    with watched() as seen:
        loader.load(STREAM, sent, batch_size_rows=BATCH, invalid_record_treatment="quarantine")
    assert seen[:3] == ["staged", "straight", "straight, refused"]
    assert [n for n, _ in contents(loader)] == [n for n in range(3 * BATCH) if n != 2499]
    assert [row["line_number"] for row in loader.table("rejected_records")] == [2501]
    assert loader.ledger("s")["rows_inserted"] == 3 * BATCH - 1


def test_other_streams_of_the_flush_are_written_once_when_one_disappoints(loader: Loader) -> None:
    names = ["a", "b", "s", "y", "z"]
    streams = [schema(name, {"id": INTEGER, "v": INTEGER}, ["id"]) for name in names]
    log = schema("log", {"v": INTEGER})
    sent: list[Any] = [log, *streams]
    for batch in range(3):
        sent += records("log", [{"v": n} for n in range(10)])
        for name in names:
            first = batch * BATCH - (batch == 2 and name == "s")
            sent += records(name, [{"id": n, "v": batch} for n in range(first, first + BATCH)])
    with watched() as seen:
        loader.load(sent, batch_size_rows=5 * BATCH + 10)
    assert "straight, refused" in seen
    for name in names:
        known = name == "s"
        assert loader.query(f"SELECT count(*), count(DISTINCT id) FROM {name}") == [
            (3 * BATCH - known, 3 * BATCH - known)
        ]
        told = loader.ledger(name)
        assert (told["rows_inserted"], told["rows_updated"]) == (3 * BATCH - known, int(known))
    assert loader.query("SELECT count(*) FROM log") == [(30,)]


#: Tables on which COPY and INSERT may differ.
SPECIAL = {
    "a rule": """
        CREATE TABLE s (id bigint PRIMARY KEY, v bigint);
        CREATE TABLE noted (id bigint);
        CREATE RULE note AS ON DELETE TO s DO ALSO INSERT INTO noted VALUES (old.id)
    """,
    "a trigger": """
        CREATE TABLE s (id bigint PRIMARY KEY, v bigint);
        CREATE FUNCTION odd() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN IF new.id % 10 = 3 THEN RETURN NULL; END IF; new.v := new.v * 2; RETURN new;
            END $$;
        CREATE TRIGGER odd BEFORE INSERT ON s FOR EACH ROW EXECUTE FUNCTION odd()
    """,
    "partitions": """
        CREATE TABLE s (id bigint PRIMARY KEY, v bigint) PARTITION BY HASH (id);
        CREATE TABLE s0 PARTITION OF s FOR VALUES WITH (MODULUS 2, REMAINDER 0);
        CREATE TABLE s1 PARTITION OF s FOR VALUES WITH (MODULUS 2, REMAINDER 1)
    """,
    "defaults": """
        CREATE TABLE s (number int GENERATED ALWAYS AS IDENTITY, id bigint PRIMARY KEY, v bigint,
            at timestamptz NOT NULL DEFAULT now(), w bigint GENERATED ALWAYS AS (v + 1) STORED)
    """,
    "a second key": """
        CREATE TABLE s (id bigint PRIMARY KEY, v bigint UNIQUE)
    """,
}


@pytest.mark.parametrize("kind", SPECIAL)
def test_tables_of_all_kinds_end_as_with_staging(loader: Loader, kind: str) -> None:
    sent = [STREAM, *rows(*range(4 * BATCH)), *rows(*range(BATCH), add=10 * BATCH)]
    ends = []
    for batch in (BATCH, BATCH - 1):
        loader.execute(
            f"DROP TABLE IF EXISTS s, noted; DROP FUNCTION IF EXISTS odd; {SPECIAL[kind]}"
        )
        with watched() as seen:
            loader.load(sent, batch_size_rows=batch)
        ends.append((contents(loader), counts(loader)))
        if batch < LEAST_ROWS or kind in {"a rule", "partitions", "a trigger"}:
            assert "straight" not in seen
        else:
            assert "straight" in seen
    assert ends[0] == ends[1]


@pytest.mark.parametrize(
    "statement",
    [
        partial(statements.merge, skip_known=False),
        statements.insert_new,
        statements.lock_known,
        statements.delete_staged,
    ],
)
def test_a_language_has_no_say_in_the_order_of_keys(statement: Callable[..., Any]) -> None:
    """Runs that stage and runs that do not have to lock rows in one order.

    The server of these tests knows no language's order, so it cannot be shown there.
    """
    table = TableColumns(
        sql.Identifier("s"), {"k": "text", "id": "bigint", "v": "text"}, ("k", "id")
    )
    order = statement(table).as_string(None).partition(" ORDER BY ")[2]
    assert re.match(r'([st])\."k" COLLATE "C", \1\."id"', order)


def test_under_row_level_security_rows_are_staged(
    loader: Loader, postgres_server: PostgresServer
) -> None:
    name = postgres_server.dbname(loader.database)
    with postgres_server.role() as role:
        loader.execute(
            "CREATE TABLE s (id bigint PRIMARY KEY, v bigint);"
            "ALTER TABLE s ENABLE ROW LEVEL SECURITY;"
            f"CREATE POLICY small ON s TO {role} USING (true) WITH CHECK (v < 5000);"
            f"GRANT ALL ON SCHEMA telemetry TO {role};"
            f"GRANT ALL ON ALL TABLES IN SCHEMA telemetry TO {role};"
        )
        theirs = postgres_server.database(name, user=role)
        with watched() as seen:
            Loader(theirs, url_of(theirs.conninfo)).load(
                STREAM, rows(*range(3 * BATCH)), batch_size_rows=BATCH
            )
        loader.execute(f"DROP OWNED BY {role}")
    assert seen == ["staged"] * 3
    assert contents(loader) == [(n, n) for n in range(3 * BATCH)]


def test_two_runs_that_bring_the_same_new_keys_in_opposite_order_both_succeed(
    loader: Loader, tmp_path: Path
) -> None:
    total = 20_000
    loader.load(STREAM)
    targets = []
    for number, order in enumerate((range(total), range(total - 1, -1, -1))):
        config = tmp_path / f"{number}.json"
        config.write_text(json.dumps({"sqlalchemy_url": loader.url, "batch_size_rows": 4 * BATCH}))
        target = subprocess.Popen(
            [sys.executable, "-m", "target_telemetry_postgres", "--config", str(config)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        # A first batch that is new to both lets each expect more of the kind.
        own = range(-(number + 1) * 4 * BATCH, -number * 4 * BATCH)
        text = lines([STREAM, *rows(*own), *rows(*order, add=number)])
        feeder = threading.Thread(target=_feed, args=(target, text))
        feeder.start()
        targets.append((target, feeder))
    inserted = 0
    for target, feeder in targets:
        feeder.join(timeout=120)
        assert target.stderr is not None
        assert target.stdout is not None
        said = target.stderr.read()
        assert target.wait(timeout=120) == 0, said
        assert "deadlock" not in said
        target.stdout.close()
        target.stderr.close()
    assert loader.query(
        "SELECT count(*), count(DISTINCT id), min(v - id), max(v - id) FROM s WHERE id >= 0"
    )[0][:2] == (total, total)
    for told in loader.table("ingest_runs", "id")[-2:]:
        inserted += told["rows_inserted"]
        assert told["rows_read"] == total + 4 * BATCH
    assert inserted == total + 8 * BATCH


def _feed(target: subprocess.Popen[str], text: str) -> None:
    assert target.stdin is not None
    target.stdin.write(text)
    target.stdin.close()

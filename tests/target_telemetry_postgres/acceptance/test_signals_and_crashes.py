"""Ends that nobody planned: signals, kill -9, a server that restarts, two runs at once."""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from support.singer import Loader, lines, record, schema, state
from target_telemetry_postgres.postgres.database import Database, open_database
from target_telemetry_postgres.target import TargetTelemetryPostgres

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


STREAM = schema("s", {"id": {"type": "integer"}, "v": {"type": "integer"}}, ["id"])
LOG = schema("log", {"n": {"type": "integer"}})
ROUNDS = 50 if os.environ.get("TELEMETRY_PROOF") == "full" else 4


def start(loader: Loader, folder: Path, **more: Any) -> subprocess.Popen[str]:
    config = folder / "config.json"
    config.write_text(json.dumps({"sqlalchemy_url": loader.url, **more}))
    return subprocess.Popen(
        [sys.executable, "-m", "target_telemetry_postgres", "--config", str(config)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(loader: Loader, table: str, rows: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        found = loader.query(
            "SELECT coalesce((SELECT count(*) FROM pg_class WHERE relname = %s), 0)", table
        )
        if found[0][0] and loader.query(f'SELECT count(*) FROM "{table}"')[0][0] >= rows:
            return
        time.sleep(0.05)
    raise TimeoutError(f"{table} never had {rows} rows")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_the_run_with_a_true_state_and_its_number(
    loader: Loader, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    target = start(loader, tmp_path, batch_size_rows=10)
    rows = [record("s", {"id": n, "v": n}) for n in range(15)]
    target.stdin.write(lines([STREAM, *rows[:9], state(at=9), rows[9], *rows[10:], state(at=15)]))
    target.stdin.flush()
    wait_for(loader, "s", 10)
    target.send_signal(number)
    out, err = target.communicate(timeout=60)
    assert target.returncode == code, err
    assert [json.loads(line) for line in out.splitlines()] == [{"at": 9}]
    assert len(loader.table("s")) == 10
    assert loader.ledger("s")["status"] == "interrupted"
    assert "Traceback" not in err


def test_a_signal_while_a_lock_is_awaited_rolls_back(loader: Loader, tmp_path: Path) -> None:
    loader.load(STREAM, record("s", {"id": 0, "v": 0}))
    with psycopg.connect(loader.database.conninfo) as blocker:
        blocker.execute("LOCK TABLE telemetry.s IN ACCESS EXCLUSIVE MODE")
        target = start(loader, tmp_path, batch_size_rows=1)
        target.stdin.write(lines([STREAM, record("s", {"id": 1, "v": 1}), state(at=1)]))
        target.stdin.flush()
        while not loader.query("SELECT 1 FROM pg_locks WHERE NOT granted AND relation IS NOT NULL"):
            time.sleep(0.05)
        target.send_signal(signal.SIGTERM)
        out, err = target.communicate(timeout=60)
    assert (target.returncode, out) == (143, ""), err
    assert len(loader.table("s")) == 1


def test_rows_that_wait_are_flushed_while_the_tap_is_silent(loader: Loader, tmp_path: Path) -> None:
    target = start(loader, tmp_path)
    target.stdin.write(lines([STREAM, state(nothing="new")]))
    target.stdin.flush()
    assert json.loads(target.stdout.readline()) == {"nothing": "new"}
    target.stdin.close()
    assert target.wait(timeout=60) == 0
    target.stdout.close()
    target.stderr.close()


@pytest.mark.proof
def test_killed_at_any_moment_and_run_again_the_tables_end_the_same(
    loader: Loader, tmp_path: Path
) -> None:
    """Each time the tap goes on from the last state that came out, as Meltano would."""
    chance = random.Random(ROUNDS)  # noqa: S311 - repeatable on purpose
    done = 0
    for _ in range(ROUNDS):
        messages: list[Any] = [STREAM, LOG]
        for n in range(done, done + 15_000):
            messages += [record("s", {"id": n, "v": n * 7}), record("log", {"n": n})]
            if n % 100 == 99:
                messages.append(state(done=n + 1))
        sent = lines(messages)
        target = start(loader, tmp_path, batch_size_rows=500, prune=False)
        killer = threading.Timer(chance.uniform(0.3, 1.0), target.kill)
        killer.start()
        # Its input stays open, so it cannot end before it is killed.
        with contextlib.suppress(BrokenPipeError):
            target.stdin.write(sent)
            target.stdin.flush()
        killer.join()
        out, err = target.communicate(timeout=120)
        assert target.returncode == -signal.SIGKILL, err
        states = [json.loads(line)["done"] for line in out.splitlines()]
        stored = {row["n"] for row in loader.table("log")} if loader.types("log") else set()
        assert set(range(max(states, default=done))) <= stored, "a state ran ahead of its rows"
        done = max(states, default=done)
    total = done + 15_000
    loader.load(
        [STREAM, LOG],
        [record("s", {"id": n, "v": n * 7}) for n in range(done, total)],
        [record("log", {"n": n}) for n in range(done, total)],
    )
    assert [(row["id"], row["v"]) for row in loader.table("s")] == [
        (n, n * 7) for n in range(total)
    ]
    assert {row["n"] for row in loader.table("log")} == set(range(total))
    ids = loader.query("SELECT count(*), count(DISTINCT id) FROM s")
    assert ids == [(total, total)]


def test_two_runs_on_the_same_keys_at_once_do_not_deadlock(loader: Loader, tmp_path: Path) -> None:
    targets = []
    for number in range(2):
        folder = tmp_path / str(number)
        folder.mkdir()
        order = random.Random(number)  # noqa: S311 - repeatable on purpose
        rows = [record("s", {"id": n % 400, "v": number * 10_000 + n}) for n in range(4000)]
        order.shuffle(rows)
        target = start(loader, folder, batch_size_rows=200)
        feeder = threading.Thread(target=_feed, args=(target, lines([STREAM, *rows])))
        feeder.start()
        targets.append((target, feeder))
    for target, feeder in targets:
        feeder.join(timeout=120)
        err = target.stderr.read()
        assert target.wait(timeout=120) == 0, err
        assert "deadlock" not in err
        target.stdout.close()
        target.stderr.close()
    assert len(loader.table("s")) == 400


def _feed(target: subprocess.Popen[str], text: str) -> None:
    target.stdin.write(text)
    target.stdin.close()


def test_a_lost_connection_in_the_middle_of_a_load_ends_in_a_correct_table(loader: Loader) -> None:
    """Backends are terminated again and again while rows come in; appended rows come once."""
    stop = threading.Event()
    ended = 0

    def terminate() -> None:
        nonlocal ended
        while not stop.is_set():
            time.sleep(0.25)
            ended += len(
                loader.query(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND application_name LIKE '%% load'"
                    " AND pid <> pg_backend_pid() AND %s",
                    True,
                )
            )

    saboteur = threading.Thread(target=terminate)
    saboteur.start()
    rows = range(6000)
    try:
        states = loader.load(
            STREAM,
            LOG,
            [
                one
                for n in rows
                for one in (record("s", {"id": n, "v": n}), record("log", {"n": n}))
            ],
            state(done=1),
            batch_size_rows=100,
        )
    finally:
        stop.set()
        saboteur.join()
    assert ended, "nothing was terminated, so nothing was shown"
    assert states == [{"done": 1}]
    assert [row["id"] for row in loader.table("s")] == list(rows)
    assert sorted(row["n"] for row in loader.table("log")) == list(rows)
    assert loader.ledger("log")["rows_inserted"] == 6000


@pytest.mark.parametrize("took_place", [True, False])
def test_a_commit_whose_answer_is_lost_is_made_once(
    loader: Loader, monkeypatch: pytest.MonkeyPatch, *, took_place: bool
) -> None:
    loader.load(LOG, record("log", {"n": -1}))
    commit = psycopg.Connection.commit
    lost: list[int] = []

    def losing(connection: psycopg.Connection[Any]) -> None:
        name = connection.info.get_parameters().get("application_name", "")
        counted = "SELECT count(*) FROM telemetry.log"
        if lost or not name.endswith(" load") or connection.execute(counted).fetchone() != (201,):
            commit(connection)
            return
        lost.append(connection.info.backend_pid)
        if took_place:
            commit(connection)
        loader.query("SELECT pg_terminate_backend(%s)", *lost)
        connection.execute("SELECT 1")

    monkeypatch.setattr(psycopg.Connection, "commit", losing)
    rows = [record("log", {"n": n}) for n in range(300)]
    states = loader.load(LOG, rows, state(done=1), batch_size_rows=100)
    assert lost
    assert states == [{"done": 1}]
    assert sorted(row["n"] for row in loader.table("log")) == list(range(-1, 300))
    assert loader.ledger("log")["rows_inserted"] == 300


def test_a_server_that_dies_in_the_middle_of_a_load_ends_in_a_correct_table(tmp_path: Path) -> None:
    """Every Postgres process is ended at once, as by a crash; the load waits and goes on."""
    config = {"embedded_path": str(tmp_path / "pg"), "prune": False}
    killed: list[int] = []
    sent = 0

    def kill(database: Database) -> None:
        wait_for(Loader(database, ""), "s", 2000)
        pid_file = tmp_path / "pg" / "cluster" / "data" / "postmaster.pid"
        pid = int(pid_file.read_text().split()[0])
        os.kill(pid, signal.SIGQUIT)
        killed.append(pid)

    def rows() -> Iterator[str]:
        """Rows without a pause until the server was killed, and as many after."""
        nonlocal sent
        yield lines([STREAM])
        left = 5_000
        while left:
            yield lines([record("s", {"id": sent, "v": sent})])
            sent += 1
            left -= bool(killed)
        yield lines([state(done=sent)])

    with open_database(config) as database:
        killer = threading.Thread(target=kill, args=(database,))
        killer.start()
        target = TargetTelemetryPostgres(config={**config, "batch_size_rows": 200})
        with contextlib.redirect_stdout(io.StringIO()) as out:
            target.listen(rows())
        killer.join()
        loader = Loader(database, "")
        assert json.loads(out.getvalue().splitlines()[-1]) == {"done": sent}
        assert [row["id"] for row in loader.table("s")] == list(range(sent))
        assert loader.ledger("s")["rows_inserted"] == sent

"""The measurement: rounds in which every contender loads, reloads and changes the same records."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from psycopg import sql

from bench.measure import Run, run
from bench.page import ROOT
from bench.target.contenders import FLOOR, Contender, Place, variables
from bench.target.records import KEY, STREAM
from bench.target.server import BenchError, Server

if TYPE_CHECKING:
    from bench.target.records import Inputs

TEMPLATE: Final = "bench_template"
FIRST, RELOAD, CHANGED = PHASES = ("first load", "identical reload", "all rows changed")

#: What a peer's own table gets beside its key, so that all maintain as many indexes as ours.
_INDEXES: Final = (
    ("model", "timestamp"),
    ("timestamp", "session_id", "prompt_name"),
    ("timestamp",),
)


@dataclass(frozen=True)
class Measured:
    """One phase of one contender in one round."""

    contender: str
    phase: str
    rows: int
    seconds: float
    startup_seconds: float
    cpu_seconds: float
    server_cpu_seconds: float
    peak_bytes: int
    wal_bytes: int
    inserted: int
    updated: int

    @property
    def rate(self) -> float:
        """Rows a second, over the whole process."""
        return self.rows / self.seconds

    @property
    def steady_rate(self) -> float:
        """Rows a second once it runs: without the time that loading a single row takes."""
        return self.rows / (self.seconds - self.startup_seconds)


def make_template(server: Server) -> None:
    """A database with our tables, as the migrations make them."""
    with server.connect() as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(TEMPLATE)))
    url = server.url.removesuffix(server.database) + TEMPLATE
    done = subprocess.run(
        [str(Path(sys.executable).with_name("telemetry")), "migrate"],
        env={"TARGET_TELEMETRY_POSTGRES_SQLALCHEMY_URL": url},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BenchError(f"telemetry migrate failed: {done.stderr.strip()[-500:]}")


def measure(
    contender: Contender, environment: Path, server: Server, inputs: Inputs
) -> list[Measured]:
    """One contender's turn: an empty table, and the phases in order.

    Raises:
        BenchError: It failed, or the table does not hold what it was given.
    """
    database = f"bench_{contender.name.replace('-', '_')}"
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as folder,
        server.fresh(database, TEMPLATE) as target,
    ):
        place = Place(target, Path(folder), environment, inputs)
        startup = _prepare(contender, place)
        files = dict.fromkeys(PHASES, contender.source(inputs.first, inputs.first_csv))
        files[CHANGED] = contender.source(inputs.changed, inputs.changed_csv)
        return [_phase(contender, place, phase, file, startup) for phase, file in files.items()]


def _prepare(contender: Contender, place: Place) -> float:
    """Let it make what it makes once; the seconds of loading one record when that is there."""
    one = contender.source(place.inputs.one, place.inputs.one_csv)
    _load(contender, place, one)
    startup = _load(contender, place, one).seconds
    name = sql.Identifier(contender.schema, STREAM)
    with place.server.connect() as connection:
        connection.execute(sql.SQL("TRUNCATE {} RESTART IDENTITY").format(name))
        if contender.schema != "telemetry":
            key = connection.execute(
                "SELECT FROM pg_index WHERE indrelid = %s::regclass AND indisunique AND indkey = "
                "(SELECT attnum::text::int2vector FROM pg_attribute "
                "WHERE attrelid = indrelid AND attname = %s)",
                [f"{contender.schema}.{STREAM}", KEY],
            ).fetchone()
            if key is None:
                connection.execute(
                    sql.SQL("CREATE UNIQUE INDEX ON {} ({})").format(name, sql.Identifier(KEY))
                )
            for columns in _INDEXES:
                listed = sql.SQL(", ").join(map(sql.Identifier, columns))
                connection.execute(sql.SQL("CREATE INDEX ON {} ({})").format(name, listed))
    return 0.0 if contender is FLOOR else startup


def _phase(contender: Contender, place: Place, phase: str, file: Path, startup: float) -> Measured:
    name = sql.Identifier(contender.schema, STREAM)
    with place.server.connect() as connection:
        # What autovacuum and the checkpointer would do soon, done before the clock starts. Never
        # to an empty table: the planner would believe for minutes that it stays empty.
        if phase != FIRST:
            connection.execute(sql.SQL("VACUUM (ANALYZE) {}").format(name))
        connection.execute("CHECKPOINT")
    before, cpu = _counters(contender, place.server), place.server.cpu_seconds()
    ran = _load(contender, place, file)
    after, server_cpu = _counters(contender, place.server), place.server.cpu_seconds() - cpu
    stored = after[3]
    if stored != place.inputs.rows:
        raise BenchError(f"{contender.name}: {stored} rows stored of {place.inputs.rows}")
    wal, inserted, updated = (new - old for new, old in zip(after[:3], before[:3], strict=True))
    return Measured(
        contender=contender.name,
        phase=phase,
        rows=place.inputs.rows,
        seconds=json.loads(ran.words)["seconds"] if contender is FLOOR else ran.seconds,
        startup_seconds=startup,
        cpu_seconds=ran.cpu_seconds,
        server_cpu_seconds=server_cpu,
        peak_bytes=ran.peak_bytes,
        wal_bytes=wal,
        inserted=inserted,
        updated=updated,
    )


def _load(contender: Contender, place: Place, file: Path) -> Run:
    singer = not contender.csv and contender is not FLOOR
    ran = run(
        contender.command(place, file),
        log=place.folder / "log",
        stdin=file if singer else None,
        environment=variables(contender, place.folder),
        folder=ROOT if contender is FLOOR else place.folder,
    )
    if ran.code:
        raise BenchError(f"{contender.name} exited with {ran.code}: {ran.words.strip()[-800:]}")
    return ran


def _counters(contender: Contender, server: Server) -> tuple[int, int, int, int]:
    """WAL bytes, rows inserted and updated since ever, and rows there, when all is quiet."""
    with server.connect() as connection:
        deadline = time.monotonic() + 10
        others = (
            "SELECT FROM pg_stat_activity WHERE datname = current_database() "
            "AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )
        while connection.execute(others).fetchone() and time.monotonic() < deadline:
            time.sleep(0.02)
        query = sql.SQL(
            "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint, "
            "n_tup_ins, n_tup_upd, (SELECT count(*) FROM {table}) "
            "FROM pg_stat_user_tables WHERE relid = {name}::regclass"
        ).format(
            table=sql.Identifier(contender.schema, STREAM), name=f"{contender.schema}.{STREAM}"
        )
        found = connection.execute(query).fetchone()
    if found is None:
        raise BenchError(f"{contender.name} made no table {contender.schema}.{STREAM}")
    wal, inserted, updated, rows = found
    return wal, inserted, updated, rows

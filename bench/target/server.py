"""A scratch Postgres with default settings, on a port of 127.0.0.1, gone after the measurement.

Peers want a host, a port and a password; the suite's embedded server has a socket and trust.
"""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg import sql

from bench.page import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

START_SECONDS: Final = 60


class BenchError(Exception):
    """The measurement cannot go on; the words say why."""


@dataclass(frozen=True)
class Server:
    """How to reach a database of the scratch server."""

    port: int
    password: str
    pid: int
    database: str = "postgres"
    host: str = "127.0.0.1"
    user: str = "bench"

    @property
    def url(self) -> str:
        """The connection as most tools take it."""
        return f"postgresql://{self.user}:{self.password}@{self.host}:{self.port}/{self.database}"

    def connect(self) -> psycopg.Connection[tuple[Any, ...]]:
        """A connection in autocommit mode."""
        return psycopg.connect(self.url, autocommit=True)

    def version(self) -> str:
        """The server's version, such as 18.4."""
        with self.connect() as connection:
            return connection.info.parameter_status("server_version") or "?"

    def cpu_seconds(self) -> float:
        """Processor time of all its sessions that have ended, since ever; Linux only, else 0."""
        statistics = Path(f"/proc/{self.pid}/stat")
        if not statistics.exists():
            return 0.0
        fields = statistics.read_text(encoding="utf-8").rpartition(")")[2].split()
        return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")

    @contextmanager
    def fresh(self, database: str, template: str = "template1") -> Iterator[Server]:
        """A new database, dropped at the end."""
        name = sql.Identifier(database)
        drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name)
        with self.connect() as connection:
            connection.execute(drop)
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(name, sql.Identifier(template))
            )
        try:
            yield replace(self, database=database)
        finally:
            with self.connect() as connection:
                connection.execute(drop)


@contextmanager
def scratch_server() -> Iterator[Server]:
    """Make a cluster in a temporary folder, run it, and remove it."""
    with tempfile.TemporaryDirectory(prefix="bench-postgres-") as folder:
        home = Path(folder)
        password = secrets.token_urlsafe(12)
        (home / "password").write_text(password, encoding="utf-8")
        made = subprocess.run(
            _as_server_user(
                home,
                "initdb",
                *("--username", "bench", "--encoding", "UTF8"),
                *("--locale-provider", "builtin", "--builtin-locale", "C.UTF-8", "--locale", "C"),
                *("--auth", "scram-sha-256", "--pwfile", str(home / "password"), "--no-sync"),
            ),
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode:
            raise BenchError(f"initdb failed: {made.stderr.strip()[-500:]}")
        port = _free_port()
        command = _as_server_user(
            home,
            "postgres",
            *("-p", str(port)),
            *("-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="),
        )
        with (home / "log").open("wb") as log:
            process = subprocess.Popen(
                command, cwd=ROOT, stdout=log, stderr=log, start_new_session=True
            )
        server = Server(port=port, password=password, pid=process.pid)
        try:
            _await_ready(server, process, home / "log")
            yield server
        finally:
            process.send_signal(signal.SIGINT)
            process.wait()


def _as_server_user(home: Path, program: str, *arguments: str) -> Sequence[str]:
    """A server's program, started as a user that Postgres accepts."""
    return (sys.executable, "-m", "bench.target.server_user", str(home), program, *arguments)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _await_ready(server: Server, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            server.connect().close()
        except psycopg.OperationalError:
            time.sleep(0.05)
        else:
            return
    words = log.read_text(encoding="utf-8", errors="replace").strip()[-500:]
    raise BenchError(f"the scratch Postgres did not start: {words}")

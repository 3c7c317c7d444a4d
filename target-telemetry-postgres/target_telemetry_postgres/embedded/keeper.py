"""The process that owns an embedded server: starts it, and stops it when nobody uses it.

`embedded.py` runs it as `python -m target_telemetry_postgres.embedded.keeper HOME POSTGRES`, in a
session of its own so that Ctrl-C reaches the users and not the server. It says `ready` or one
sentence on its standard output and closes it.

Why a process: a user of the server that is killed with SIGKILL cannot stop it. Each user holds a
shared lock on `HOME/users.lock`, which the kernel releases however the user ends. The keeper waits
for the exclusive lock; when it has it, the last user is gone and it stops the server, while new
users wait for their shared lock. A server that dies under its users is started again. Should the
keeper itself be killed, the kernel ends the server (Linux), and the next to connect starts both.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import hashlib
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, NoReturn

from target_telemetry_postgres.embedded import identity

if TYPE_CHECKING:
    from types import FrameType

    from target_telemetry_postgres.embedded.identity import Ground

START_SECONDS: Final = 60.0
STOP_SECONDS: Final = 60.0
#: How long a killed server's children may take to end.
DYING_SECONDS: Final = 30.0
MOST_RESTARTS: Final = 5
MOST_LOG_BYTES: Final = 4 << 20
LONGEST_SOCKET_FOLDER: Final = 107 - len("/.s.PGSQL.5432")

_PR_SET_PDEATHSIG: Final = 1


class KeeperError(Exception):
    """The server cannot be started; the words say why."""


class Asked(BaseException):
    """SIGTERM arrived: stop the server now."""


class Keeper:
    """One server's process, from start to stop."""

    def __init__(self, home: Path, ground: Ground, log: BinaryIO) -> None:
        self.home = home
        self.postgres = ground.postgres
        self.data = ground.cluster / "data"
        self.log = log
        self.durable = os.environ.get("TELEMETRY_EMBEDDED_FSYNC", "on") != "off"

    def set_up(self) -> None:
        """Make the data folder, completely or not at all."""
        if self.data.exists():
            return
        for half_made in self.data.parent.glob("new-*"):
            shutil.rmtree(half_made)
        partial = Path(tempfile.mkdtemp(dir=self.data.parent, prefix="new-"))
        done = subprocess.run(
            [
                self.postgres.with_name("initdb"),
                *("--pgdata", partial, "--username", "postgres", "--encoding", "UTF8"),
                *("--auth-local", "trust", "--auth-host", "reject"),
                *(() if self.durable else ("--no-sync",)),
                *self._locale(),
            ],
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        if done.returncode:
            raise KeeperError(f"initdb failed: {' '.join(done.stderr.split())[-400:]}")
        partial.rename(self.data)

    def _locale(self) -> tuple[str, ...]:
        """Order by code point on every machine, so that no system update breaks an index."""
        version = subprocess.run(
            [self.postgres, "--version"], capture_output=True, text=True, check=True
        )
        major = int(version.stdout.split()[-1].split(".")[0])
        provider = ("--locale-provider", "builtin", "--builtin-locale", "C.UTF-8")
        return (*(provider if major >= 17 else ()), "--locale", "C")  # noqa: PLR2004 - a version

    def begin(self) -> subprocess.Popen[bytes]:
        """As `start`; more patient where a server has not ended as it should."""
        return self._start_again() if (self.data / "postmaster.pid").exists() else self.start()

    def start(self) -> subprocess.Popen[bytes]:
        """Start the server and wait until it takes connections."""
        self._end_orphan()
        self.sockets = socket_folder(self.home)
        # A dead server's number may live on, as another process or unburied; so may its files.
        for leftover in self.sockets.glob(".s.PGSQL.*"):
            leftover.unlink()
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.sockets),
            "unix_socket_permissions": "0700",
            "port": "5432",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "wal_level": "minimal",
            "max_wal_senders": "0",
            "jit": "off",
            "log_checkpoints": "off",
            "cluster_name": "telemetry",
        }
        if not self.durable:
            settings |= {"fsync": "off", "full_page_writes": "off"}
        server = subprocess.Popen(
            [self.postgres, "-D", self.data, *(f"--{k}={v}" for k, v in settings.items())],
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=self.log,
            preexec_fn=lambda: end_with_parent(signal.SIGINT),  # noqa: PLW1509 - one thread only
        )
        try:
            self._await_ready(server)
        except BaseException:
            server.send_signal(signal.SIGQUIT)
            server.wait()
            raise
        return server

    def _await_ready(self, server: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if server.poll() is not None:
                raise KeeperError(f"Postgres ended at once: {self._last_words()}")
            if is_ready(self.data, server.pid):
                return
            time.sleep(0.01)
        raise KeeperError(f"Postgres was not ready after {START_SECONDS:.0f} s")

    def keep(self, server: subprocess.Popen[bytes], users: int) -> None:
        """Wait until the last user is gone; start a server that died again."""
        waiter = wait_for_users(users)
        restarts = 0
        try:
            while True:
                ended, status = os.wait()
                if ended == waiter and status == 0:
                    return
                if ended == waiter:
                    waiter = wait_for_users(users)
                elif ended == server.pid:
                    server.returncode = status
                    restarts += 1
                    if restarts > MOST_RESTARTS:
                        raise KeeperError("Postgres died again and again")
                    server = self._start_again()
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(waiter, signal.SIGKILL)
            self._stop(server)

    def _start_again(self) -> subprocess.Popen[bytes]:
        """A killed server's children hold its memory for a moment, and so its data."""
        deadline = time.monotonic() + DYING_SECONDS
        while True:
            try:
                return self.start()
            except KeeperError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)

    def _stop(self, server: subprocess.Popen[bytes]) -> None:
        """Roll back what is open, flush, end; without a flush if that takes too long."""
        if server.poll() is None:
            server.send_signal(signal.SIGINT)
            try:
                server.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                server.send_signal(signal.SIGQUIT)
                server.wait()
        with contextlib.suppress(OSError):
            self.sockets.rmdir()

    def _end_orphan(self) -> None:
        """End a server whose keeper was killed, and forget one that is long gone."""
        pid_file = self.data / "postmaster.pid"
        pid = read_pid(pid_file)
        if pid is None:
            return
        deadline = time.monotonic() + STOP_SECONDS
        while serves(pid, self.data) and time.monotonic() < deadline:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGINT)
            time.sleep(0.1)
        # Postgres would take any process of that number for itself, as after a reboot.
        if not serves(pid, self.data):
            pid_file.unlink(missing_ok=True)

    def _last_words(self) -> str:
        self.log.seek(-min(self.log.tell(), 600), os.SEEK_END)
        return " ".join(self.log.read().decode(errors="replace").splitlines()[-3:])


def wait_for_users(users: int) -> int:
    """A child that ends when the exclusive lock is ours, for it shares the lock with us."""
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        end_with_parent(signal.SIGKILL)
        # All but the lock: what is open here looks held by the keeper.
        os.closerange(0, users)
        os.closerange(users + 1, 1024)
        fcntl.flock(users, fcntl.LOCK_EX)
        os._exit(0)
    return child


def end_with_parent(how: signal.Signals) -> None:
    """Have the kernel send this process a signal when its parent ends, where it can."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, how)


def read_pid(pid_file: Path) -> int | None:
    """The first line of `postmaster.pid`."""
    try:
        return int(pid_file.read_text(encoding="utf-8").split("\n", 1)[0])
    except (OSError, ValueError):
        return None


def is_ready(data: Path, pid: int) -> bool:
    """Whether that server says in `postmaster.pid` that it takes connections."""
    try:
        lines = (data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
    except OSError:
        return False
    return len(lines) > 7 and int(lines[0]) == pid and lines[7].strip() == "ready"  # noqa: PLR2004


def serves(pid: int, data: Path) -> bool:
    """Whether that process is a Postgres on this data, and not another that got the number."""
    if Path("/proc/self/cmdline").exists():
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ")
        except OSError:
            return False
    else:
        listed = ["ps", "-ww", "-o", "args=", "-p", str(pid)]
        command = subprocess.run(listed, capture_output=True, check=False).stdout
    return b"postgres" in command and os.fsencode(data) in command


def socket_folder(home: Path) -> Path:
    """A folder only for us, with a name short enough for a socket, the same every time."""
    user = os.geteuid()
    name = hashlib.sha256(f"{user}:{home}".encode()).hexdigest()[:10]
    for base in (tempfile.gettempdir(), "/tmp"):  # noqa: S108 - checked to be ours below
        folder = Path(base, f"telemetry-{name}")
        if len(os.fsencode(folder)) > LONGEST_SOCKET_FOLDER:
            continue
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        found = folder.lstat()
        if stat.S_ISDIR(found.st_mode) and found.st_uid == user and not found.st_mode & 0o077:
            return folder
    return Path(tempfile.mkdtemp(prefix="telemetry-", dir="/tmp"))


def say(words: str) -> None:
    """Tell the process that started us, once."""
    sys.stdout.write(words)
    sys.stdout.flush()
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _asked(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise Asked


def main() -> int:
    """Keep the server in HOME."""
    home, postgres = Path(sys.argv[1]), Path(sys.argv[2])
    for ignored in (signal.SIGINT, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _asked)
    os.umask(0o077)
    try:
        users = os.open(home / "users.lock", os.O_RDWR)
        mine = os.open(home / "keeper.lock", os.O_RDWR)
        fcntl.flock(mine, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(mine, 0)
        os.write(mine, str(os.getpid()).encode())
        with _open_log(home / "server.log") as log:
            keeper = Keeper(home, identity.assume(home, postgres), log)
            os.chdir("/")
            keeper.set_up()
            server = keeper.begin()
            say("ready")
            keeper.keep(server, users)
    except Asked:
        return 0
    except (KeeperError, identity.IdentityError, OSError) as error:
        say(str(error))
        return 1
    return 0


def _open_log(log: Path) -> BinaryIO:
    if log.exists() and log.stat().st_size > MOST_LOG_BYTES:
        log.replace(log.with_suffix(".log.1"))
    return log.open("a+b")


if __name__ == "__main__":
    sys.exit(main())

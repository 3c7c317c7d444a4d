"""The embedded server with real processes that come, go and are killed."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from target_telemetry_postgres.embedded.server import EmbeddedServer, client_binary, postgres_binary
from target_telemetry_postgres.errors import EmbeddedError
from target_telemetry_postgres.postgres.database import open_database

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

USER = """
import signal, sys
from target_telemetry_postgres.postgres.database import open_database
with open_database({"embedded_path": sys.argv[1]}) as database:
    with database.connect(autocommit=True) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS visits (pid int)")
        connection.execute("INSERT INTO visits VALUES (pg_backend_pid())")
    print("in", flush=True)
    sys.stdin.readline()
    with database.connect(autocommit=True) as connection:
        print(connection.execute("SELECT count(*) FROM visits").fetchone()[0], flush=True)
"""

RACER = """
import sys
from target_telemetry_postgres.postgres.database import open_database
with open_database({"embedded_path": sys.argv[1]}) as database, database.connect() as connection:
    print(connection.execute("SELECT pg_postmaster_start_time()").fetchone())
"""

STRANGER = """
import sys
from target_telemetry_postgres.embedded.server import EmbeddedServer
try:
    EmbeddedServer(sys.argv[1]).__enter__()
except Exception as error:
    print(type(error).__name__, error)
"""

NOBODY = 65534
NAMELESS = 54321

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs to be root")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TELEMETRY_EMBEDDED_FSYNC", "off")
    return tmp_path / "postgres"


@contextmanager
def user(home: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that uses the server until it is told to leave."""
    with subprocess.Popen(
        [sys.executable, "-c", USER, str(home)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "in\n"
        try:
            yield process
        finally:
            process.kill()


def leave(process: subprocess.Popen[str]) -> int:
    """Let it end by itself, and say how many visits it counted."""
    answer, _ = process.communicate("\n", timeout=60)
    assert process.returncode == 0
    return int(answer)


def processes(home: Path) -> list[int]:
    """The keeper's and the server's."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        is_ours = any(word.endswith((b"postgres", b"embedded_keeper")) for word in command)
        if is_ours and any(os.fsencode(home) in word for word in command):
            found.append(int(folder.name))
    return found


def keeper_pid(home: Path) -> int:
    return int((home / "keeper.lock").read_text())


def server_pid(home: Path) -> int:
    return int((home / "cluster/data/postmaster.pid").read_text().split()[0])


def eventually(what: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if what():
            return True
        time.sleep(0.02)
    return False


def test_rows_outlive_the_server_and_nothing_else_does(home: Path) -> None:
    with open_database({"embedded_path": str(home)}) as database:
        with database.connect() as connection:
            connection.execute("CREATE TABLE kept AS SELECT 1 AS one")
        sockets = Path(str(psycopg.conninfo.conninfo_to_dict(database.conninfo)["host"]))
        assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
    assert processes(home) == []
    assert not sockets.exists()

    with open_database({"embedded_path": str(home)}) as database, database.connect() as connection:
        assert connection.execute("SELECT one FROM kept").fetchone() == (1,)
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
        assert connection.execute("SHOW server_encoding").fetchone() == ("UTF8",)


def test_users_share_one_server_and_the_last_one_stops_it(home: Path) -> None:
    with user(home) as first, user(home) as second:
        server = server_pid(home)
        leave(first)
        assert server_pid(home) == server
        assert leave(second) == 2
    assert processes(home) == []


def test_users_that_start_at_the_same_moment_share_one_server(home: Path) -> None:
    racers = [
        subprocess.Popen(
            [
                *(sys.executable, "-c", RACER, str(home)),
            ],
            stdout=subprocess.PIPE,
        )
        for _ in range(5)
    ]
    answers = [racer.communicate(timeout=90)[0] for racer in racers]

    assert [racer.returncode for racer in racers] == [0] * 5
    assert all(answers)
    assert eventually(lambda: processes(home) == [])


def test_when_the_only_user_is_killed_the_server_stops_by_itself(home: Path) -> None:
    with user(home) as only:
        assert len(processes(home)) >= 2
        os.kill(only.pid, signal.SIGKILL)

    assert eventually(lambda: processes(home) == [])
    with open_database({"embedded_path": str(home)}) as database, database.connect() as connection:
        assert connection.execute("SELECT count(*) FROM visits").fetchone() == (1,)


def test_killing_one_user_leaves_the_others_at_work(home: Path) -> None:
    with user(home) as killed, user(home) as other:
        os.kill(killed.pid, signal.SIGKILL)
        killed.wait()
        assert leave(other) == 2
    assert eventually(lambda: processes(home) == [])


def test_a_killed_server_is_started_again_under_its_users(home: Path) -> None:
    with open_database({"embedded_path": str(home)}) as database:
        with database.connect() as connection:
            connection.execute("CREATE TABLE kept AS SELECT 1 AS one")
        killed = server_pid(home)
        os.kill(killed, signal.SIGKILL)
        with database.connect() as connection:
            assert connection.execute("SELECT one FROM kept").fetchone() == (1,)
        assert server_pid(home) != killed
    assert eventually(lambda: processes(home) == [])


def test_a_killed_keeper_is_replaced_by_the_next_to_connect(home: Path) -> None:
    with open_database({"embedded_path": str(home)}) as database:
        killed = keeper_pid(home)
        server = server_pid(home)
        os.kill(killed, signal.SIGKILL)
        assert eventually(lambda: server not in processes(home)), "the kernel ends the server"
        with database.connect() as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        assert keeper_pid(home) != killed
    assert eventually(lambda: processes(home) == [])


def test_killing_everything_at_once_loses_nothing_that_was_committed(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TELEMETRY_EMBEDDED_FSYNC", "on")
    with user(home) as only:
        for pid in [only.pid, *processes(home)]:
            # One that was killed may have taken the next along.
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    with open_database({"embedded_path": str(home)}) as database, database.connect() as connection:
        assert connection.execute("SELECT count(*) FROM visits").fetchone() == (1,)


def test_a_killed_servers_child_that_is_slow_to_end_is_awaited(home: Path) -> None:
    with user(home) as only, open_database({"embedded_path": str(home)}) as database:
        with database.connect(purpose="slow") as connection:
            child = connection.info.backend_pid
            os.kill(child, signal.SIGSTOP)
            for pid in (keeper_pid(home), server_pid(home), only.pid):
                os.kill(pid, signal.SIGKILL)
        with subprocess.Popen(
            [sys.executable, "-c", RACER, str(home)], stdout=subprocess.PIPE, text=True
        ) as next_one:
            log = home / "server.log"
            assert eventually(lambda: "shared memory block" in log.read_text())
            os.kill(child, signal.SIGKILL)
            answer, _ = next_one.communicate(timeout=60)
    assert next_one.returncode == 0
    assert "datetime" in answer


def test_ctrl_c_reaches_the_users_and_not_the_server(home: Path) -> None:
    with user(home) as interrupted, user(home) as other:
        os.killpg(interrupted.pid, signal.SIGINT)
        interrupted.wait()
        assert leave(other) == 2


def test_a_pid_file_from_before_a_reboot_does_not_hold_the_server_up(home: Path) -> None:
    with EmbeddedServer(home):
        lines = (home / "cluster/data/postmaster.pid").read_text().splitlines(keepends=True)
    recycled = f"{os.getpid()}\n"
    (home / "cluster/data/postmaster.pid").write_text("".join([recycled, *lines[1:]]))

    with EmbeddedServer(home) as server, psycopg.connect(server.conninfo) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_half_made_cluster_is_made_anew(home: Path) -> None:
    (home / "cluster/new-killed/base").mkdir(parents=True)

    with EmbeddedServer(home) as server, psycopg.connect(server.conninfo) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert [path.name for path in (home / "cluster").iterdir()] == ["data"]


def test_a_folder_with_a_very_long_name_works(tmp_path: Path, home: Path) -> None:
    deep = tmp_path / ("long" * 50) / "postgres"

    with EmbeddedServer(deep) as server, psycopg.connect(server.conninfo) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_data_of_an_unknown_version_is_refused_and_left_alone(home: Path) -> None:
    (home / "cluster/data").mkdir(parents=True)
    (home / "cluster/data/PG_VERSION").write_text("9\n")

    with pytest.raises(EmbeddedError, match=r"made by Postgres 9, and only .* is installed"):
        EmbeddedServer(home).__enter__()
    assert processes(home) == []


def test_data_of_an_older_version_keeps_its_server(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    newest = postgres_binary(home)
    older = newest.parents[2] / "pginstall" / "bin" / "postgres"
    if not older.exists():
        pytest.skip("the installed wheel brings one version only")
    with monkeypatch.context() as patch:
        patch.setattr("target_telemetry_postgres.embedded.server.postgres_binary", lambda _: older)
        with EmbeddedServer(home):
            pass

    assert postgres_binary(home / "cluster/data") == older != newest
    with EmbeddedServer(home) as server, psycopg.connect(server.conninfo) as connection:
        assert connection.info.server_version // 10000 == 16


def test_a_server_that_cannot_start_says_why_in_one_sentence(home: Path) -> None:
    with EmbeddedServer(home):
        pass
    (home / "cluster/data/postgresql.conf").write_text("no_such_setting = 1\n")

    with pytest.raises(EmbeddedError, match=r"did not start: .*server\.log"):
        EmbeddedServer(home).__enter__()
    assert eventually(lambda: processes(home) == [])


def test_psql_is_found_and_connects(home: Path) -> None:
    psql = client_binary("psql")
    assert psql is not None
    with EmbeddedServer(home) as server:
        done = subprocess.run(
            [psql, "-X", "-A", "-t", "-c", "SELECT 40 + 2", server.conninfo],
            capture_output=True,
            text=True,
            check=True,
        )
    assert done.stdout == "42\n"


# --- as root, and as others


@as_root
def test_root_without_namespaces_runs_the_server_as_nobody(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = tmp_path / "shared"
    monkeypatch.setenv("TELEMETRY_EMBEDDED_NO_NAMESPACE", "1")
    monkeypatch.setenv("TELEMETRY_EMBEDDED_SHARED_PLACE", str(shared))
    open_up(tmp_path)

    with user(home) as other:
        owner = Path(f"/proc/{server_pid(home)}").stat().st_uid
        assert owner != 0
        assert (home / "cluster").stat().st_uid == owner
        assert leave(other) == 1
    monkeypatch.delenv("TELEMETRY_EMBEDDED_NO_NAMESPACE")
    with user(home) as later:
        assert Path(f"/proc/{server_pid(home)}").stat().st_uid == owner
        assert leave(later) == 2


@as_root
def test_what_nobody_cannot_reach_is_put_where_it_can(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared, closed = tmp_path / "shared", tmp_path / "closed"
    monkeypatch.setenv("TELEMETRY_EMBEDDED_NO_NAMESPACE", "1")
    monkeypatch.setenv("TELEMETRY_EMBEDDED_SHARED_PLACE", str(shared))
    open_up(tmp_path)
    closed.mkdir(mode=0o700)

    for visits in (1, 2):
        with user(closed / "postgres") as other:
            assert leave(other) == visits
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700
    assert (closed / "postgres/cluster").resolve().parent == shared


@as_root
def test_binaries_that_nobody_can_reach_are_copied_once(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared, closed = tmp_path / "shared", tmp_path / "closed"
    monkeypatch.setenv("TELEMETRY_EMBEDDED_NO_NAMESPACE", "1")
    monkeypatch.setenv("TELEMETRY_EMBEDDED_SHARED_PLACE", str(shared))
    open_up(tmp_path)
    closed.mkdir(mode=0o700)
    installed = postgres_binary(home)
    site = installed.parents[3]
    ignored = shutil.ignore_patterns("include")
    for part in (installed.parents[1], site / f"{installed.parents[2].name}.libs"):
        if part.exists():
            shutil.copytree(part, closed / part.relative_to(site), ignore=ignored)
    hidden = closed / installed.relative_to(site)
    monkeypatch.setattr(
        "target_telemetry_postgres.embedded.server.postgres_binary", lambda _: hidden
    )

    for _ in range(2):
        with EmbeddedServer(home) as server, psycopg.connect(server.conninfo) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)

    assert len(list(shared.glob("postgres-*"))) == 1
    assert list(shared.glob("partial-*")) == []
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700


@as_root
@pytest.mark.parametrize("uid", [NOBODY, NAMELESS], ids=["named", "nameless"])
def test_an_ordinary_user_runs_the_server_as_itself(tmp_path: Path, uid: int) -> None:
    """Also one without an entry in passwd, as containers start them."""
    open_up(tmp_path)
    mine = tmp_path / "mine"
    mine.mkdir()
    os.chown(mine, uid, uid)

    done = as_user(uid, USER, mine / "postgres")

    assert done.stdout == "in\n1\n", done.stderr
    assert (mine / "postgres/cluster/data").stat().st_uid == uid
    assert eventually(lambda: processes(mine) == [])


@as_root
def test_a_folder_of_someone_else_is_refused_with_a_sentence(tmp_path: Path) -> None:
    open_up(tmp_path)

    done = as_user(NOBODY, STRANGER, tmp_path / "postgres")

    assert done.stdout.startswith("EmbeddedError The embedded Postgres cannot use"), done.stderr
    assert "Permission denied; run as the folder's owner" in done.stdout


def as_user(uid: int, script: str, home: Path) -> subprocess.CompletedProcess[str]:
    """Run a script as an ordinary user, with an interpreter that such a user can start."""
    environ = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "TELEMETRY_EMBEDDED_FSYNC": "off",
    }
    same_version = f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}"
    for python in (sys.executable, same_version):
        try:
            return subprocess.run(
                [python, "-c", script, str(home)],
                user=uid,
                group=uid,
                extra_groups=[],
                env=environ,
                cwd="/",
                input="\n",
                capture_output=True,
                text=True,
                check=False,
            )
        except OSError:
            continue
    return pytest.skip("an ordinary user cannot start this Python")


def open_up(path: Path) -> None:
    """Let others pass pytest's own folders, which are private."""
    for folder in (path, *path.parents):
        if folder.parent == Path(folder.anchor):
            return
        folder.chmod(folder.stat().st_mode | stat.S_IXOTH)


def test_the_server_is_only_for_its_owner(home: Path) -> None:
    with EmbeddedServer(home):
        assert stat.S_IMODE(home.stat().st_mode) & 0o077 in {0, 0o011}
        assert stat.S_IMODE((home / "cluster").stat().st_mode) == 0o700
        hba = (home / "cluster/data/pg_hba.conf").read_text()
    rules = [line.split() for line in hba.splitlines() if line and not line.startswith("#")]
    assert {rule[-1] for rule in rules if rule[0] == "host"} == {"reject"}
    shutil.rmtree(home)

"""What fails before the first record or after the last is one sentence, and an end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import sql

from support.singer import lines, record, schema, state
from target_telemetry_postgres.errors import DatabaseError, MigrationError
from target_telemetry_postgres.postgres.conninfo import choose, describe

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.singer import Loader

STREAM = schema("s", {"id": {"type": "integer"}}, ["id"])
SECRET = "hunter2secret"


def run(config: str, text: str = "") -> subprocess.CompletedProcess[str]:
    """The command, ended if it does not end by itself."""
    return subprocess.run(
        [sys.executable, "-m", "target_telemetry_postgres", "--config", config],
        input=text,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={name: value for name, value in os.environ.items() if name != "TELEMETRY_DEBUG"},
    )


def begun(config: str) -> subprocess.Popen[str]:
    """The command at work."""
    return subprocess.Popen(
        [sys.executable, "-m", "target_telemetry_postgres", "--config", config],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def written(folder: Path, **settings: Any) -> str:
    file = folder / "config.json"
    file.write_text(json.dumps(settings))
    return str(file)


@pytest.fixture
def stranger(loader: Loader) -> Iterator[str]:
    """A role without any rights; the URL to connect as it."""
    name = f"stranger_{loader.database.conninfo.split('dbname=')[1].split()[0]}"
    role = sql.Identifier(name)
    with psycopg.connect(loader.database.conninfo, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(role))
    yield loader.url.replace("://postgres@", f"://{name}@", 1)
    with psycopg.connect(loader.database.conninfo, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP OWNED BY {}").format(role))
        connection.execute(sql.SQL("DROP ROLE {}").format(role))


def test_pruning_that_is_refused_ends_the_run_with_the_rows_kept(
    loader: Loader, tmp_path: Path
) -> None:
    loader.execute(
        "INSERT INTO llm_calls (call_id, timestamp, created_at)"
        " VALUES (gen_random_uuid(), now(), now() - interval '2 years')"
    )
    loader.execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
        " $$BEGIN RAISE EXCEPTION 'rows stay here'; END$$"
    )
    loader.execute(
        "CREATE TRIGGER refuse BEFORE DELETE ON llm_calls FOR EACH ROW EXECUTE FUNCTION refuse()"
    )
    text = lines([STREAM, record("s", {"id": 1}), state(a=1)])
    done = run(written(tmp_path, sqlalchemy_url=loader.url), text)
    assert (done.returncode, done.stdout) == (1, '{"a": 1}\n')
    assert "rows stay here" in done.stderr.splitlines()[-1]
    assert loader.table("s") == [{"id": 1}]
    assert (loader.ledger("s")["status"], loader.ledger("s")["rows_inserted"]) == ("failed", 1)


def test_an_error_that_nobody_thought_of_ends_the_run_in_order(
    loader: Loader, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("nobody thought of this")

    loader.load(STREAM)
    monkeypatch.setattr("target_telemetry_postgres.write.writer.write", fail)
    rows = [record("s", {"id": number}) for number in range(100)]
    with pytest.raises(RuntimeError, match="nobody thought"):
        loader.load(STREAM, rows, state(a=1), batch_size_rows=10)
    assert (loader.emitted, loader.table("s")) == ([], [])
    assert loader.ledger("s")["status"] == "failed"
    assert "nobody thought" in loader.ledger("s")["error"]


def test_a_role_without_rights_is_told_so_on_start(loader: Loader, stranger: str) -> None:
    with pytest.raises(DatabaseError, match=r"^Postgres does not allow this .*permission denied"):
        loader.load(STREAM, sqlalchemy_url=stranger, migrate="off")


def test_a_schema_without_our_tables_is_named_on_start(loader: Loader) -> None:
    with pytest.raises(MigrationError, match="telemetry migrate"):
        loader.load(STREAM, default_target_schema="elsewhere", migrate="off")


@pytest.mark.parametrize(
    "settings",
    [
        {"password": 5_318_008_123},
        {"sqlalchemy_url": [f"postgresql://u:{SECRET}@h/db"]},
        {"sqlalchemy_url": f"postgresql://u:{SECRET}/x{SECRET}@127.0.0.1:1/db"},
    ],
)
def test_a_secret_that_is_badly_given_is_not_repeated(
    tmp_path: Path, settings: dict[str, Any]
) -> None:
    done = run(written(tmp_path, connect_retry_seconds=0, **settings))
    assert done.returncode == 1
    assert done.stderr
    for secret in (SECRET, "5318008123"):
        assert secret not in done.stdout + done.stderr


@pytest.mark.parametrize("text", ['{"password": "x", ', None])
def test_a_configuration_that_cannot_be_read_is_one_line(tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "config.json"
    if text is not None:
        file.write_text(text)
    done = run(str(file))
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert ("file is not JSON" if text else "was not found.") in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("password", ["a/b", "/", "a/b@c", "a?b", "a?b/c", "a b", "1/2"])
@pytest.mark.parametrize("rest", ["h:1/db", "h:1/db?application_name=x%40y"])
def test_a_password_may_hold_what_ends_it_elsewhere(password: str, rest: str) -> None:
    made = choose({"sqlalchemy_url": f"postgresql://u:{password}@{rest}"}, {})
    assert made is not None
    assert psycopg.conninfo.conninfo_to_dict(made.conninfo)["password"] == password
    assert describe(made.conninfo) == "database db on h:1 as u"


@pytest.mark.parametrize("url", ["h:1/db?user=u@v", "h/db?user=u@v", "/db?host=h&user=u@v"])
def test_an_at_sign_in_a_parameter_is_no_password(url: str) -> None:
    made = choose({"sqlalchemy_url": f"postgresql://{url}"}, {})
    assert made is not None
    parts = psycopg.conninfo.conninfo_to_dict(made.conninfo)
    assert (parts["host"], parts["dbname"], parts["user"]) == ("h", "db", "u@v")
    assert "password" not in parts


def test_a_password_that_is_also_the_users_name_hides_no_words(loader: Loader) -> None:
    url = "postgresql://postgres:postgres@127.0.0.1:1/postgres"
    with pytest.raises(DatabaseError, match=r"database postgres on 127.0.0.1:1 as postgres"):
        loader.load(STREAM, sqlalchemy_url=url, connect_retry_seconds=0)


def test_a_signal_while_old_rows_go_ends_the_run_with_its_number(
    loader: Loader, tmp_path: Path
) -> None:
    loader.execute(
        "INSERT INTO llm_calls (call_id, timestamp, created_at)"
        " SELECT gen_random_uuid(), now(), now() - interval '2 years' FROM generate_series(1, 60)"
    )
    loader.execute(
        "CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS"
        " $$BEGIN PERFORM pg_sleep(0.05); RETURN old; END$$"
    )
    loader.execute(
        "CREATE TRIGGER dawdle BEFORE DELETE ON llm_calls FOR EACH ROW EXECUTE FUNCTION dawdle()"
    )
    target = begun(written(tmp_path, sqlalchemy_url=loader.url))
    assert target.stdin is not None
    target.stdin.write(lines([STREAM, record("s", {"id": 1}), state(a=1)]))
    target.stdin.close()
    pruning = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND state = 'active' AND query LIKE 'WITH gone AS (%DELETE%llm_calls%'"
    )
    deadline = time.monotonic() + 60
    while not loader.query(pruning)[0][0] and time.monotonic() < deadline:
        time.sleep(0.02)
    target.send_signal(signal.SIGTERM)
    target.stdin = None
    out, err = target.communicate(timeout=60)
    assert (target.returncode, out) == (143, '{"a": 1}\n'), err
    assert loader.ledger("s")["status"] == "interrupted"
    assert loader.table("llm_calls") == []


def test_a_signal_while_a_server_is_awaited_ends_the_wait(tmp_path: Path) -> None:
    config = written(
        tmp_path, sqlalchemy_url="postgresql://u@127.0.0.1:1/db", connect_retry_seconds=600
    )
    target = begun(config)
    assert target.stderr is not None
    for line in target.stderr:
        if "Trying again" in line:
            break
    target.send_signal(signal.SIGTERM)
    out, err = target.communicate(timeout=60)
    assert (target.returncode, out) == (143, "")
    assert "Traceback" not in err

"""Connecting, with real servers: with a password, with TLS, down, coming up, refusing."""

from __future__ import annotations

import logging
import threading
import time
import traceback
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
import sqlalchemy
from psycopg.conninfo import conninfo_to_dict

from support.tcp import PASSWORD, TcpServer, TlsFront, free_port, make_certificates, tcp_server
from target_telemetry_postgres.errors import ConfigError, DatabaseError, TelemetryError
from target_telemetry_postgres.postgres.database import Database, open_database
from target_telemetry_postgres.postgres.failures import explain, is_transient

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from support.postgres import PostgresServer

NOW = {"connect_retry_seconds": 0}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TcpServer]:
    with tcp_server(tmp_path_factory.mktemp("tcp") / "server") as running:
        yield running


def fields(server: TcpServer, **more: Any) -> dict[str, Any]:
    return {
        "host": server.host,
        "port": server.port,
        "user": server.user,
        "password": server.password,
        "database": "postgres",
        **NOW,
        **more,
    }


def ask(config: Mapping[str, Any], question: str = "SELECT current_user") -> Any:
    with open_database(config) as database, database.connect() as connection:
        row = connection.execute(question).fetchone()
    assert row is not None
    return row[0]


def refusal(config: Mapping[str, Any], question: str = "SELECT 1") -> str:
    with pytest.raises(TelemetryError) as caught:
        ask(config, question)
    return str(caught.value)


# --- ways to say which server


def test_single_fields_connect(server: TcpServer) -> None:
    assert ask(fields(server)) == "postgres"


@pytest.mark.parametrize(
    "scheme", ["postgresql", "postgres", "postgresql+psycopg", "postgresql+psycopg2", "POSTGRESQL"]
)
def test_a_url_in_sqlalchemys_or_libpqs_spelling_connects(server: TcpServer, scheme: str) -> None:
    url = sqlalchemy.URL.create(
        "postgresql",
        username="postgres",
        password=PASSWORD,
        host=server.host,
        port=server.port,
        database="postgres",
    ).render_as_string(hide_password=False)

    assert ask({"sqlalchemy_url": url.replace("postgresql", scheme, 1), **NOW}) == "postgres"


def test_a_password_kept_apart_from_the_url_is_used(server: TcpServer) -> None:
    url = f"postgresql://postgres@{server.host}:{server.port}/postgres"

    assert ask({"sqlalchemy_url": url, "password": PASSWORD, **NOW}) == "postgres"


def test_libpqs_own_variables_choose_the_server(
    server: TcpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGHOST", server.host)
    monkeypatch.setenv("PGPORT", str(server.port))
    monkeypatch.setenv("PGUSER", "postgres")
    monkeypatch.setenv("PGPASSWORD", PASSWORD)

    assert ask(NOW) == "postgres"


def test_a_service_and_a_password_file_are_enough(
    server: TcpServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "services").write_text(
        f"[telemetry]\nhost={server.host}\nport={server.port}\nuser=postgres\ndbname=postgres\n"
    )
    escaped = PASSWORD.replace(":", r"\:")
    (tmp_path / "pgpass").touch(mode=0o600)
    (tmp_path / "pgpass").write_text(f"{server.host}:{server.port}:*:postgres:{escaped}\n")
    monkeypatch.setenv("PGSERVICEFILE", str(tmp_path / "services"))
    monkeypatch.setenv("PGPASSFILE", str(tmp_path / "pgpass"))
    monkeypatch.setenv("PGSERVICE", "telemetry")

    assert ask(NOW) == "postgres"


def test_sqlalchemy_reaches_the_same_server(server: TcpServer) -> None:
    with open_database(fields(server)) as database:
        engine = sqlalchemy.create_engine(database.sqlalchemy_url())
        with engine.connect() as connection:
            port = connection.execute(sqlalchemy.text("SHOW port")).scalar()
        engine.dispose()
    assert port == str(server.port)


def test_sqlalchemy_reaches_a_socket_too(database: Database) -> None:
    engine = sqlalchemy.create_engine(database.sqlalchemy_url())
    with engine.connect() as connection:
        assert connection.execute(sqlalchemy.text("SELECT 1")).scalar() == 1
    engine.dispose()


def test_several_hosts_are_tried_in_turn(server: TcpServer) -> None:
    url = f"postgresql://postgres@127.0.0.1:{free_port()},{server.host}:{server.port}/postgres"
    config = {"sqlalchemy_url": url, "password": PASSWORD, **NOW}

    assert ask(config) == "postgres"
    with open_database(config) as database:
        engine = sqlalchemy.create_engine(database.sqlalchemy_url())
        with engine.connect() as connection:
            assert connection.execute(sqlalchemy.text("SELECT 1")).scalar() == 1
        engine.dispose()


def test_half_a_connection_is_refused_rather_than_guessed() -> None:
    assert "neither host nor database is" in refusal({"user": "me", "password": "x"})


def test_postgres_own_schemas_are_refused() -> None:
    assert "keeps for itself" in refusal({"host": "x", "default_target_schema": "pg_catalog"})


@pytest.mark.parametrize(
    "url",
    [
        f"mysql://u:{PASSWORD}@h/d",
        "postgresql://u:hunter2%zz@h/d",
        "host=h password='hunter2",
        "hunter2",
    ],
)
def test_a_url_that_is_not_understood_is_not_shown(url: str) -> None:
    with pytest.raises(ConfigError, match="it should look like postgresql://") as caught:
        ask({"sqlalchemy_url": url, **NOW})
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


# --- every session is alike


def test_a_session_is_in_utc_and_says_what_it_is_for(
    server: TcpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGTZ", "America/New_York")
    config = fields(server, application_name="ours", lock_timeout_seconds=1.5)
    with open_database(config) as database, database.connect(purpose="prune") as connection:
        for name, value in {
            "timezone": "UTC",
            "application_name": "ours prune",
            "lock_timeout": "1500ms",
        }.items():
            assert connection.execute(f"SHOW {name}").fetchone() == (value,)


def test_autocommit_is_as_asked(database: Database) -> None:
    for autocommit in (True, False):
        with closing(database.connect(autocommit=autocommit)) as connection:
            assert connection.autocommit is autocommit
            assert connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE


# --- what goes wrong


def test_unreachable(server: TcpServer) -> None:
    port = free_port()

    said = refusal(fields(server, port=port))

    assert said == (
        f"Postgres cannot be reached: database postgres on 127.0.0.1:{port} as postgres; "
        "is it running, and are host and port right?"
    )


def test_an_unknown_host(server: TcpServer) -> None:
    assert "check the host name" in refusal(fields(server, host="no-such-host.invalid"))


def test_a_wrong_password(server: TcpServer) -> None:
    said = refusal(fields(server, password="wrong-hunter3"))

    assert "refused the password" in said
    assert "as postgres; check user and password" in said


def test_no_such_database(server: TcpServer) -> None:
    said = refusal(fields(server, database="nowhere"))

    assert "has no such database: database nowhere on 127.0.0.1" in said


def test_tls_that_the_server_does_not_speak(server: TcpServer) -> None:
    assert "do not agree on TLS" in refusal(fields(server, ssl_mode="require"))


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("53100", "has no disk space left"),
        ("53200", "is out of memory"),
        ("53300", "has no free connection"),
        ("57014", "cancelled the statement"),
        ("XX000", "failed at database postgres .*: a strange thing happened"),
    ],
)
def test_a_failure_on_the_servers_side_is_worded(server: TcpServer, state: str, words: str) -> None:
    with open_database(fields(server)) as database, database.connect() as connection:
        with pytest.raises(psycopg.Error) as caught:
            connection.execute(
                "DO $$ BEGIN RAISE EXCEPTION 'a strange thing happened'"
                f" USING ERRCODE = '{state}'; END $$"
            )
        with pytest.raises(DatabaseError, match=f"^Postgres {words}"):
            raise explain(caught.value, database)


def test_a_read_only_server_is_called_a_replica(
    postgres_server: PostgresServer, database: Database
) -> None:
    with database.connect() as connection:
        connection.execute("SET TRANSACTION READ ONLY")
        with pytest.raises(psycopg.Error) as caught:
            connection.execute("DELETE FROM telemetry.llm_calls")

    assert "is read-only at" in str(explain(caught.value, database))
    assert not is_transient(caught.value)


def test_a_lock_that_is_not_given_in_time_is_worded_and_may_be_tried_again(
    postgres_server: PostgresServer, database: Database
) -> None:
    hasty = postgres_server.database(postgres_server.dbname(database), lock_timeout=0.05)
    with database.connect() as holder, hasty.connect() as waiter:
        holder.execute("LOCK TABLE telemetry.llm_calls")
        with pytest.raises(psycopg.Error) as caught:
            waiter.execute("SELECT FROM telemetry.llm_calls")

    assert "waiting for a lock longer than lock_timeout_seconds" in str(
        explain(caught.value, hasty)
    )
    assert is_transient(caught.value)


# --- trying again


def test_a_server_that_comes_up_is_waited_for(tmp_path: Path) -> None:
    with tcp_server(tmp_path / "server") as server:
        server.stop()
        config = fields(server, connect_retry_seconds=60)
        answers: list[str] = []
        asking = threading.Thread(target=lambda: answers.append(ask(config)))
        asking.start()
        time.sleep(0.5)
        server.start(wait=False)
        asking.join(60)

    assert answers == ["postgres"]


def test_a_connection_that_broke_may_be_tried_again(tmp_path: Path) -> None:
    with (
        tcp_server(tmp_path / "server") as server,
        open_database(fields(server)) as database,
        database.connect() as connection,
    ):
        server.restart()
        with pytest.raises(psycopg.Error) as caught:
            connection.execute("SELECT 1")
        assert is_transient(caught.value)
        with database.connect() as again:
            assert again.execute("SELECT 1").fetchone() == (1,)


def test_a_wrong_password_is_not_tried_again(server: TcpServer) -> None:
    # With patience for ten minutes; the suite's own limit would end a test that used them.
    assert "refused" in refusal(fields(server, password="wrong", connect_retry_seconds=600))


# --- TLS


def sockets(server: PostgresServer) -> Path:
    return Path(str(conninfo_to_dict(server.conninfo)["host"]))


def test_tls_modes_check_what_they_promise(postgres_server: PostgresServer, tmp_path: Path) -> None:
    right, wrong = tmp_path / "right", tmp_path / "wrong"
    right.mkdir()
    wrong.mkdir()
    certificates = make_certificates(right)
    strangers = make_certificates(wrong, "strangers")
    with closing(TlsFront(sockets(postgres_server), certificates)) as front:
        config = {
            "host": "127.0.0.1",
            "port": front.port,
            "user": "postgres",
            "database": "postgres",
            **NOW,
        }
        trusting = {"ssl_root_cert": str(certificates.authority)}

        assert ask({**config, "ssl_mode": "require"}) == "postgres"
        assert ask({**config, "ssl_mode": "verify-full", **trusting}) == "postgres"
        said = refusal(
            {**config, "ssl_mode": "verify-ca", "ssl_root_cert": str(strangers.authority)}
        )
        assert "do not agree on TLS" in said
        assert "certificate" in said
        other_name = {**config, "host": "localhost", "ssl_mode": "verify-full", **trusting}
        assert "do not agree on TLS" in refusal(other_name)
        assert ask({**other_name, "ssl_mode": "verify-ca"}) == "postgres"


def test_a_client_certificate_lets_in(postgres_server: PostgresServer, tmp_path: Path) -> None:
    certificates = make_certificates(tmp_path)
    with closing(TlsFront(sockets(postgres_server), certificates, ask_client=True)) as front:
        config = {
            "sqlalchemy_url": f"postgresql://postgres@127.0.0.1:{front.port}/postgres",
            "ssl_mode": "verify-full",
            "ssl_root_cert": str(certificates.authority),
            **NOW,
        }
        mine = {"ssl_cert": str(certificates.client), "ssl_key": str(certificates.client_key)}

        assert ask({**config, **mine}) == "postgres"
        assert "postgres on 127.0.0.1" in refusal(config)


# --- secrets


@pytest.mark.parametrize(
    "broken",
    [
        {"port": 1},
        {"database": "nowhere"},
        {"user": "nobody-here"},
        {"host": "no-such-host.invalid"},
        {"ssl_mode": "verify-full"},
        {"ssl_mode": "verify-full", "ssl_root_cert": "/nowhere"},
    ],
)
def test_the_password_is_nowhere_in_errors_logs_or_descriptions(
    server: TcpServer, broken: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    secret = "hunter2secret"
    config = fields(server, password=secret, connect_retry_seconds=2, **broken)
    url = sqlalchemy.URL.create(
        "postgresql",
        username=config["user"],
        password=secret,
        host=config["host"],
        port=config["port"],
        database=config["database"],
    ).render_as_string(hide_password=False)
    for given in (config, {**config, "sqlalchemy_url": url}):
        with open_database(given) as database:
            assert secret in database.conninfo
            assert secret not in repr(database) + str(database) + database.describe()
            assert secret not in str(database.sqlalchemy_url())
            with pytest.raises(TelemetryError) as caught:
                database.connect()
        assert secret not in "".join(traceback.format_exception(caught.value))
    assert secret not in caplog.text

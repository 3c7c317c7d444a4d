"""Which Postgres, and a connection to it that behaves the same everywhere."""

from __future__ import annotations

import logging
import random
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from target_telemetry_postgres.errors import ConfigError, MigrationError
from target_telemetry_postgres.postgres import conninfo as _conninfo
from target_telemetry_postgres.postgres.failures import explain, is_transient
from target_telemetry_postgres.settings import with_defaults

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import sqlalchemy

_LONGEST_PAUSE: Final = 5.0
#: The first that has UNIQUE NULLS NOT DISTINCT; older ones are past their end, or close to it.
OLDEST_SERVER: Final = 150_000

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, repr=False)
class Database:
    """One Postgres database and the schema in it that holds the tables."""

    conninfo: str
    schema: str
    embedded: bool = False
    #: What says that it is this one, for people.
    source: str = ""
    #: Whether only `DATABASE_URL` names it, which may mean an application's own database.
    may_be_anybodys: bool = False
    application_name: str = "target-telemetry-postgres"
    connect_timeout: int = 10
    retry_seconds: float = 30
    lock_timeout: float = 60
    #: Starts the embedded server again should it have been killed.
    revive: Callable[[], None] | None = None

    def __repr__(self) -> str:
        return f"<Database: {self.describe()}, schema {self.schema}>"

    def connect(
        self, *, autocommit: bool = False, purpose: str = "load"
    ) -> psycopg.Connection[tuple[Any, ...]]:
        """Connect, waiting out a server that is on its way up.

        Raises:
            DatabaseError: With the sentence for what went wrong.
        """
        give_up = time.monotonic() + self.retry_seconds
        pause = 0.1
        while True:
            try:
                return self._connect_once(autocommit=autocommit, purpose=purpose)
            except psycopg.Error as error:
                if not is_transient(error) or time.monotonic() + pause > give_up:
                    raise explain(error, self) from error
                if pause >= 1:
                    log.warning("%s Trying again.", explain(error, self))
                if self.revive is not None:
                    self.revive()
            time.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 - jitter is no secret
            pause = min(pause * 2, _LONGEST_PAUSE)

    def _connect_once(
        self, *, autocommit: bool, purpose: str
    ) -> psycopg.Connection[tuple[Any, ...]]:
        connection = psycopg.connect(
            self.conninfo,
            autocommit=True,
            # Prepared statements would not survive a pooler that hands out other servers.
            prepare_threshold=None,
            application_name=f"{self.application_name} {purpose}"[:63],
            connect_timeout=self.connect_timeout,
        )
        if connection.info.server_version < OLDEST_SERVER:
            number = connection.info.parameter_status("server_version")
            connection.close()
            raise ConfigError(
                f"Postgres {number} is too old at {self.describe()}; 15 or newer is needed, which "
                "can keep rows unique whose key holds NULL."
            )
        try:
            connection.execute(_session(self.lock_timeout))
        except psycopg.Error:
            connection.close()
            raise
        connection.autocommit = autocommit
        return connection

    def sqlalchemy_url(self) -> sqlalchemy.URL:
        """The same server for SQLAlchemy with its psycopg dialect."""
        from sqlalchemy import URL  # noqa: PLC0415 - slow to import, and most callers never need it

        parts: dict[str, Any] = {
            name: str(value)
            for name, value in conninfo_to_dict(self.conninfo).items()
            if value is not None
        }
        user, password = parts.pop("user", None), parts.pop("password", None)
        dbname = parts.pop("dbname", None)
        host, port = parts.get("host", ""), parts.get("port", "")
        if "," in host:
            ports = (port.split(",") + [""] * host.count(","))[: host.count(",") + 1]
            parts["host"] = tuple(
                f"{name}:{number or port.split(',')[0] or 5432}"
                for name, number in zip(host.split(","), ports, strict=True)
            )
            parts.pop("port", None)
        return URL.create(
            "postgresql+psycopg", username=user, password=password, database=dbname, query=parts
        )

    def describe(self) -> str:
        """`database on host:port as user`; never a secret."""
        return "the embedded server" if self.embedded else _conninfo.describe(self.conninfo)


def _session(lock_timeout: float) -> sql.Composed:
    """Settings that make sessions equal, sent as SQL because poolers refuse startup options."""
    return sql.SQL(
        "SET client_encoding TO 'UTF8'; SET timezone TO 'UTC'; SET datestyle TO 'ISO';"
        " SET intervalstyle TO 'postgres';"
        " SET bytea_output TO 'hex'; SET extra_float_digits TO 1;"
        " SET standard_conforming_strings TO on; SET lock_timeout TO {lock_timeout}"
    ).format(lock_timeout=sql.Literal(int(lock_timeout * 1000)))


@contextmanager
def explained(database: Database) -> Iterator[None]:
    """Raise what Postgres says in this block as the sentence for it."""
    try:
        yield
    except psycopg.errors.UndefinedTable as error:
        raise MigrationError(
            f"{database.describe()} has no tables of ours in schema "
            f'"{database.schema}" ({error.diag.message_primary}); `telemetry migrate` makes them.'
        ) from error
    except psycopg.Error as error:
        raise explain(error, database) from error


@contextmanager
def open_database(config: Mapping[str, Any]) -> Iterator[Database]:
    """The configured database, or the embedded server, held up for the length of the block."""
    config = with_defaults(config)
    schema = str(config["default_target_schema"])
    if schema.startswith("pg_") or schema == "information_schema":
        raise ConfigError(
            f"default_target_schema {schema!r} is one that Postgres keeps for itself."
        )
    session: dict[str, Any] = {
        "schema": schema,
        "application_name": config["application_name"],
        "connect_timeout": int(config["connect_timeout_seconds"]),
        "retry_seconds": float(config["connect_retry_seconds"]),
        "lock_timeout": float(config["lock_timeout_seconds"]),
    }
    chosen = _conninfo.choose(config)
    if chosen is not None:
        source = f"from {chosen.source}"
        if chosen.source == _conninfo.DATABASE_URL:
            yield Database(chosen.conninfo, source=source, may_be_anybodys=True, **session)
        else:
            yield Database(chosen.conninfo, source=source, **session)
        return
    if not config["embedded"]:
        raise ConfigError(
            "No database is configured and the embedded server is switched off here: set "
            "sqlalchemy_url (in Meltano's prod environment: DATABASE_URL) to the address of your "
            "Postgres."
        )
    from target_telemetry_postgres.embedded.server import EmbeddedServer  # noqa: PLC0415 - optional part

    with EmbeddedServer(str(config["embedded_path"])) as server:
        source = f"in {config['embedded_path']}; no other is configured"
        yield Database(
            server.conninfo, embedded=True, source=source, revive=server.ensure_running, **session
        )

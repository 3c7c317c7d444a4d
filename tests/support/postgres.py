"""Databases for tests: on one embedded server that all workers share, each test with its own."""

from __future__ import annotations

import fcntl
import os
import uuid
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from target_telemetry_postgres.embedded.server import EmbeddedServer
from target_telemetry_postgres.postgres.database import Database
from target_telemetry_postgres.postgres.migrate import upgrade

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TEMPLATE = "migrated_template"


def url_of(conninfo: str) -> str:
    """The same server as a URL, as a user would set `sqlalchemy_url`."""
    parts = conninfo_to_dict(conninfo)
    user = quote(str(parts.get("user", "")))
    if password := parts.get("password"):
        user += f":{quote(str(password))}"
    return (
        f"postgresql://{user}@/{quote(str(parts['dbname']))}"
        f"?host={quote(str(parts['host']), safe='')}&port={parts.get('port', 5432)}"
    )


@dataclass
class PostgresServer:
    """Makes databases on one server, and drops them again."""

    conninfo: str
    made: list[str] = field(default_factory=list)

    def conninfo_for(self, dbname: str) -> str:
        return make_conninfo(self.conninfo, dbname=dbname)

    def execute(self, statement: sql.Composed | sql.SQL, dbname: str = "postgres") -> None:
        with psycopg.connect(self.conninfo_for(dbname), autocommit=True) as connection:
            connection.execute(statement)

    def make_database(self, *, migrated: bool = False) -> str:
        """A fresh database's name; `migrated` holds the tables already."""
        name = f"test_{uuid.uuid4().hex[:16]}"
        template = TEMPLATE if migrated else "template0"
        self.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy").format(
                sql.Identifier(name), sql.Identifier(template)
            )
        )
        self.made.append(name)
        return name

    def copy_database(self, database: Database) -> Database:
        """The database as it is now, as a backup would hold it."""
        name = f"test_{uuid.uuid4().hex[:16]}"
        self.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy").format(
                sql.Identifier(name), sql.Identifier(self.dbname(database))
            )
        )
        return self.database(name)

    def drop_database(self, name: str) -> None:
        self.execute(
            sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
        )

    def make_template(self) -> None:
        """Migrate once; every migrated database is a copy."""
        with psycopg.connect(self.conninfo_for("postgres"), autocommit=True) as connection:
            known = connection.execute(
                "SELECT FROM pg_database WHERE datname = %s", [TEMPLATE]
            ).fetchone()
            if known is None:
                connection.execute(f"CREATE DATABASE {TEMPLATE}_new")
                upgrade(self.database(f"{TEMPLATE}_new"))
                connection.execute(f"ALTER DATABASE {TEMPLATE}_new RENAME TO {TEMPLATE}")

    def database(
        self, dbname: str, schema: str = "telemetry", *, user: str | None = None, **more: Any
    ) -> Database:
        conninfo = self.conninfo_for(dbname)
        if user is not None:
            conninfo = make_conninfo(conninfo, user=user)
        return Database(conninfo, schema, **more)

    @staticmethod
    def dbname(database: Database) -> str:
        return str(conninfo_to_dict(database.conninfo)["dbname"])

    @contextmanager
    def role(self) -> Iterator[str]:
        """A login role that may nothing, for the length of the block."""
        name = f"role_{uuid.uuid4().hex[:16]}"
        self.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(name)))
        try:
            yield name
        finally:
            self.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


@contextmanager
def shared_server(folder: Path) -> Iterator[PostgresServer]:
    """Our own embedded server, joined by every worker; fast because it may lose what it holds.

    `TELEMETRY_TEST_POSTGRES` names another, of another version, whose superuser needs no password.
    """
    if given := os.environ.get("TELEMETRY_TEST_POSTGRES"):
        server = PostgresServer(make_conninfo(given))
        with (folder / "template.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            server.make_template()
        yield server
        return
    os.environ["TELEMETRY_EMBEDDED_FSYNC"] = "off"
    try:
        with EmbeddedServer(folder / "postgres") as embedded:
            del os.environ["TELEMETRY_EMBEDDED_FSYNC"]
            server = PostgresServer(embedded.conninfo)
            with (folder / "template.lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                server.make_template()
            yield server
    finally:
        os.environ.pop("TELEMETRY_EMBEDDED_FSYNC", None)

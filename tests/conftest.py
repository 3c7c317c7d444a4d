"""Fixtures that every part's tests share."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from support.postgres import PostgresServer, shared_server, url_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from target_telemetry_postgres.postgres.database import Database


# `make test` says the same each time; `make proof` looks in new places each time.
settings.register_profile(
    "suite",
    deadline=None,
    derandomize=os.environ.get("TELEMETRY_PROOF") != "full",
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("suite")


@pytest.fixture(scope="session", autouse=True)
def _no_settings_from_outside() -> Iterator[None]:
    """The developer's own connections, tokens and paths must not reach a test."""
    prefixes = (
        "PG",
        "TAP_GITHUB_ACTIONS_",
        "TAP_LLM_CSV_",
        "TARGET_TELEMETRY_POSTGRES_",
        "GITHUB_",
    )
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(prefixes) or name in {"DATABASE_URL", "TELEMETRY_CSV_PATH"}:
                patch.delenv(name)
        yield


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """One server for the whole run: started by the first worker, stopped after the last."""
    folder: Path = tmp_path_factory.getbasetemp()
    if os.environ.get("PYTEST_XDIST_WORKER"):
        folder = folder.parent
    with shared_server(folder) as server:
        yield server


@pytest.fixture
def empty_database(postgres_server: PostgresServer) -> Iterator[Database]:
    """A fresh database with nothing in it."""
    name = postgres_server.make_database()
    yield postgres_server.database(name)
    postgres_server.drop_database(name)


@pytest.fixture
def database(postgres_server: PostgresServer) -> Iterator[Database]:
    """A fresh database, migrated."""
    name = postgres_server.make_database(migrated=True)
    yield postgres_server.database(name)
    postgres_server.drop_database(name)


@pytest.fixture
def empty_database_url(empty_database: Database) -> str:
    """What a user would set as `sqlalchemy_url` for `empty_database`."""
    return url_of(empty_database.conninfo)


@pytest.fixture
def database_url(database: Database) -> str:
    """What a user would set as `sqlalchemy_url` for `database`."""
    return url_of(database.conninfo)

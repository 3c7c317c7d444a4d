"""The one order in which target and command look for their server."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest
from psycopg.conninfo import conninfo_to_dict

from target_telemetry_postgres.cli.session import Session
from target_telemetry_postgres.errors import ConfigError
from target_telemetry_postgres.postgres.conninfo import choose
from target_telemetry_postgres.settings import ENV_PREFIX, layered
from target_telemetry_postgres.target import TargetTelemetryPostgres

if TYPE_CHECKING:
    from pathlib import Path

URL = ENV_PREFIX + "SQLALCHEMY_URL"

#: From the one that wins to the one that loses: what is set, and what is then said of the server.
LAYERS: list[tuple[dict[str, Any], dict[str, str], str, str]] = [
    ({"sqlalchemy_url": "postgresql://ann@given/db"}, {}, "given", "sqlalchemy_url"),
    ({}, {URL: "postgresql://ann@variable/db"}, "variable", URL),
    ({}, {"DATABASE_URL": "postgres://app:s3cret@application/db"}, "application", "DATABASE_URL"),
    ({}, {"PGHOST": "libpq"}, None, "PGHOST"),
]
#: The same with single fields where there may be some.
FIELDS: list[tuple[dict[str, Any], dict[str, str], str, str]] = [
    ({"host": "given"}, {}, "given", "host"),
    ({}, {ENV_PREFIX + "HOST": "variable", ENV_PREFIX + "DATABASE": "d"}, "variable", ""),
    *LAYERS[2:],
]


def subsets(layers: list[Any]) -> list[list[Any]]:
    return [
        list(some)
        for count in range(1, len(layers) + 1)
        for some in itertools.combinations(layers, count)
    ]


@pytest.mark.parametrize("chosen", [*subsets(LAYERS), *subsets(FIELDS)])
def test_the_first_of_the_layers_that_names_a_server_is_taken(chosen: list[Any]) -> None:
    given: dict[str, Any] = {}
    environ: dict[str, str] = {}
    for config, variables, _, _ in chosen:
        given |= config
        environ |= variables
    _, _, host, source = chosen[0]

    found = choose(layered(given, environ), environ)

    assert found is not None
    assert conninfo_to_dict(found.conninfo).get("host") == host
    assert found.source == (source or "host and database")


@pytest.mark.parametrize("chosen", subsets(LAYERS))
def test_target_and_command_take_the_same(
    chosen: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    given: dict[str, Any] = {}
    for config, variables, _, _ in chosen:
        given |= config
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    of_the_target = choose(TargetTelemetryPostgres(config=dict(given)).config)
    of_the_command = choose(Session(url=given.get("sqlalchemy_url")).config)

    assert of_the_target == of_the_command
    assert of_the_target is not None
    assert of_the_target.source == chosen[0][3]


def test_with_nothing_set_the_embedded_server_is_meant() -> None:
    assert choose({}, {}) is None
    assert choose({"port": 1, "ssl_mode": "require"}, {"PGPORT": "1"}) is None


def test_a_password_may_come_from_the_environment_to_a_server_that_was_given() -> None:
    environ = {ENV_PREFIX + "PASSWORD": "s3cret", ENV_PREFIX + "HOST": "other", "PGHOST": "third"}

    found = choose(layered({"sqlalchemy_url": "postgresql://ann@given/db"}, environ), environ)

    assert found is not None
    parts = conninfo_to_dict(found.conninfo)
    assert (parts["host"], parts["user"], parts["password"]) == ("given", "ann", "s3cret")


def test_a_variable_counts_for_the_target_without_being_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(ENV_PREFIX + "MIGRATE", "check")
    monkeypatch.setenv(ENV_PREFIX + "BATCH_SIZE_ROWS", "7")

    config = TargetTelemetryPostgres(config={"batch_size_rows": 8}).config

    assert (config["migrate"], config["batch_size_rows"]) == ("check", 8)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("sqlite:///db.sqlite3", "DATABASE_URL is a URL of sqlite and no Postgres"),
        ("mysql+pymysql://app:s3cret@h/db", r"of mysql\+pymysql and no Postgres"),
        ("mongodb://app:s3cret@h/db", "of mongodb and no Postgres"),
        ("s3cret@h/db://", "DATABASE_URL is not a Postgres URL"),
        ("db.sqlite3", "DATABASE_URL is not understood"),
    ],
)
def test_a_url_of_something_else_is_refused_by_name(url: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as refused:
        choose({}, {"DATABASE_URL": url})

    assert "s3cret" not in str(refused.value)

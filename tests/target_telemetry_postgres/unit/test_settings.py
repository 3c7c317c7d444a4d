from __future__ import annotations

import json
from typing import TYPE_CHECKING

import jsonschema
import pytest

from target_telemetry_postgres.errors import ConfigError
from target_telemetry_postgres.settings import (
    SETTINGS,
    checked,
    layered,
    with_defaults,
)

if TYPE_CHECKING:
    from pathlib import Path

PREFIX = "TARGET_TELEMETRY_POSTGRES_"


def test_every_setting_is_described_and_every_default_is_valid() -> None:
    for name, setting in SETTINGS["properties"].items():
        assert setting["description"].endswith("."), name
    jsonschema.validate(with_defaults({}), SETTINGS)


def test_passwords_and_urls_are_marked_secret() -> None:
    secret = {name for name, setting in SETTINGS["properties"].items() if setting.get("secret")}

    assert secret == {"sqlalchemy_url", "password", "ssl_key_password"}


def test_a_null_or_empty_setting_is_one_that_was_not_given() -> None:
    config = with_defaults({"migrate": None, "host": "", "prune": False})

    assert config["migrate"] == "auto"
    assert "host" not in config
    assert config["prune"] is False


def test_the_environment_is_read_with_the_type_of_each_setting() -> None:
    config = layered(
        {},
        {
            f"{PREFIX}PORT": "6543",
            f"{PREFIX}PRUNE": "no",
            f"{PREFIX}HARD_DELETE": "TRUE",
            f"{PREFIX}PRUNE_MAX_SECONDS": "1.5",
            f"{PREFIX}RETENTION": json.dumps({"llm_calls": None}),
            f"{PREFIX}DATABASE": "db",
            f"{PREFIX}USER": "",
            "PORT": "1",
        },
    )

    assert config == (
        {
            "port": 6543,
            "prune": False,
            "hard_delete": True,
            "prune_max_seconds": 1.5,
            "retention": {"llm_calls": None},
            "database": "db",
        }
    )


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("PORT", "many", "not a whole number"),
        ("PRUNE", "perhaps", "not true or false"),
        ("RETENTION", "6 months", "not a JSON object"),
        ("RETENTION", "[1]", "not a JSON object"),
        ("MIGRATE", "later", "must be one of auto, check, off"),
    ],
)
def test_a_variable_of_the_wrong_kind_is_named(name: str, text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=f"{PREFIX}{name} .*{words}"):
        layered({}, {PREFIX + name: text})


def test_the_nearest_env_file_fills_what_the_environment_leaves_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text(f"{PREFIX}HOST=from-file\n{PREFIX}USER=from-file\n")
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    monkeypatch.setenv(f"{PREFIX}USER", "from-environment")

    config = with_defaults(layered({}))

    assert (config["host"], config["user"]) == ("from-file", "from-environment")


@pytest.mark.parametrize(
    ("name", "value"), [("password", 5318008), ("port", "x"), ("prune", 1), ("port", True)]
)
def test_a_setting_of_the_wrong_type_is_named_and_not_shown(name: str, value: object) -> None:
    with pytest.raises(ConfigError, match=rf"^config\.json: {name} is not ") as caught:
        checked({"host": "h", name: value, "user": None}, "config.json")
    assert repr(value) not in str(caught.value)

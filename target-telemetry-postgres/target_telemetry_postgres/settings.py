"""The target's settings: one JSON Schema for the target, the `telemetry` command and the docs.

Plain data, because the command reads settings too and should not wait for the SDK to import.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from dotenv import dotenv_values, find_dotenv

from target_telemetry_postgres.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ENV_PREFIX: Final = "TARGET_TELEMETRY_POSTGRES_"
DEFAULT_SCHEMA: Final = "telemetry"
DEFAULT_EMBEDDED_PATH: Final = ".telemetry/postgres"

_TRUE: Final = frozenset({"true", "1", "yes", "on"})
_FALSE: Final = frozenset({"false", "0", "no", "off"})


def _setting(kind: str, description: str, *, secret: bool = False, **more: Any) -> dict[str, Any]:
    """One setting; absent and null mean the same, so every setting may be null."""
    setting: dict[str, Any] = {"type": [kind, "null"], "description": description, **more}
    if secret:
        setting |= {"secret": True, "writeOnly": True}
    return setting


def _choice(description: str, default: str | None, *values: str) -> dict[str, Any]:
    more: dict[str, Any] = {} if default is None else {"default": default}
    return _setting("string", description, enum=[*values, None], **more)


CONNECTION: Final[dict[str, dict[str, Any]]] = {
    "sqlalchemy_url": _setting(
        "string",
        "The whole connection as one URL, `postgresql://user:password@host:5432/database`; wins "
        "over the single fields. Without any, `DATABASE_URL` counts, then libpq's own `PGHOST`, "
        "`PGHOSTADDR`, `PGSERVICE` or `PGDATABASE`; with none of them an embedded Postgres is "
        "started.",
        secret=True,
    ),
    "host": _setting("string", "Host name, or the folder of a unix socket."),
    "port": _setting("integer", "Port; libpq's default is 5432.", minimum=1, maximum=65535),
    "user": _setting("string", "Role to connect as."),
    "password": _setting("string", "Password; `~/.pgpass` and `PGPASSWORD` work too.", secret=True),
    "database": _setting("string", "Database to connect to."),
    "ssl_mode": _choice(
        "How TLS is used, as in libpq.",
        None,
        *("disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
    ),
    "ssl_root_cert": _setting(
        "string", "File with the certificate authorities to trust, or `system` for the machine's."
    ),
    "ssl_cert": _setting("string", "File with the client's certificate."),
    "ssl_key": _setting("string", "File with the client's private key."),
    "ssl_key_password": _setting("string", "Password of the client's private key.", secret=True),
    "application_name": _setting(
        "string",
        "Name shown in `pg_stat_activity`, followed by what the connection is for.",
        default="target-telemetry-postgres",
    ),
    "connect_timeout_seconds": _setting(
        "integer", "Longest wait for one attempt to connect.", default=10, minimum=1
    ),
    "connect_retry_seconds": _setting(
        "number",
        "How long to go on trying when the server is starting, restarting, full or unreachable.",
        default=30,
        minimum=0,
    ),
    "lock_timeout_seconds": _setting(
        "number",
        "Longest wait for a lock on a table or row; 0 waits for ever.",
        default=60,
        minimum=0,
    ),
    "embedded": _setting(
        "boolean",
        "Start an embedded Postgres when no connection is configured; `false` refuses instead, so "
        "that a server's environment never loads into a throw-away one.",
        default=True,
    ),
    "embedded_path": _setting(
        "string",
        "Folder of the embedded server's data, used when no connection is configured.",
        default=DEFAULT_EMBEDDED_PATH,
    ),
}

TABLES: Final[dict[str, dict[str, Any]]] = {
    "default_target_schema": _setting(
        "string",
        "Schema that holds the tables. In any other than `telemetry` the suite's own tables come "
        "when their streams do.",
        default=DEFAULT_SCHEMA,
        minLength=1,
    ),
    "migrate": _choice(
        "`auto` brings the tables up to date on start, `check` fails when they are behind, "
        "`off` does neither: only streams' own tables are made, and the ledger is used if there "
        "is one.",
        "auto",
        *("auto", "check", "off"),
    ),
    "load_method": _choice(
        "`upsert` updates rows by key, `append-only` always inserts, "
        "`overwrite` replaces the table's content in one step.",
        "upsert",
        *("append-only", "upsert", "overwrite"),
    ),
    "batch_size_rows": _setting(
        "integer", "Rows written in one transaction.", default=10_000, minimum=1
    ),
    "add_record_metadata": _setting(
        "boolean", "Add the `_sdc_*` columns to every table.", default=False
    ),
    "hard_delete": _setting(
        "boolean",
        "Delete rows that the tap marks as deleted, instead of keeping the mark.",
        default=False,
    ),
    "process_activate_version_messages": _setting(
        "boolean", "Act on `ACTIVATE_VERSION` messages.", default=True
    ),
    "validate_records": _setting(
        "boolean",
        "Check each record against its JSON Schema: types, required properties, patterns, limits, "
        "nested objects. Off, a record only has to fit its table's columns.",
        default=True,
    ),
    "invalid_record_treatment": _choice(
        "What a record that does not fit its table does: `fail` ends the run, "
        "`quarantine` keeps it in `rejected_records` and goes on.",
        "fail",
        *("fail", "quarantine"),
    ),
    "accept_unknown_state": _setting(
        "boolean",
        "Go on from a state whose earlier runs did not load into this database. Otherwise such a "
        "run ends at once, for the rows that its tap skips are not here.",
        default=False,
    ),
    "max_rejects": _setting(
        "integer",
        "With `quarantine`: more rejected records than this end the run.",
        default=1000,
        minimum=0,
    ),
}

RETENTION: Final[dict[str, dict[str, Any]]] = {
    "retention": _setting(
        "object",
        'How long rows stay: `{"llm_calls": "90 days"}`, or '
        '`{"llm_calls": {"keep": "6 months", "column": "timestamp"}}`, or `{"llm_calls": null}` '
        "for ever. `workflow_runs`, `workflow_jobs`, `workflow_steps` and `llm_calls` keep "
        '6 months by `created_at` unless named here. Less than a day needs `"force": true`.',
        additionalProperties={
            "oneOf": [
                {"type": "null"},
                {"type": "string"},
                {
                    "type": "object",
                    "required": ["keep"],
                    "additionalProperties": False,
                    "properties": {
                        "keep": {"type": "string"},
                        "column": {"type": "string"},
                        "force": {"type": "boolean"},
                    },
                },
            ]
        },
    ),
    "prune": _setting("boolean", "Prune at the end of each run that succeeded.", default=True),
    "prune_max_seconds": _setting(
        "number",
        "Longest time one run may spend pruning; the rest goes next time.",
        default=600,
        minimum=0,
    ),
}

#: The schema that the target gives the SDK as its `config_jsonschema`.
SETTINGS: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {**CONNECTION, **TABLES, **RETENTION},
}


def with_defaults(config: Mapping[str, Any]) -> dict[str, Any]:
    """The config with defaults filled in, and without what is null or an empty string."""
    given = {name: value for name, value in config.items() if value is not None and value != ""}
    defaults = {
        name: setting["default"]
        for name, setting in SETTINGS["properties"].items()
        if "default" in setting
    }
    return defaults | given


#: Which of the settings say which server, and so exclude another layer's.
_SERVER: Final = ("sqlalchemy_url", "host", "port", "database")


def environment(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """The variables of this process, over those of the nearest `.env`."""
    if environ is not None:
        return dict(environ)
    nearest = dotenv_values(find_dotenv(usecwd=True))
    return {name: value for name, value in nearest.items() if value is not None} | dict(os.environ)


def layered(given: Mapping[str, Any], environ: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The settings that were given, over `TARGET_TELEMETRY_POSTGRES_*`; the command's too.

    What is given may leave a password to the environment, and not a part of the server's address.
    """
    variables: dict[str, Any] = {}
    environ = environment(environ)
    for name, setting in SETTINGS["properties"].items():
        text = environ.get(ENV_PREFIX + name.upper(), "")
        if text:
            variables[name] = _parse(name, setting, text)
    if any(given.get(name) not in (None, "") for name in _SERVER if name != "port"):
        variables = {name: value for name, value in variables.items() if name not in _SERVER}
    there = {name: value for name, value in given.items() if value is not None and value != ""}
    return variables | there


def with_numbers(config: Mapping[str, Any]) -> dict[str, Any]:
    """The config with numbers where a variable or Meltano could only give their text."""
    read = dict(config)
    for name, value in config.items():
        setting = SETTINGS["properties"].get(name, {"type": ["string"]})
        if isinstance(value, str) and setting["type"][0] == "number":
            with suppress(ValueError):  # what is no number is refused with every other wrong type
                read[name] = float(value)
    return read


def checked(config: Mapping[str, Any], source: str) -> dict[str, Any]:
    """Settings as a file gives them, each of its type.

    Raises:
        ConfigError: For one that is not; the value is not repeated, for it may be a secret.
    """
    for name, value in config.items():
        setting = SETTINGS["properties"].get(name)
        if setting is None or value is None:
            continue
        kind = setting["type"][0]
        boolean = isinstance(value, bool)
        if not isinstance(value, _TYPES[kind]) or boolean is not (kind == "boolean"):
            raise ConfigError(f"{source}: {name} is not {_KINDS[kind]}; correct it or remove it.")
    return dict(config)


def _parse(name: str, setting: Mapping[str, Any], text: str) -> Any:
    """Read a variable's text as its setting's type."""
    kind = setting["type"][0]
    where = ENV_PREFIX + name.upper()
    try:
        value = _PARSERS[kind](text)
    except ValueError:
        raise ConfigError(f"{where} is not {_KINDS[kind]}; correct it or remove it.") from None
    if kind == "object" and not isinstance(value, dict):
        raise ConfigError(f"{where} is not {_KINDS[kind]}; correct it or remove it.")
    choices = [choice for choice in setting.get("enum", ()) if choice is not None]
    if choices and value not in choices:
        raise ConfigError(f"{where} is {text!r}; it must be one of {', '.join(choices)}.")
    return value


def _boolean(text: str) -> bool:
    word = text.strip().lower()
    if word not in _TRUE | _FALSE:
        raise ValueError(text)
    return word in _TRUE


_PARSERS: Final[dict[str, Callable[[str], Any]]] = {
    "string": str,
    "integer": int,
    "number": float,
    "boolean": _boolean,
    "object": json.loads,
}
_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "object": (dict,),
}
_KINDS: Final = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "object": "a JSON object",
}

"""Who takes part, at which version, and how each is told to load a file."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bench.target.records import KEY, STREAM, Inputs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bench.target.server import Server

_HERE: Final = Path(__file__).parent
_SLING_TYPES: Final = {
    KEY: "uuid",
    "timestamp": "timestampz",
    "phase": "text",
    "reasoning_tokens": "bigint",
    "estimated_cost": "decimal(18,12)",
    "price_version": "text",
    "extra": "json",
}


@dataclass(frozen=True)
class Place:
    """Where one contender runs in one round."""

    server: Server
    folder: Path
    environment: Path
    inputs: Inputs

    def config(self, settings: Mapping[str, Any]) -> str:
        """The settings as a file, for tools that take one."""
        path = self.folder / "config.json"
        path.write_text(json.dumps(settings), encoding="utf-8")
        return str(path)


@dataclass(frozen=True)
class Contender:
    """One way of loading.

    Attributes:
        name: What `--only` calls it.
        label: What the table calls it.
        command: The command that loads a file.
        requirements: What its environment holds; none means ours.
        csv: Reads CSV; the others read Singer lines.
        schema: `telemetry` where it writes into our modelled table, else where it makes its own.
        variables: Environment variables.
        note: What a reader should know about its figures.
    """

    name: str
    label: str
    command: Callable[[Place, Path], list[str]]
    requirements: tuple[str, ...] = ()
    csv: bool = False
    schema: str = "peer"
    variables: Mapping[str, str] = field(default_factory=dict)
    note: str = ""

    def source(self, singer: Path, table: Path) -> Path:
        """The file of the pair that this contender reads."""
        return table if self.csv else singer


def _ours(place: Place, source: Path) -> list[str]:
    del source  # on its standard input
    program = Path(sys.executable).with_name("target-telemetry-postgres")
    return [str(program), "--config", place.config({"sqlalchemy_url": place.server.url})]


def _floor(place: Place, source: Path) -> list[str]:
    return [sys.executable, "-m", "bench.target.floor", place.server.url, str(source)]


def _fields(server: Server, database: str) -> dict[str, Any]:
    return {
        "host": server.host,
        "port": server.port,
        "user": server.user,
        "password": server.password,
        database: server.database,
        "default_target_schema": "peer",
    }


def _meltanolabs(more: Mapping[str, Any]) -> Callable[[Place, Path], list[str]]:
    def command(place: Place, source: Path) -> list[str]:
        del source
        config = place.config({**_fields(place.server, "database"), **more})
        return [str(place.environment / "bin" / "target-postgres"), "--config", config]

    return command


def _pipelinewise(place: Place, source: Path) -> list[str]:
    del source
    config = place.config(_fields(place.server, "dbname"))
    return [str(place.environment / "bin" / "target-postgres"), "--config", config]


def _dlt(place: Place, source: Path) -> list[str]:
    python, script = place.environment / "bin" / "python", _HERE / "dlt_load.py"
    pipeline, schema = place.folder / "dlt", place.inputs.one
    return [str(part) for part in (python, script, place.server.url, pipeline, source, schema)]


def _sling(place: Place, source: Path) -> list[str]:
    return sling_command(place.environment, place.server, source)


def sling_command(environment: Path, server: Server, source: Path) -> list[str]:
    """Sling into the modelled table, told the types that it would guess wrong."""
    (program,) = environment.glob("lib/python*/site-packages/sling_*/bin/sling-*")
    return [
        *(str(program), "run", "--src-stream", source.as_uri()),
        *(
            "--src-options",
            json.dumps({"empty_as_null": True}),
            "--columns",
            json.dumps(_SLING_TYPES),
        ),
        *("--tgt-conn", f"{server.url}?sslmode=disable"),
        *("--tgt-object", f"telemetry.{STREAM}"),
        *("--mode", "incremental", "--primary-key", KEY),
    ]


OURS: Final = Contender(
    "ours",
    "**target-telemetry-postgres**",
    _ours,
    schema="telemetry",
    note="from its second batch of new keys on without staging, which the floor never leaves out",
)
FLOOR: Final = Contender(
    "floor",
    "floor: psycopg COPY and upsert",
    _floor,
    schema="telemetry",
    note="timed after its rows are decoded and in memory; no start-up, no checks",
)
_MELTANOLABS: Final = ("meltanolabs-target-postgres==0.8.1",)
_DLT: Final = ("dlt[postgres]==1.31.0", "pyarrow==22.0.0")
_DLT_QUIET: Final = {"RUNTIME__DLTHUB_TELEMETRY": "false"}
SLING: Final = Contender(
    "sling",
    "sling 1.4.10, from CSV",
    _sling,
    ("sling==1.4.10", "sling-linux-amd64==1.4.10"),
    csv=True,
    schema="telemetry",
    variables={"SLING_DISABLE_TELEMETRY": "true", "SLING_LOADED_AT_COLUMN": "false"},
    note="a compiled loader; reads CSV, so it decodes no JSON",
)

CONTENDERS: Final = (
    FLOOR,
    OURS,
    Contender(
        "meltanolabs",
        "meltanolabs-target-postgres 0.8.1, defaults",
        _meltanolabs({}),
        _MELTANOLABS,
    ),
    Contender(
        "meltanolabs-best",
        "meltanolabs-target-postgres 0.8.1, best settings",
        _meltanolabs(
            {
                "use_copy": True,
                "validate_records": False,
                "add_record_metadata": False,
                "activate_version": False,
                "batch_size_rows": 100_000,
            }
        ),
        _MELTANOLABS,
        note="`use_copy`, no validation, no metadata, no ACTIVATE_VERSION, batches of 100,000",
    ),
    Contender(
        "pipelinewise",
        "pipelinewise-target-postgres 2.1.2",
        _pipelinewise,
        ("pipelinewise-target-postgres==2.1.2",),
        note="its defaults: no validation, batches of 100,000",
    ),
    Contender(
        "dlt",
        "dlt 1.31 upsert, from dicts",
        _dlt,
        _DLT,
        variables=_DLT_QUIET,
        note="merge by upsert, files of CSV",
    ),
    Contender(
        "dlt-arrow",
        "dlt 1.31 upsert, Arrow from CSV",
        _dlt,
        _DLT,
        csv=True,
        variables=_DLT_QUIET,
        note="its fastest way: Arrow reads the CSV and no row becomes a Python object",
    ),
    SLING,
)


def variables(contender: Contender, folder: Path) -> dict[str, str]:
    """The contender's environment variables, with a home of its own."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
    return {**kept, "HOME": str(folder), "DO_NOT_TRACK": "1", **contender.variables}

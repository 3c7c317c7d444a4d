"""The ways from the log to the table that are compared, each once from an empty table."""

from __future__ import annotations

import json
import shlex
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bench.measure import Run, run
from bench.page import ROOT
from bench.pipeline.files import tap
from bench.pipeline.project import meltano_run, write_project
from bench.target.contenders import SLING, sling_command, variables
from bench.target.rounds import TEMPLATE
from bench.target.server import BenchError

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.pipeline.files import Log
    from bench.target.server import Server

_TABLE: Final = "telemetry.llm_calls"


@dataclass(frozen=True)
class Passed:
    """One way in one round."""

    way: str
    rows: int
    seconds: float
    again_seconds: float | None
    cpu_seconds: float
    peak_bytes: int

    @property
    def rate(self) -> float:
        """Rows a second, from the start of the first process to the end of the last."""
        return self.rows / self.seconds


@dataclass(frozen=True)
class Setting:
    """What a way has to work with."""

    server: Server
    folder: Path
    log: Log
    rows: int


def through_meltano(setting: Setting) -> Passed:
    """`meltano run`, and the same again when there is nothing new."""
    write_project(setting.folder, setting.server.url)
    environment = _variables(setting)
    # Meltano's own first start makes its database; that is no part of any later run.
    _run(setting, [meltano_run()[0], "state", "list"], environment)
    first = _run(setting, meltano_run(), environment)
    again = _run(setting, meltano_run(), environment)
    return _passed("meltano", setting, first, again.seconds)


def through_a_pipe(setting: Setting) -> Passed:
    """The same two programs, joined by a pipe of the shell."""
    config = setting.folder / "config.json"
    config.write_text(json.dumps({"sqlalchemy_url": setting.server.url}), encoding="utf-8")
    target = Path(sys.executable).with_name("target-telemetry-postgres")
    pipe = f"{shlex.quote(tap())} --config=ENV | {shlex.quote(str(target))} --config {config}"
    ran = _run(setting, ["bash", "-o", "pipefail", "-c", pipe], _variables(setting))
    return _passed("pipe", setting, ran)


def through_sling(setting: Setting, environment: Path) -> Passed:
    """Sling, from a CSV that already holds what our tap has to work out."""
    command = sling_command(environment, setting.server, setting.log.finished)
    return _passed("sling", setting, _run(setting, command, variables(SLING, setting.folder)))


def floor(setting: Setting) -> Passed:
    """The rows of our tap, decoded and in memory, by psycopg alone."""
    command = [sys.executable, "-m", "bench.target.floor", setting.server.url]
    ran = _run(setting, [*command, str(setting.log.singer)], None, ROOT)
    return _passed("floor", setting, ran, seconds=json.loads(ran.words)["seconds"])


def go(way: Callable[[Setting], Passed], server: Server, log: Log, rows: int) -> Passed:
    """One way, with a database and a folder of its own.

    Raises:
        BenchError: It failed, or the table does not hold every row of the log.
    """
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as folder,
        server.fresh("bench_pipeline", TEMPLATE) as database,
    ):
        with database.connect() as connection:
            connection.execute("CHECKPOINT")
        passed = way(Setting(database, Path(folder), log, rows))
        with database.connect() as connection:
            found = connection.execute(f"SELECT count(*) FROM {_TABLE}").fetchone()
    if found != (rows,):
        raise BenchError(f"{passed.way}: {found} rows stored of {rows}")
    return passed


def _variables(setting: Setting) -> dict[str, str]:
    made = variables(SLING, setting.folder)
    return {
        **made,
        "TAP_LLM_CSV_PATH": str(setting.log.usage),
        "MELTANO_SEND_ANONYMOUS_USAGE_STATS": "false",
        "MELTANO_AUTO_INSTALL": "false",
        "NO_COLOR": "1",
    }


def _run(
    setting: Setting,
    command: list[str],
    environment: dict[str, str] | None,
    folder: Path | None = None,
) -> Run:
    ran = run(
        command,
        log=setting.folder / "log",
        environment=environment,
        folder=folder or setting.folder,
    )
    if ran.code:
        raise BenchError(f"{command[0]} exited with {ran.code}: {ran.words.strip()[-800:]}")
    return ran


def _passed(
    way: str, setting: Setting, ran: Run, again: float | None = None, **figures: Any
) -> Passed:
    return Passed(
        way=way,
        rows=setting.rows,
        seconds=figures.get("seconds", ran.seconds),
        again_seconds=again,
        cpu_seconds=ran.cpu_seconds,
        peak_bytes=ran.peak_bytes,
    )

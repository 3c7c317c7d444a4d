"""Runs the `telemetry` command in this process, as a shell would see it."""

from __future__ import annotations

import io
import json
import re
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from typing import Any

from target_telemetry_postgres.cli.app import run

_DATABASE = re.compile(r"telemetry: .* \((from .*|in .*; no other is configured)\)")


@dataclass
class Ran:
    """What a command left behind."""

    code: int
    out: str
    err: str
    #: The line on standard error that says which database was used.
    database: str = ""

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def telemetry(*arguments: str) -> Ran:
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="", write_through=True)
    err = io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = run(arguments)
    said = err.getvalue().splitlines(keepends=True)
    database = "".join(line for line in said if _DATABASE.fullmatch(line.rstrip()))
    complaint = "".join(line for line in said if not _DATABASE.fullmatch(line.rstrip()))
    return Ran(code, out.buffer.getvalue().decode(), complaint, database)

"""The peers' own virtual environments, made once and kept in a cache folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bench.page import ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence

_DEFAULT: Final = ROOT / ".telemetry" / "bench" / "venvs"


class UnavailableError(Exception):
    """A peer could not be installed here; the words say why."""


def environment(name: str, requirements: Sequence[str]) -> Path:
    """The environment with exactly these requirements, installed if it is not there yet.

    Raises:
        UnavailableError: Without uv, without network, or for a machine that the peer lacks.
    """
    folder = Path(os.environ.get("BENCH_VENVS", _DEFAULT)) / name
    stamp = folder / "requirements.txt"
    wanted = "\n".join(requirements)
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return folder
    uv = shutil.which("uv", path=os.pathsep.join((str(Path(sys.executable).parent), os.defpath)))
    if uv is None:
        raise UnavailableError("uv is not installed")
    _uv(uv, "venv", "--clear", "--python", sys.executable, str(folder))
    _uv(uv, "pip", "install", "--python", str(folder), *requirements)
    stamp.write_text(wanted, encoding="utf-8")
    return folder


def _uv(uv: str, *arguments: str) -> None:
    done = subprocess.run(
        [uv, *arguments, "--quiet"], capture_output=True, text=True, check=False, cwd=ROOT
    )
    if done.returncode:
        words = done.stderr.strip().splitlines()
        raise UnavailableError(words[0] if words else "uv failed without a word")

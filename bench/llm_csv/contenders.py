"""Who reads the file, and with which command."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bench.target.environments import UnavailableError, environment

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_HERE: Final = Path(__file__).parent


@dataclass(frozen=True)
class Contender:
    """One way to read the file.

    Attributes:
        command: The file and an empty folder → the command; may raise `UnavailableError`.
    """

    name: str
    does: str
    command: Callable[[Path, Path], Sequence[str]]


def our_tap(path: Path, folder: Path, **settings: object) -> list[str]:
    """The command of the tap, from the environment that runs the benchmark."""
    config = folder / "config.json"
    config.write_text(json.dumps({"path": str(path), **settings}), encoding="utf-8")
    return [str(Path(sys.executable).parent / "tap-llm-csv"), "--config", str(config)]


def _floor(path: Path, _folder: Path) -> list[str]:
    return [sys.executable, str(_HERE / "floor.py"), str(path)]


def _plain(path: Path, folder: Path) -> list[str]:
    config = folder / "config.json"
    config.write_text(json.dumps({"path": str(path)}), encoding="utf-8")
    return [sys.executable, str(_HERE / "plain_tap.py"), "--config", str(config)]


def _tap_csv(path: Path, folder: Path) -> list[str]:
    program = shutil.which("tap-csv")
    if program is None:
        raise UnavailableError("no tap-csv on the PATH")
    config = folder / "config.json"
    files = [{"entity": "llm_calls", "path": str(path), "keys": ["timestamp", "model"]}]
    config.write_text(json.dumps({"files": files}), encoding="utf-8")
    return [program, "--config", str(config)]


def _dlt(path: Path, folder: Path) -> list[str]:
    venv = environment("dlt-csv", ["dlt[filesystem]==1.30.0", "pandas==2.3.3"])
    return [str(venv / "bin" / "python"), str(_HERE / "dlt_load.py"), str(path), str(folder)]


CONTENDERS: Final = (
    Contender("floor", "csv.reader, typed, one JSON line a row, nothing else", _floor),
    Contender("ours", "typed, keyed, priced, checked, with byte offsets", our_tap),
    Contender("plain SDK tap", "csv.DictReader, three integers and a boolean", _plain),
    Contender("tap-csv", "strings", _tap_csv),
    Contender("dlt", "filesystem + read_csv into JSON lines on disk", _dlt),
)

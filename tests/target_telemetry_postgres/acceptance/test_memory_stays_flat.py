"""However long a load is, the target holds a few batches, not the stream."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from support.singer import Loader, lines, schema

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RECORDS = 10_000_000 if os.environ.get("TELEMETRY_PROOF") == "full" else 300_000
CHUNK = 10_000
MOST_MB = 200
#: After so many records every buffer has had its size; from there on it may differ by so much.
SETTLED = 100_000
NOISE_MB = 12
PROPERTIES = {
    "id": {"type": "integer"},
    "at": {"type": ["null", "string"], "format": "date-time"},
    "model": {"type": ["null", "string"]},
    "tokens": {"type": ["null", "integer"]},
    "cost": {"type": ["null", "number"]},
    "success": {"type": ["null", "boolean"]},
    "notes": {"type": ["null", "string"]},
}

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def feed() -> Iterator[bytes]:
    """The input, a chunk of lines and a state at a time."""
    yield lines([schema("s", PROPERTIES, ["id"])]).encode()
    for start in range(0, RECORDS, CHUNK):
        yield b"".join(
            b'{"type":"RECORD","stream":"s","record":{"id":%d,"at":"2026-01-01T00:%02d:00Z",'
            b'"model":"claude-sonnet-4-5","tokens":%d,"cost":0.%d,"success":true,'
            b'"notes":"a note on call %d, and what it was about"}}\n'
            % (number, number % 60, number % 30_000, number % 9_999, number)
            for number in range(start, start + CHUNK)
        )
        yield b'{"type":"STATE","value":{"at":%d}}\n' % (start + CHUNK)


def peak_mb(process: subprocess.Popen[bytes]) -> float:
    """The most memory that the process has had so far."""
    with open(f"/proc/{process.pid}/status", encoding="utf-8") as status:  # noqa: PTH123 - not a file
        (line,) = [line for line in status if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024


@pytest.mark.timeout(3600)
def test_a_long_load_takes_no_more_memory_than_a_short_one(loader: Loader, tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"sqlalchemy_url": loader.url}))
    with (tmp_path / "states").open("wb") as states:
        target = subprocess.Popen(
            [sys.executable, "-m", "target_telemetry_postgres", "--config", str(config)],
            stdin=subprocess.PIPE,
            stdout=states,
        )
    peaks: list[float] = []
    for chunk in feed():
        target.stdin.write(chunk)
        peaks.append(peak_mb(target))
    target.stdin.close()
    assert target.wait() == 0
    assert loader.query("SELECT count(*), max(id) FROM s") == [(RECORDS, RECORDS - 1)]
    last = (tmp_path / "states").read_text().splitlines()[-1]
    assert json.loads(last) == {"at": RECORDS}
    early, late = peaks[SETTLED // CHUNK], peaks[-1]
    print(f"{RECORDS:,} records: at most {late:.0f} MB")  # noqa: T201 - a proof says what it found
    assert late < MOST_MB
    assert late < early + NOISE_MB, "it grows with the stream"

"""Folders of log files that a state is made of, and what becomes of them after it.

Each story is two steps: `before` writes the files that were read when the state was kept, `after`
lets them live on. The bytes are the same on every machine, for states hold hashes of them.
"""

from __future__ import annotations

import gzip
import json
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from support.llm_csv import HEADER, row

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

BUCKETS = (
    "start_time,end_time,start_time_iso,end_time_iso,input_tokens,output_tokens,"
    "num_model_requests,project_id,user_id,api_key_id,model,batch,service_tier,input_cached_tokens,"
    "input_audio_tokens,output_audio_tokens"
)


@dataclass(frozen=True)
class Story:
    """Files at two moments."""

    before: Callable[[Path], None]
    after: Callable[[Path], None]
    #: Which of the run's states was kept; None for the last.
    state: int | None = None
    settings: dict[str, Any] = field(default_factory=lambda: {"path": "logs"})


def rows(first: int, last: int) -> list[str]:
    return [row(second, notes=f"n{second}") for second in range(first, last)]


def write(path: Path, *lines: str, header: str = HEADER) -> None:
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")


def append(path: Path, *lines: str, end: str = "\n") -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write("\n".join(lines) + end)


def rotate(folder: Path, *lines: str) -> None:
    """As logrotate does it: the live file steps down by one name, a new one begins."""
    for number in range(9, 0, -1):
        old = folder / f"usage.csv.{number}"
        if old.exists():
            old.rename(folder / f"usage.csv.{number + 1}")
    (folder / "usage.csv").rename(folder / "usage.csv.1")
    write(folder / "usage.csv", *lines)


def ndjson(first: int, last: int) -> str:
    calls = (
        {"timestamp": f"2026-03-01T00:00:{second:02d}Z", "model": "gpt-4o", "input_tokens": second,
         "output_tokens": 1, "note": f"n{second}"}
        for second in range(first, last)
    )  # fmt: skip
    return "".join(json.dumps(call) + "\n" for call in calls)


def _grown_and_half(folder: Path) -> None:
    write(folder / "usage.csv", *rows(0, 20))
    append(folder / "usage.csv", *rows(20, 23), end="")


def _rotated(folder: Path) -> None:
    write(folder / "usage.csv", *rows(0, 30))
    rotate(folder, *rows(29, 50), row(49, notes="n49"))


def _rotated_again(folder: Path) -> None:
    append(folder / "usage.csv", *rows(50, 55))
    rotate(folder, row(54, notes="n54"), *rows(55, 60))


def _broken(folder: Path) -> None:
    write(
        folder / "usage.csv",
        *rows(0, 12), "yesterday,gpt-4o,10,5,true,execute,100,", '2026-02-01T01:00:00Z,"torn',
        *rows(12, 15), row(3, notes="n3"), "2026-02-01T02:00:00Z,gpt-4o,many,5,true,execute,1,",
        row(16, notes='"two\nlines"'), *rows(17, 25),
    )  # fmt: skip


def _several(folder: Path) -> None:
    write(folder / "usage.csv", *rows(0, 10))
    (folder / "agent.ndjson").write_text(ndjson(0, 10), encoding="utf-8")
    (folder / "old.csv.gz").write_bytes(
        gzip.compress("\n".join([HEADER, *rows(100, 120)]).encode() + b"\n", mtime=0)
    )
    write(
        folder / "completions_usage.csv",
        *(
            f"{1_771_200_000 + day * 86_400},{1_771_286_400 + day * 86_400},"
            f"2026-02-{16 + day:02d}T00:00:00+00:00,2026-02-{17 + day:02d}T00:00:00+00:00,"
            f"{100 + day},20,3,proj_a,,,gpt-4o,false,,10,0,0"
            for day in range(3)
        ),
        header=BUCKETS,
    )
    # An export is known by its time, too.
    os.utime(folder / "completions_usage.csv", (1_780_000_000, 1_780_000_000))


def _several_later(folder: Path) -> None:
    append(folder / "usage.csv", *rows(10, 14))
    with (folder / "agent.ndjson").open("a", encoding="utf-8") as file:
        file.write(ndjson(10, 15))
    write(folder / "second.csv", *rows(200, 204))


def _gone(folder: Path) -> None:
    write(folder / "usage.csv", *rows(0, 10))
    write(folder / "other.csv", *rows(300, 310))


STORIES = {
    "finished": Story(
        lambda folder: write(folder / "usage.csv", *rows(0, 40)),
        lambda folder: append(folder / "usage.csv", *rows(40, 50), row(49, notes="n49")),
    ),
    "nothing new": Story(
        lambda folder: write(folder / "usage.csv", *rows(0, 40)), lambda _folder: None
    ),
    "in the middle": Story(
        lambda folder: write(folder / "usage.csv", *rows(0, 4_500)),
        lambda folder: append(folder / "usage.csv", *rows(4_500, 4_510), row(4_509, notes="n4509")),
        state=0,
    ),
    "a line that waits": Story(
        _grown_and_half, lambda folder: append(folder / "usage.csv", "5", *rows(23, 30))
    ),
    "rotated": Story(_rotated, lambda folder: append(folder / "usage.csv", *rows(50, 60))),
    "rotated twice": Story(_rotated, _rotated_again),
    "broken lines": Story(
        _broken,
        lambda folder: append(folder / "usage.csv", *rows(25, 30), "x,y,z", row(3, notes="n3")),
    ),
    "files of several kinds": Story(_several, _several_later),
    "moved elsewhere": Story(
        _gone, lambda folder: (folder / "other.csv").rename(folder / "archive.csv") and None
    ),
}

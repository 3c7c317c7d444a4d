"""The least that reading can cost: csv.reader, typed, one JSON line a row, and nothing else."""

from __future__ import annotations

import csv
import sys
from datetime import datetime
from pathlib import Path

import msgspec

BUFFERED = 1000
encode = msgspec.json.encode


def main(path: str) -> None:
    """Write the file's rows to standard output."""
    out = sys.stdout.buffer
    with Path(path).open(newline="", encoding="utf-8") as file:
        rows = csv.reader(file)
        next(rows)
        lines: list[bytes] = []
        for when, model, given, made, success, task, duration, notes in rows:
            lines.append(
                encode(
                    {
                        "timestamp": datetime.fromisoformat(when.replace("Z", "+00:00")),
                        "model": model,
                        "prompt_tokens": int(given),
                        "completion_tokens": int(made),
                        "task_success": success == "true",
                        "task_type": task,
                        "duration_ms": int(duration),
                        "notes": notes,
                    }
                )
            )
            if len(lines) == BUFFERED:
                out.write(b"\n".join(lines) + b"\n")
                lines.clear()
        out.write(b"\n".join(lines) + b"\n")


main(sys.argv[1])

"""What pricing adds to a row, on either way, with and without it, in one process."""

from __future__ import annotations

import csv
import json
import sys
import time
from itertools import islice
from pathlib import Path

from tap_llm_csv.dialects.model import PlanOptions
from tap_llm_csv.plans.choose import plan_for

_ROWS = 50_000
_TURNS = 9
_BLOCK = 1700


def main(path: str) -> None:
    """Print the seconds a row as JSON: one by one and in blocks, without and with prices."""
    with Path(path).open(newline="", encoding="utf-8") as file:
        header, *rows = islice(csv.reader(file), _ROWS + 1)
    blocks = [
        [list(column) for column in zip(*rows[begin : begin + _BLOCK], strict=True)]
        for begin in range(0, len(rows), _BLOCK)
    ]
    best: dict[str, float] = {}
    plans = {mode: plan_for(header, PlanOptions(pricing=mode)) for mode in ("off", "estimate")}
    for _ in range(_TURNS):
        for mode, plan in plans.items():
            begun = time.perf_counter()
            for row in rows:
                plan.convert(row)
            seconds = (time.perf_counter() - begun) / len(rows)
            best[mode] = min(seconds, best.get(mode, seconds))
            if plan.block is None:
                continue
            begun = time.perf_counter()
            for block in blocks:
                plan.block.read(block)
            seconds = (time.perf_counter() - begun) / len(rows)
            best[f"{mode}, blocks"] = min(seconds, best.get(f"{mode}, blocks", seconds))
    print(json.dumps(best))


main(sys.argv[1])

"""tap-llm-csv, other ways to read the same file, and the floor."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str]) -> int:
    """Measure the tap; see bench/llm_csv/command.py."""
    from bench.llm_csv.command import main as run

    return run(arguments)

"""From the file to the table: tap-llm-csv and this target under `meltano run`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str]) -> int:
    """Measure the whole pipeline; see bench/pipeline/command.py."""
    from bench.pipeline.command import main as run

    return run(arguments)

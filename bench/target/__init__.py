"""This target, other Postgres loaders and the floor, on the same records."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str]) -> int:
    """Measure the target; see bench/target/command.py."""
    from bench.target.command import main as run

    return run(arguments)

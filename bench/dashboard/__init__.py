"""The page: how long it takes to write, how large it is, how fast it answers in a browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str]) -> int:
    """Measure the page; see bench/dashboard/command.py."""
    from bench.dashboard.command import main as run

    return run(arguments)

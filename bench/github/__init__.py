"""Taps for GitHub Actions on the same simulated month: what each loses, and what it asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str]) -> int:
    """Compare the taps; see bench/github/command.py."""
    from bench.github.command import main as run

    return run(arguments)

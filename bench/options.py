"""The options that the parts share."""

from __future__ import annotations

import argparse


def parser(part: str, description: str | None) -> argparse.ArgumentParser:
    """A part's command line: whether its section is kept for the page."""
    made = argparse.ArgumentParser(prog=f"python -m bench {part}", description=description)
    made.add_argument(
        "--page",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="keep the section for docs/benchmarks.md",
    )
    return made


def parser_of_rounds(part: str, description: str | None, *, rows: int) -> argparse.ArgumentParser:
    """As `parser`, for a part that takes so many rows in each of some rounds."""
    made = parser(part, description)
    made.add_argument("--rows", type=int, default=rows, help=f"rows (default {rows:,})")
    made.add_argument("--rounds", type=int, default=3, help="rounds (default 3)")
    return made

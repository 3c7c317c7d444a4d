"""The page `docs/benchmarks.md`: fragments that the parts wrote, joined under one heading."""

from __future__ import annotations

import os
import platform
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

ROOT: Final = Path(__file__).resolve().parents[1]
PAGE: Final = ROOT / "docs" / "benchmarks.md"
FRAGMENTS: Final = ROOT / "docs" / "benchmarks"

#: The parts in the order of the page.
ORDER: Final = ("target", "pipeline", "llm-csv", "github", "dashboard")

_INTRODUCTION: Final = """\
# Benchmarks

Written by `make bench`; [bench/README.md](../bench/README.md) says how to repeat it. Each section's
figures come from one run on one machine, with the contenders taking turns, so compare ratios and
not the absolute rates of two sections or two machines.
"""


def write_fragment(part: str, markdown: str) -> Path:
    """Keep a part's section, with the day and the machine, for the page.

    Args:
        part: The part's name on the command line.
        markdown: The section, starting with a second-level heading.

    Returns:
        The file that holds it.
    """
    heading, _, body = markdown.strip().partition("\n")
    today = datetime.now(tz=timezone.utc).date().isoformat()
    path = FRAGMENTS / f"{part}.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{heading}\n\n{today}. {machine()}.\n\n{body.strip()}\n", encoding="utf-8")
    return path


def assemble() -> Path | None:
    """Write the page from the fragments there are; None where nothing is new."""
    written = [FRAGMENTS / f"{part}.md" for part in ORDER]
    sections = [path.read_text(encoding="utf-8") for path in written if path.exists()]
    if not sections:
        return None
    text = "\n".join([_INTRODUCTION, *sections])
    if PAGE.exists() and PAGE.read_text(encoding="utf-8") == text:
        return None
    PAGE.write_text(text, encoding="utf-8")
    return PAGE


def table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table: the first column to the left, figures to the right."""
    rule = [":--", *("--:" for _ in headers[1:])]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (headers, rule, *rows))


def machine() -> str:
    """The machine in one line, without anything that names it."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    parts = [f"{cores} cores", _processor(), *_memory()]
    system = f"{platform.system()} {platform.release().split('-')[0]}"
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return ", ".join([*filter(None, parts), system, python])


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _memory() -> list[str]:
    if "SC_PHYS_PAGES" not in getattr(os, "sysconf_names", {}):
        return []
    size = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return [f"{size / 2**30:.0f} GiB"]

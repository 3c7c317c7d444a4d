"""What the README and the guide tell a user to type works, and what they link to is there.

A fenced `console` block holds commands (`$ …`) that are run in order, page by page, in a fresh copy
of the project beside a simulated GitHub. A `sh` block is a setting to adapt and is not run.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from support.project import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.project import Project

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(ROOT.glob("docs/**/*.md"))]
CONSOLE = re.compile(r"^```console\n(.*?)^```", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\((?!https?://|#|mailto:)([^)#]+)")


def commands_of(page: Path) -> Iterator[str]:
    """The commands of a page's console blocks, continuation lines joined."""
    for block in CONSOLE.findall(page.read_text(encoding="utf-8")):
        for line in block.replace("\\\n", "").splitlines():
            if line.startswith("$ "):
                yield line[2:]


PAGES_WITH_COMMANDS = [page for page in PAGES if any(commands_of(page))]


@pytest.mark.parametrize("page", PAGES_WITH_COMMANDS, ids=lambda page: page.name)
def test_each_command_of_a_page_runs(page: Path, demo_project: Project) -> None:
    for command in commands_of(page):
        ran = demo_project.run("bash", "-c", command, check=False)
        assert ran.code == 0, f"{page.relative_to(ROOT)}: $ {command}\n{ran}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_each_link_of_a_page_leads_somewhere(page: Path) -> None:
    links = LINK.findall(page.read_text(encoding="utf-8"))
    missing = [link for link in links if not (page.parent / link).exists()]
    assert missing == []

"""What the README and the guide tell a user to type works, and what they link to is there.

Each fenced `console` block is one shell session (`$ …`), run in order, page by page, in a fresh
copy of the project beside a simulated GitHub; the address of the example's Postgres becomes a real
one. A `sh` block is something to adapt (`make run` has a test of its own).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from docs import module_map

from support.project import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from support.project import Project

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(ROOT.glob("docs/**/*.md"))]
ARCHITECTURE = ROOT / "docs" / "architecture.md"
CONSOLE = re.compile(r"^```console\n(.*?)^```", re.DOTALL | re.MULTILINE)
COMMAND = re.compile(r"^\$ ((?:.*\\\n)*.*)$", re.MULTILINE)
SERVER = re.compile(r"postgresql://telemetry(?::secret)?@db\.example\.com/analytics")
LINK = re.compile(r"\]\((?!https?://|#|mailto:)([^)#]+)")


def sessions_of(page: Path) -> list[str]:
    """The commands of each console block of a page, as a script."""
    blocks = CONSOLE.findall(page.read_text(encoding="utf-8"))
    return ["\n".join(COMMAND.findall(block)) for block in blocks]


PAGES_WITH_COMMANDS = [page for page in PAGES if sessions_of(page)]


@pytest.mark.parametrize("page", PAGES_WITH_COMMANDS, ids=lambda page: page.name)
def test_each_command_of_a_page_runs(
    page: Path, demo_project: Project, empty_database_url: str
) -> None:
    # A page begins where its reader does: without the bookmarks that another page has left.
    for left in (demo_project.root / ".meltano").glob("meltano.db*"):
        left.unlink()
    for session in sessions_of(page):
        script = SERVER.sub(lambda _: f"'{empty_database_url}'", session)
        ran = demo_project.run("bash", "-e", "-c", script, check=False)
        assert ran.code == 0, f"{page.relative_to(ROOT)}:\n{script}\n{ran}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_each_link_of_a_page_leads_somewhere(page: Path) -> None:
    links = LINK.findall(page.read_text(encoding="utf-8"))
    missing = [link for link in links if not (page.parent / link).exists()]
    assert missing == []


def test_the_architecture_names_every_module() -> None:
    text = ARCHITECTURE.read_text(encoding="utf-8")
    assert text == module_map.page(), "`make docs` writes the list of modules"
    names = {line.split("`")[1] for line in text.splitlines() if line.startswith("- `")}
    modules = [
        str(path.relative_to(folder))
        for folder in module_map.folders()
        for path in folder.rglob("*.py")
        if path.name != "__init__.py" and "_shared" not in path.parts
    ]
    assert len(modules) > 200
    assert set(modules) <= names


def test_each_question_is_answered_by_a_file_that_is_there() -> None:
    rows = re.findall(r"^\| (.*\?) \| (.*) \|$", ARCHITECTURE.read_text("utf-8"), re.MULTILINE)
    assert len(rows) == 15
    for question, answer in rows:
        named = [name for name in re.findall(r"`([^`]+)`", answer) if "/" in name]
        assert named, question
        for name in named:
            found = [ROOT / name.rstrip("/"), *ROOT.glob(f"*/{name.rstrip('/')}")]
            assert any(path.exists() for path in found), f"{question} {name}"

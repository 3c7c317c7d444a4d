"""Writes the list of modules in docs/architecture.md from the first line of each: `make docs`."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "architecture.md"
BEGIN, END = "<!-- modules: begin -->", "<!-- modules: end -->"


def folders() -> list[Path]:
    """The packages, by their own folder, and the modules that they share."""
    return [*sorted(path.parent for path in ROOT.glob("*/*/py.typed")), ROOT / "shared_code"]


def first_line(path: Path) -> str:
    """What a module says of itself."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return text.partition("\n")[0]


def listed(folder: Path) -> list[str]:
    """A package's modules, wing by wing."""
    wings: dict[Path, list[Path]] = defaultdict(list)
    for path in sorted(folder.rglob("*.py")):
        if "_shared" not in path.relative_to(folder).parts and path.name != "__init__.py":
            wings[path.parent].append(path)
    lines = [f"### {folder.name}", ""]
    for wing, paths in sorted(wings.items(), key=lambda entry: entry[0]):
        if wing != folder:
            sentence = first_line(wing / "__init__.py")
            lines += [f"**{wing.relative_to(folder)}/** {sentence}", ""]
        lines += [f"- `{path.relative_to(folder)}` {first_line(path)}" for path in paths]
        lines.append("")
    return lines


def page() -> str:
    """The page with a current list between its two marks."""
    lines = [line for folder in folders() for line in listed(folder)]
    block = "\n".join([BEGIN, "", *lines, END])
    text = PAGE.read_text(encoding="utf-8")
    return re.sub(f"{BEGIN}.*{END}", lambda _: block, text, flags=re.DOTALL)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")

"""Copies the shared modules into the packages that import them: `make vendor`."""

from __future__ import annotations

import ast
import shutil
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent
#: This file is for the repository, not for a package.
OWN = "vendor.py"


def packages(root: Path = ROOT) -> list[Path]:
    """The packages of the repository, by their own folder."""
    return sorted(path.parent for path in root.glob("*/*/py.typed"))


def wanted(package: Path) -> dict[str, bytes]:
    """What belongs into a package's `_shared`: what it imports, and what that imports."""
    prefix = f"{package.name}._shared"
    found: set[str] = set()
    for path in package.rglob("*.py"):
        if "_shared" not in path.relative_to(package).parts:
            found |= _named(path, prefix)
    waiting = list(found)
    while waiting:
        for path in _files(waiting.pop()):
            beside = {name for name in _siblings(HERE / path) if name not in found}
            found |= beside
            waiting += beside
    names = sorted({path for name in found for path in _files(name)})
    return {name: (HERE / name).read_bytes() for name in ("__init__.py", *names)} if found else {}


def _files(name: str) -> list[str]:
    """The files of a shared module or folder, as paths in `shared_code`."""
    if (HERE / name).is_dir():
        return sorted(str(path.relative_to(HERE)) for path in (HERE / name).glob("*.py"))
    return [f"{name}.py"]


def _named(path: Path, prefix: str) -> set[str]:
    """The shared modules that a file of a package names."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == prefix:
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"{prefix}."):
            found.add((node.module or "").removeprefix(f"{prefix}.").partition(".")[0])
    return found


def _siblings(path: Path) -> set[str]:
    """The shared modules at the top that a shared module imports."""
    found = set()
    depth = len(path.relative_to(HERE).parts)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level == depth:
            named = [node.module] if node.module else [alias.name for alias in node.names]
            found |= {name.partition(".")[0] for name in named}
    return found


def main() -> None:
    """Write every package's copies anew."""
    for package in packages():
        files = wanted(package)
        shutil.rmtree(package / "_shared", ignore_errors=True)
        for name, content in files.items():
            path = package / "_shared" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


if __name__ == "__main__":
    main()

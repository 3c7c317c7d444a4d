"""The plan of the house: which wing may import which, and no circles.

Imports for types count like all others, for a reader follows them, too.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from functools import cache
from typing import TYPE_CHECKING

import pytest
from shared_code.vendor import packages

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: From the top: a wing may import what stands on a line below its own.
PLAN = {
    "tap_github_actions": """
        __main__
        tap
        command  streams  sync
        extras  runs
        api  emit  settings
        errors  identity  times
        _shared
        """,
    "tap_llm_csv": """
        __main__
        tap
        command  sync
        loading
        output
        files
        environment  plans  reading
        settings
        dialects  pricing
        errors  records
        _shared
        """,
    "target_telemetry_postgres": """
        __main__
        target
        run
        cli  intake
        dashboard  pricing  retention  write
        buffer  tables
        postgres  rows
        embedded  models  schema  settings
        table_names
        errors
        _shared
        """,
    "telemetry_record": """
        __main__
        """,
}
PACKAGES = {path.name: path for path in packages()}


def modules(package: str) -> dict[str, Path]:
    """Every module of a package by its dotted name."""
    root = PACKAGES[package]
    found = {}
    for path in root.rglob("*.py"):
        parts = [package, *path.relative_to(root).with_suffix("").parts]
        found[".".join(parts).removesuffix(".__init__")] = path
    return found


def imports(name: str, path: Path, known: dict[str, Path]) -> Iterator[str]:
    """The modules that a module imports, wherever in it."""
    here = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                base = ".".join(filter(None, [*here[: len(here) + 1 - node.level], base]))
            inside = [f"{base}.{alias.name}" for alias in node.names]
            yield from (one if one in known else base for one in inside)


@cache
def graph(package: str) -> dict[str, set[str]]:
    """Which module imports which, inside a package."""
    known = modules(package)
    return {
        name: {one for one in imports(name, path, known) if one in known and one != name}
        for name, path in known.items()
    }


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_imports_none_of_the_others(package: str) -> None:
    others = set(PACKAGES) - {package} | {"shared_code", "migrations", "github_simulator"}
    known = modules(package)
    wrong = [
        f"{name} imports {one}"
        for name, path in known.items()
        for one in imports(name, path, known)
        if one.split(".")[0] in others
    ]
    assert not wrong


def circle(arrows: dict[str, set[str]]) -> list[str]:
    """The first way from a module back to itself, or nothing."""
    done: set[str] = set()

    def walk(name: str, way: list[str]) -> list[str]:
        if name in way:
            return [*way[way.index(name) :], name]
        if name in done:
            return []
        for other in sorted(arrows.get(name, ())):
            if found := walk(other, [*way, name]):
                return found
        done.add(name)
        return []

    for name in sorted(arrows):
        if found := walk(name, []):
            return found
    return []


@pytest.mark.parametrize("package", PACKAGES)
def test_no_module_comes_back_to_itself(package: str) -> None:
    assert not circle(graph(package))


def wings(package: str) -> dict[str, set[str]]:
    """Which wing imports which; a module beside the wings is one of its own."""
    found: dict[str, set[str]] = defaultdict(set)
    for name, others in graph(package).items():
        wing = _wing(name)
        found[wing] |= {_wing(other) for other in others} - {wing}
    return dict(found)


def _wing(name: str) -> str:
    return ([*name.split("."), "__init__"])[1]


@pytest.mark.parametrize("package", PACKAGES)
def test_a_wing_imports_only_what_lies_below_it(package: str) -> None:
    levels = [line.split() for line in PLAN[package].strip().splitlines()]
    depth = {wing: number for number, line in enumerate(levels) for wing in line}
    found = wings(package)
    assert set(found) - {"__init__"} == set(depth), "a wing without a place, or a place without one"
    upward = [
        f"{wing} imports {other}"
        for wing, others in found.items()
        for other in others
        if wing in depth and other in depth and depth[other] <= depth[wing]
    ]
    assert not upward

"""The `.sql` files: facts say what a number means, everything else asks them."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

import psycopg

if TYPE_CHECKING:
    from collections.abc import Mapping

_WORDS: Final = re.compile(r"\b(?:from|join)\s+([a-z_]+)", re.IGNORECASE)
_COMMENTS: Final = re.compile(r"^\s*--.*$", re.MULTILINE)
_WITH: Final = re.compile(r"\A\s*with\s+", re.IGNORECASE)


@cache
def read(folder: str, name: str) -> str:
    """The text of one `.sql` file."""
    return (files(__package__) / folder / f"{name}.sql").read_text(encoding="utf-8")


@cache
def names(folder: str) -> tuple[str, ...]:
    """The files of a folder."""
    return tuple(
        sorted(
            entry.name.removesuffix(".sql")
            for entry in (files(__package__) / folder).iterdir()
            if entry.name.endswith(".sql")
        )
    )


def purpose(text: str) -> str:
    """The sentence at a file's top."""
    lines = []
    for line in text.splitlines():
        if not line.startswith("--"):
            break
        lines.append(line.removeprefix("--").strip())
    return " ".join(lines)


def compose(text: str) -> str:
    """A query with the facts that it asks, each as a common table expression before it."""
    needed = _needed(text)
    if not needed:
        return text
    body = _COMMENTS.sub("", text).strip()
    facts = ",\n".join(
        f"{name} as (\n{_COMMENTS.sub('', read('facts', name)).strip()}\n)" for name in needed
    )
    joined = f"{facts},\n{_WITH.sub('', body)}" if _WITH.match(body) else f"{facts}\n{body}"
    return f"with {joined}\n"


def _needed(text: str) -> list[str]:
    """The facts that a query asks, those before that the others ask themselves."""
    needed: list[str] = []
    for word in dict.fromkeys(_WORDS.findall(_COMMENTS.sub("", text))):
        if word in names("facts"):
            needed += [*_needed(read("facts", word)), word]
    return list(dict.fromkeys(needed))


def ask(cursor: psycopg.Cursor[Any], text: str, parameters: Mapping[str, Any]) -> bool:
    """Run a query of these files.

    Returns:
        Whether it has an answer; it has none where a table is not there, or not for this role.
    """
    try:
        with cursor.connection.transaction():
            cursor.execute(compose(text).encode(), parameters)
    except (psycopg.errors.UndefinedTable, psycopg.errors.InsufficientPrivilege):
        return False
    return True

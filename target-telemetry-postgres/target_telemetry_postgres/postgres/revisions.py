"""The migrations that this version has: a branch a system, read from their files without Alembic.

A file is `versions/BRANCH/NNNN_what.py` and its revision `BRANCH_NNNN`, so nobody has to import it
to know what follows what. `migrations/README.md` says how to add one.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from target_telemetry_postgres.errors import MigrationError
from target_telemetry_postgres.table_names import LEDGER, SYSTEMS

if TYPE_CHECKING:
    from collections.abc import Iterable

#: The one chain that there was before the branches, and what each number of it had brought.
_CHAIN: Final[dict[str, tuple[str, ...]]] = {
    "0001": ("pipelines_0001", "coverage_0001"),
    "0002": ("llm_0001",),
    "0003": ("ledger_0001",),
    "0004": ("pipelines_0002",),
    "0005": ("ledger_0002",),
}
_FILE: Final = re.compile(r"^(\d{4})_\w+\.py$")
_MAKES: Final = re.compile(
    r"^CREATE (?:MATERIALIZED )?(?:TABLE|VIEW) (?:\{prefix\})?(\w+)", re.MULTILINE
)
_DEPENDS: Final = re.compile(r"^depends_on = (.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Migration:
    """One file."""

    branch: str
    number: str
    name: str
    after: tuple[str, ...]
    #: Its tables and views, without the prefix that the ledger's may have.
    makes: tuple[str, ...] = ()

    @property
    def revision(self) -> str:
        """What Alembic and the version table call it."""
        return f"{self.branch}_{self.number}"

    def __str__(self) -> str:
        """What people call it, such as `ledger/0002_pipeline_health`."""
        return f"{self.branch}/{self.name}"


def scripts() -> Path:
    """The folder of the migrations: inside the wheel, or at the top of the repository."""
    packaged = Path(__file__).parents[1] / "migrations"
    return packaged if packaged.is_dir() else Path(__file__).parents[3] / "migrations"


@lru_cache(maxsize=4)
def known(folder: Path) -> dict[str, Migration]:
    """Every migration by its revision: the ledger's first, then a system after the other."""
    found: dict[str, Migration] = {}
    for path in sorted((folder / "versions").glob("*/*.py"), key=_order):
        match = _FILE.match(path.name)
        if match:
            branch = path.parent.name
            newest = next(reversed(found.values()), None)
            before = (newest.revision,) if newest and newest.branch == branch else ()
            text = path.read_text(encoding="utf-8")
            after = (*before, *_depends_on(text))
            one = Migration(branch, match[1], path.stem, after, tuple(_MAKES.findall(text)))
            found[one.revision] = one
    if not found:
        raise MigrationError(f"There are no migrations in {folder}; reinstall the package.")
    return found


def branches() -> list[str]:
    """The ledger, and every system."""
    return list(dict.fromkeys(one.branch for one in known(scripts()).values()))


def _order(path: Path) -> tuple[int, str, str]:
    order = (LEDGER, *SYSTEMS)
    branch = path.parent.name
    return (order.index(branch) if branch in order else len(order), branch, path.name)


def _depends_on(text: str) -> tuple[str, ...]:
    """What of other branches it builds on, by the line that Alembic reads too."""
    match = _DEPENDS.search(text)
    value = ast.literal_eval(match[1]) if match else None
    return (value,) if isinstance(value, str) else tuple(value or ())


def translated(stored: Iterable[str]) -> set[str]:
    """The version table's rows, where they are of the one chain as rows of the branches."""
    rows = set(stored)
    (last,) = rows if len(rows) == 1 else (None,)
    if last not in _CHAIN:
        return rows
    brought = [revision for number, made in _CHAIN.items() if number <= last for revision in made]
    newest = {revision.rpartition("_")[0]: revision for revision in brought}
    return set(newest.values())


def applied(rows: Iterable[str], migrations: dict[str, Migration]) -> set[str]:
    """Everything that has been run: Alembic stores only the newest, and not what that implies."""
    done: set[str] = set()
    waiting = list(rows)
    while waiting:
        revision = waiting.pop()
        if revision not in done:
            done.add(revision)
            waiting.extend(migrations[revision].after)
    return done


def ledger_tables() -> list[str]:
    """What the target keeps about itself, beside the version table."""
    every = known(scripts()).values()
    return [name for one in every if one.branch == LEDGER for name in one.makes]

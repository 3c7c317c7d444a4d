"""Folds the store into cubes: numbers by day and by what the page filters by."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from target_telemetry_postgres.dashboard import queries
from target_telemetry_postgres.dashboard.columns import Packer
from target_telemetry_postgres.dashboard.surveys import MOST_CELLS, kept_values

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import psycopg

#: What a cube may be divided by; any other column but `day` is a number, or text of its own.
DIMENSIONS: Final = (
    "repository", "workflow", "branch", "job", "step", "report", "environment", "phase", "model",
    "prompt", "user", "source", "session", "error", "category", "complexity", "stage",
)  # fmt: skip
#: Values that a page does not tell apart.
REST: Final = "(other)"
#: Percentiles from bins whose edges lie 9 % apart are at most 4.4 % off.
BIN_WIDTH: Final = math.log(1.09)
_HISTOGRAM: Final = ("bins", "counts")


@dataclass
class Cubes:
    """Every cube of a page: a header that JSON can hold, and the numbers behind it."""

    packer: Packer = field(default_factory=Packer)
    values: dict[str, dict[str, int]] = field(default_factory=dict)
    headers: dict[str, Any] = field(default_factory=dict)

    def add(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Put one cube.

        Args:
            name: What the page calls it.
            columns: The names of the rows' values; the day is among them.
            rows: Sorted by day.
        """
        dimensions = [column for column in columns if column in DIMENSIONS]
        places = [columns.index(column) for column in dimensions]
        slices: dict[tuple[str, ...], int] = {}
        of_row = [
            slices.setdefault(tuple([row[place] for place in places]), len(slices)) for row in rows
        ]
        header: dict[str, Any] = {
            "rows": len(rows),
            "slices": {
                dimension: self._codes(dimension, [key[at] for key in slices])
                for at, dimension in enumerate(dimensions)
            },
            "slice": self.packer.add(of_row),
            "columns": {},
        }
        for place, column in enumerate(columns):
            if column in DIMENSIONS or column in _HISTOGRAM:
                continue
            values = [row[place] for row in rows]
            if column == "day":
                rising = all(before <= later for before, later in pairwise(values))
                header["day"] = self.packer.add(values, rising=rising)
            elif values and isinstance(values[0], str):
                header["columns"][column] = self._codes(column, values)
            else:
                header["columns"][column] = self.packer.add(values)
        if "bins" in columns:
            self._add_histograms(header, rows, columns.index("bins"), columns.index("counts"))
        self.headers[name] = header

    def _codes(self, dimension: str, texts: Sequence[str]) -> dict[str, Any]:
        known = self.values.setdefault(dimension, {})
        return self.packer.add([known.setdefault(text, len(known)) for text in texts])

    def _add_histograms(
        self, header: dict[str, Any], rows: Sequence[Sequence[Any]], bins: int, counts: int
    ) -> None:
        """Put the bins of all rows one behind the other, as steps within a row."""
        steps: list[int] = []
        amounts: list[int] = []
        for row in rows:
            before = 0
            for bin_ in row[bins]:
                steps.append(bin_ - before)
                before = bin_
            amounts.extend(row[counts])
        header["histogram"] = {
            "lengths": self.packer.add([len(row[bins]) for row in rows]),
            "steps": self.packer.add(steps),
            "counts": self.packer.add(amounts),
        }


def read_cubes(cursor: psycopg.Cursor[Any], parameters: Mapping[str, Any]) -> Cubes:
    """Ask the store for every cube whose tables are there."""
    asked = {**parameters, "rest": REST, "bin_width": BIN_WIDTH}
    asked |= kept_values(cursor, asked)
    cubes = Cubes()
    for name in queries.names("cubes"):
        if name in _SIDE_CUBES:
            asked["all_dimensions"] = _fits(cubes, asked[name.removeprefix("llm_")])
        if not queries.ask(cursor, queries.read("cubes", name), asked):
            continue
        columns = [column.name for column in cursor.description or ()]
        cubes.add(name, columns, cursor.fetchall())
        if name in _SIDE_CUBES and not asked["all_dimensions"]:
            # Told apart by model alone: the page must not show it under another filter.
            cubes.headers[name]["only"] = ["model"]
    return cubes


_SIDE_CUBES: Final = ("llm_prompts", "llm_sources", "llm_users")


def _fits(cubes: Cubes, values: Sequence[str]) -> bool:
    cells = int(cubes.headers.get("llm_calls", {}).get("rows", 0))
    return cells * max(1, len(values)) <= 2 * MOST_CELLS

"""Folds the store into cubes: numbers by day and by what the page filters by."""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from target_telemetry_postgres.dashboard import queries
from target_telemetry_postgres.dashboard.columns import Packer
from target_telemetry_postgres.dashboard.surveys import kept_values

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import psycopg

#: What a cube may be divided by; any other column but `day` is a number, or text of its own.
DIMENSIONS: Final = (
    "repository", "workflow", "branch", "job", "step", "report", "environment", "phase", "model",
    "prompt", "user", "source", "session", "error", "category", "complexity", "stage", "rate",
)  # fmt: skip
#: Values that a page does not tell apart.
REST: Final = "(other)"
#: Percentiles from bins whose edges lie 9 % apart are at most 4.4 % off.
BIN_WIDTH: Final = math.log(1.09)
#: Costs are kept to a billionth of a dollar; of more rows to a millionth, where errors even out.
_MANY_ROWS: Final = 15_000
_HISTOGRAM: Final = ("bins", "counts")


@dataclass
class Cubes:
    """Every cube of a page: a header that JSON can hold, and the numbers behind it."""

    days: int
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
            elif column == "nanodollars" and len(values) > _MANY_ROWS:
                micro = [round(value / 1000) for value in values]
                header["columns"]["microdollars"] = self.packer.add(micro)
            else:
                header["columns"][column] = self.packer.add(values)
        if "bins" in columns:
            bins, counts = columns.index("bins"), columns.index("counts")
            header["histogram"] = self._histogram(
                [row[bins] for row in rows], [row[counts] for row in rows]
            )
        self.headers[name] = header

    def _codes(self, dimension: str, texts: Sequence[str]) -> dict[str, Any]:
        known = self.values.setdefault(dimension, {})
        return self.packer.add([known.setdefault(text, len(known)) for text in texts])

    def _histogram(self, bins: Sequence[list[int]], counts: Sequence[list[int]]) -> dict[str, Any]:
        """Put the rows' histograms in the form that takes less room."""
        sparse = {
            "lengths": [len(row) for row in bins],
            "steps": [
                bin_ - before for row in bins for before, bin_ in zip([0, *row], row, strict=False)
            ],
            "counts": [amount for row in counts for amount in row],
        }
        dense: dict[str, list[int]] = {"lengths": [], "firsts": [], "counts": []}
        for places, amounts in zip(bins, counts, strict=True):
            first, last = (places[0], places[-1]) if places else (0, -1)
            spread = [0] * (last - first + 1)
            for place, amount in zip(places, amounts, strict=True):
                spread[place - first] = amount
            dense["lengths"].append(len(spread))
            dense["firsts"].append(first)
            dense["counts"] += spread
        chosen = min(sparse, dense, key=_room)
        return {name: self.packer.add(values) for name, values in chosen.items()}


def _room(columns: Mapping[str, Sequence[int]]) -> int:
    packer = Packer()
    for values in columns.values():
        packer.add(values)
    return len(zlib.compress(packer.blob, 1))


def read_cubes(cursor: psycopg.Cursor[Any], parameters: Mapping[str, Any]) -> Cubes:
    """Ask the store for every cube whose tables are there."""
    asked = {**parameters, "rest": REST, "bin_width": BIN_WIDTH}
    asked |= kept_values(cursor, asked)
    cubes = Cubes((parameters["until"] - parameters["since"]).days)
    for name in queries.names("cubes"):
        if name in _SIDE_CUBES:
            asked |= _divided_by(cubes, asked[name.removeprefix("llm_")], asked["models"])
        if not queries.ask(cursor, queries.read("cubes", name), asked):
            continue
        columns = [column.name for column in cursor.description or ()]
        cubes.add(name, columns, cursor.fetchall())
        if name in _SIDE_CUBES and not asked["all_dimensions"]:
            # Told apart by less: the page must not show it under another filter.
            cubes.headers[name]["only"] = ["model"] if asked["by_model"] else []
    return cubes


MOST_SIDE_CELLS: Final = 30_000
_SIDE_CUBES: Final = ("llm_prompts", "llm_sources", "llm_users")


def _divided_by(cubes: Cubes, values: Sequence[str], models: Sequence[str]) -> dict[str, bool]:
    """Whether there is room to tell prompts, users or sources apart by everything, or by model."""
    header = cubes.headers.get("llm_calls", {"rows": 0})
    cells, amount = int(header["rows"]), max(1, len(values))
    return {
        "all_dimensions": cells * amount <= MOST_SIDE_CELLS // 2,
        "by_model": min(cells, cubes.days * len(models)) * amount <= MOST_SIDE_CELLS,
    }

"""Columns of whole numbers as bytes that deflate well and that a browser reads in a blink."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

_WIDEST: Final = 8


@dataclass
class Packer:
    """Lays columns one behind the other and says of each where it is.

    A column's numbers are taken from their smallest, so that each needs few bytes, and the first
    bytes of all numbers lie together, then the second ones: like beside like.
    """

    blob: bytearray = field(default_factory=bytearray)

    def add(self, values: Sequence[int], *, rising: bool = False) -> dict[str, Any]:
        """Put a column; one that never falls is kept as steps.

        Args:
            values: Whole numbers.
            rising: Whether each is at least as large as the one before.

        Returns:
            What a reader needs: where, how many, how wide, from which number on.
        """
        start = len(self.blob)
        if rising and values:
            values = [values[0], *(after - before for before, after in pairwise(values))]
        base = min(values, default=0)
        width = max(1, (max(values, default=0) - base).bit_length() + 7 >> 3)
        wide = array("Q", [value - base for value in values] if base else values).tobytes()
        for place in range(width):
            self.blob += wide[place::_WIDEST] if _LITTLE else wide[_WIDEST - 1 - place :: _WIDEST]
        packed: dict[str, Any] = {"at": start, "n": len(values), "w": width}
        if base:
            packed["base"] = base
        if rising:
            packed["steps"] = 1
        return packed


_LITTLE: Final = array("H", [1]).tobytes()[0] == 1


def unpack(blob: bytes, packed: dict[str, Any]) -> list[int]:
    """Read a column again, as the browser does."""
    count, base = packed["n"], packed.get("base", 0)
    planes = [
        blob[packed["at"] + place * count : packed["at"] + (place + 1) * count]
        for place in range(packed["w"])
    ]
    values = [
        base + sum(byte << 8 * place for place, byte in enumerate(number))
        for number in zip(*planes, strict=True)
    ]
    return list(accumulate(values)) if packed.get("steps") else values

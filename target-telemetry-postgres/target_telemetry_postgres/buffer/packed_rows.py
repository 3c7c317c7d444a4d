"""Rows that wait as text: as good as what COPY takes, and lists again only where one is needed."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any, Final

import msgspec

from target_telemetry_postgres.rows import copy_text
from target_telemetry_postgres.rows.copy_text import CopyText
from target_telemetry_postgres.rows.values import exact

if TYPE_CHECKING:
    from collections.abc import Sequence

    from target_telemetry_postgres.rows.values import Row

_values: Final = msgspec.json.Decoder(list[Any], float_hook=exact).decode


class Pack:
    """Rows of one stream that all leave out the same properties."""

    __slots__ = ("_keys", "_lines", "_numbers", "missing")

    def __init__(self, missing: tuple[int, ...]) -> None:
        #: See `BlockDecoder.missing`.
        self.missing = missing
        self._lines: list[bytes] = []
        self._keys: list[Any] = []
        self._numbers: list[Sequence[int]] = []

    def add(self, lines: bytes, keys: list[Any] | None, numbers: Sequence[int]) -> None:
        """More rows, from `BlockDecoder.rows`, and the input lines they came from."""
        self._lines.append(lines)
        self._keys += keys or ()
        self._numbers.append(numbers)

    @property
    def repeats(self) -> bool:
        """Whether a key comes more than once."""
        return len(set(self._keys)) != len(self._keys)

    def text(self) -> CopyText:
        """The last row of each key, in the order of the keys.

        In that order the server finds its way in the table's index sooner, too.
        """
        lines = b"".join(self._lines)
        if not self._keys:
            return CopyText(copy_text.from_lines(lines), sum(map(len, self._numbers)))
        rows = dict(zip(self._keys, copy_text.split(lines), strict=True))
        try:
            keys = sorted(rows)
        except TypeError:
            # A null among them is neither less nor more than another key.
            return CopyText(copy_text.joined(rows.values()), len(rows))
        return CopyText(copy_text.joined(map(rows.__getitem__, keys)), len(rows), in_order=True)

    def last_rows(self) -> list[Row]:
        """The last row of each key as a list."""
        rows = self.rows()
        return list(dict(zip(self._keys, rows, strict=True)).values()) if self._keys else rows

    def rows(self) -> list[Row]:
        """Every row as a list."""
        pieces = copy_text.split(b"".join(self._lines))
        rows = [_values(b"[%b]" % piece) for piece in pieces]
        for row, number in zip(rows, chain.from_iterable(self._numbers), strict=True):
            for at in self.missing:
                row.insert(at, msgspec.UNSET)
            row.append(number)
        return rows

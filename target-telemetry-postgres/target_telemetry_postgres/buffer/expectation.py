"""What to expect of a stream's next batch: rows that are new, or rows that the table has just so.

New ones, as at first and at the end of every log, need no staging: COPY puts them straight into the
table, at two thirds of the cost. That they are new can only be expected; if one is not, nothing of
the COPY stays, and the batch takes the ordinary way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

#: Batches with fewer rows than this have little to gain, and tell little.
LEAST_ROWS: Final = 1_000
#: A batch is mostly known if at least this share of it is.
MOSTLY: Final = 0.5
#: How many batches of new keys it takes to expect another, after a disappointment.
_CAUTION: Final = 4
_MOST_CAUTION: Final = 64


@dataclass(slots=True)
class Expectation:
    """What the last batches of a stream were like; kept by the thread that writes."""

    _needed: int = 1
    _seen: int = 0

    #: Whether most rows of the last batch were in the table just so.
    known: bool = False

    def expects_new(self, rows: int) -> bool:
        """Whether so many rows are worth the attempt."""
        return self._seen >= self._needed and rows >= LEAST_ROWS

    def merged(self, rows: int, *, inserted: int, written: int) -> None:
        """A batch took the ordinary way."""
        self.known = written <= rows * (1 - MOSTLY)
        if rows >= LEAST_ROWS:
            self._seen = self._seen + 1 if inserted == rows else 0

    def disappointed(self) -> None:
        """A key was there already; the rows that COPY had written were for nothing."""
        self._seen = 0
        self._needed = min(self._needed * _CAUTION, _MOST_CAUTION)

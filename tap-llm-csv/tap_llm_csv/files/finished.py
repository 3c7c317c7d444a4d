"""Files that were read to their end and need not be opened again: eleven bytes each.

Of such a file the state keeps 64 bits of a hash of its path, size and time, and about when its last
row was. If any of the three changes, it is a file that nobody knows, and is read again as a whole;
its rows have the ids that they had.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from datetime import datetime, timedelta, timezone
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tap_llm_csv.files.job import Disk

_HASH_BYTES, _TIME_BYTES = 8, 3
_ENTRY = _HASH_BYTES + _TIME_BYTES
_BEGIN = datetime(2000, 1, 1, tzinfo=timezone.utc)
# The last time is kept in units of so many seconds; 0 is none.
UNIT_SECONDS = 64
_MOST = (1 << 8 * _TIME_BYTES) - 1


class Past(NamedTuple):
    """What is known of a finished file: where its rows went, and when they ended (0: never)."""

    stream: str
    dialect: str
    ended: int


def mark_of(path: str, disk: Disk) -> int:
    """Return 64 bits that stand for a file as it is now."""
    text = f"{path}\0{disk.size}\0{disk.mtime}".encode("utf-8", "surrogateescape")
    return int.from_bytes(blake2b(text, digest_size=_HASH_BYTES).digest(), "big")


def unit_of(moment: str | None) -> int:
    """Return the unit of time that a moment is in."""
    if moment is None:
        return 0
    seconds = (datetime.fromisoformat(moment) - _BEGIN) // timedelta(seconds=1)
    return min(max(seconds // UNIT_SECONDS, 1), _MOST)


class Finished:
    """All finished files, by their mark."""

    def __init__(self) -> None:
        self._groups: list[tuple[str, str]] = []
        # mark → the number of its group, and the time; many of them: so one integer.
        self._known: dict[int, int] = {}
        self._seen: set[int] = set()
        self._changed: set[int] = set()

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._known)

    def load(self, stream: str, groups: Any) -> None:
        """Read what the state of a stream keeps; what makes no sense is dropped."""
        for dialect, text in groups.items() if isinstance(groups, dict) else ():
            try:
                data = b64decode(text, validate=True)
            except (ValueError, TypeError):
                continue
            base = self._group(stream, str(dialect)) << 8 * _TIME_BYTES
            for begin in range(0, len(data) - _ENTRY + 1, _ENTRY):
                mark = int.from_bytes(data[begin : begin + _HASH_BYTES], "big")
                ended = int.from_bytes(data[begin + _HASH_BYTES : begin + _ENTRY], "big")
                self._known[mark] = base | ended

    def find(self, mark: int) -> Past | None:
        """Return what is known of a file that is there, if it is one of these."""
        value = self._known.get(mark)
        if value is None:
            return None
        self._seen.add(mark)
        return Past(*self._groups[value >> 8 * _TIME_BYTES], value & _MOST)

    def add(self, mark: int, past: Past) -> None:
        """Note that a file is finished."""
        group = self._group(past.stream, past.dialect)
        self._known[mark] = group << 8 * _TIME_BYTES | past.ended
        self._seen.add(mark)
        self._changed.add(group)

    def drop(self, mark: int) -> None:
        """Forget a file: it is followed again."""
        value = self._known.pop(mark, None)
        if value is not None:
            self._changed.add(value >> 8 * _TIME_BYTES)

    def drop_unseen(self) -> None:
        """Forget the files that are not there any more."""
        for mark in self._known.keys() - self._seen:
            self.drop(mark)

    def changes(self) -> Iterator[tuple[str, str, str]]:
        """Yield the stream, dialect and text of each group that changed since this was asked."""
        changed, self._changed = self._changed, set()
        if not changed:
            return
        marks: Mapping[int, list[int]] = {group: [] for group in changed}
        for mark, value in self._known.items():
            if (group := value >> 8 * _TIME_BYTES) in marks:
                marks[group].append(mark)
        for group, found in marks.items():
            data = b"".join(
                mark.to_bytes(_HASH_BYTES, "big")
                + (self._known[mark] & _MOST).to_bytes(_TIME_BYTES, "big")
                for mark in sorted(found)
            )
            yield *self._groups[group], b64encode(data).decode()

    def _group(self, stream: str, dialect: str) -> int:
        name = (stream, dialect)
        if name not in self._groups:
            self._groups.append(name)
        return self._groups.index(name)

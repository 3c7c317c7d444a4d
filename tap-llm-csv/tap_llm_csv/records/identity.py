"""Stable ids for rows that carry none.

A call's id is a hash of what the call was (its identity, which the dialect defines) and of its
ordinal among equal calls. The ordinal is counted along the file, so that it depends on the file's
contents alone: not on how many runs read it, nor on what a run remembers.
"""

from __future__ import annotations

from binascii import hexlify
from bisect import bisect_left
from hashlib import blake2b
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Equal calls share their timestamp and so stand close together. Counting over the last 4,096 to
# 8,192 lines keeps memory flat and lets a run that resumes count again from what is in the file.
BLOCK_LINES = 4096


# Where the 32 digits of a UUID stand in its text.
_DIGIT_PLACES = [place for place in range(36) if place not in {8, 13, 18, 23}]
_EMPTY = blake2b(digest_size=16)


def numbered(identity: bytes, ordinal: int) -> bytes:
    """Return what the id of the `ordinal`-th (from 0) row with this identity is made of."""
    return identity + b"#%d" % ordinal if ordinal else identity


def uuid_of(identity: bytes, ordinal: int = 0) -> str:
    """Return the id of the `ordinal`-th (from 0) row with this identity."""
    digest = blake2b(numbered(identity, ordinal), digest_size=16).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-{digest[12:16]}-{digest[16:20]}-{digest[20:]}"


def uuids_of(numbered_identities: Sequence[bytes]) -> list[str]:
    """Return the ids of many rows: `uuid_of` in half the time."""
    copy = _EMPTY.copy
    digests = []
    for data in numbered_identities:
        digest = copy()
        digest.update(data)
        digests.append(digest.digest())
    digits = hexlify(b"".join(digests))
    text = bytearray(b"-" * 36) * len(digests)
    for number, place in enumerate(_DIGIT_PLACES):
        text[place::36] = digits[number::32]
    ids = text.decode("ascii")
    return [ids[begin : begin + 36] for begin in range(0, len(ids), 36)]


def short_hash(*parts: bytes | str) -> str:
    """Return 16 hexadecimal digits that stand for the parts."""
    digest = blake2b(digest_size=8)
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "big"))
        digest.update(data)
    return digest.hexdigest()


class Ordinals:
    """Counts equal identities over the current block of lines and the one before it."""

    __slots__ = (
        "_current", "_has_begun", "_next_block", "_previous", "_recalled", "block", "carried",
        "carried_before",
    )  # fmt: skip

    def __init__(
        self,
        previous: Mapping[bytes, int] | None = None,
        *,
        block: int = 0,
        recalled: Mapping[str, int] | None = None,
    ) -> None:
        """Start counting with a block; rows before it do not count.

        Args:
            previous: What the file that this one continues ended with (`counts`).
            block: The block of lines to begin with.
            recalled: What a bookmark kept of the blocks before (`recall`).
        """
        self.block = block
        # What the current and the previous block took over from the block before them.
        self.carried: dict[bytes, int] = {}
        self.carried_before: dict[bytes, int] = {}
        self._current: dict[bytes, int] = {}
        self._previous: Mapping[bytes, int] = previous or {}
        self._recalled = recalled or {}
        self._has_begun = False
        self._next_block = block * BLOCK_LINES

    def take(self, identity: bytes, line: int) -> int:
        """Return how many equal rows came before the row at this line (counted from 0)."""
        if line >= self._next_block:
            self._turn(line // BLOCK_LINES)
        current = self._current
        if identity in current:
            seen = current[identity]
        elif identity in self._previous or self._recalled:
            seen = self._previous.get(identity, 0)
            if self._recalled and self._has_begun:
                seen = max(seen, self._recalled.get(short_hash(identity), 0))
            if seen:
                self.carried[identity] = seen
        else:
            current[identity] = 1
            return 0
        current[identity] = seen + 1
        return seen

    def number(self, identities: Sequence[bytes], lines: Sequence[int]) -> list[bytes]:
        """Return what the ids of consecutive rows are made of; `take` for all of them."""
        made: list[bytes] = []
        begin = 0
        while begin < len(identities):
            if lines[begin] >= self._next_block:
                self._turn(lines[begin] // BLOCK_LINES)
            end = bisect_left(lines, self._next_block, begin)
            part = identities[begin:end]
            new = dict.fromkeys(part, 1)
            if (
                len(new) == len(part)
                and not self._recalled
                and new.keys().isdisjoint(self._current)
                and new.keys().isdisjoint(self._previous)
            ):
                self._current.update(new)
                made += part
            else:
                made += [
                    numbered(same, self.take(same, line))
                    for same, line in zip(part, lines[begin:end], strict=True)
                ]
            begin = end
        return made

    def _turn(self, block: int) -> None:
        self._next_block = (block + 1) * BLOCK_LINES
        if self._has_begun or block != self.block:
            is_next = block == self.block + 1 and self._has_begun
            self._previous = self._current if is_next else {}
            self.carried_before = self.carried if is_next else {}
            self._recalled = {}
        self._current, self.carried = {}, {}
        self._has_begun = True
        self.block = block

    def counts(self) -> dict[bytes, int]:
        """Return what has been counted, for the file that continues this one."""
        return {**self._previous, **self._current}

    def own_counts(self) -> dict[bytes, int]:
        """Return what was counted in this file alone."""
        return dict(self._current) if self.block == 0 else self.counts()

    def recall(self) -> dict[str, int]:
        """Return what a bookmark must keep besides the place where the previous block begins."""
        kept = self.carried_before if self.block else self.carried
        return {short_hash(identity): seen for identity, seen in kept.items()}

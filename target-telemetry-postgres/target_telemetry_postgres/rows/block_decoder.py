"""Many lines at one stroke: a block of one stream's ordinary records, from bytes to rows of text.

Line by line, Python's own steps cost more than the work itself. Here msgspec decodes a whole block
in one call and writes it as rows in another; what its types cannot say is judged a column at a
time. A block with anything in it that is not ordinary is left to the other roads (`rows.py`).
"""

from __future__ import annotations

from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, Literal, Union

import msgspec
from msgspec.structs import astuple

from target_telemetry_postgres.rows import copy_text
from target_telemetry_postgres.rows.fast_fields import (
    NULL,
    Fix,
    Lane,
    NotPlain,
    Number,
    Spelled,
    check_numbers,
)
from target_telemetry_postgres.rows.values import exact
from target_telemetry_postgres.schema.msgspec_types import Inexpressible, record_type

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

#: After so many blocks in a row that were not ordinary, most are no longer tried.
_PATIENCE: Final = 4
_LONGEST_REST: Final = 64

#: How many choices of properties have a decoder, beside the one of complete records.
_CHOICES: Final = 16

_properties: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class State(msgspec.Struct, tag_field="type", tag="STATE", gc=False):
    """A STATE message among the records."""

    value: msgspec.Raw


class Blocks:
    """The decoders of one stream: one for each choice of properties that its records make."""

    def __init__(
        self, stream: str, lanes: Sequence[Lane], key: Sequence[str], *, forbid_unknown: bool
    ) -> None:
        self._stream = stream
        self._lanes = lanes
        self._key = key
        self._forbid_unknown = forbid_unknown
        self._made: dict[tuple[int, ...], BlockDecoder | None] = {}

    def decoder(self, record: msgspec.Raw) -> BlockDecoder | None:
        """What decodes records with the properties of this one; None if nothing does."""
        try:
            names = _properties(record)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return None
        missing = tuple(at for at, lane in enumerate(self._lanes) if lane.name not in names)
        if any(self._lanes[at].required for at in missing):
            return None
        if missing not in self._made:
            if missing and len(self._made) >= _CHOICES:
                return None
            self._made[missing] = self._make(missing)
        return self._made[missing]

    def _make(self, missing: tuple[int, ...]) -> BlockDecoder | None:
        lanes = [lane for at, lane in enumerate(self._lanes) if at not in missing]
        # One that leaves out a property may not meet it in the next record as if it were unknown.
        strict = self._forbid_unknown or bool(missing)
        try:
            return BlockDecoder(self._stream, lanes, self._key, missing, forbid_unknown=strict)
        except Inexpressible:
            return None


class BlockDecoder:
    """Decodes blocks of records that all have the same properties of their stream.

    Attributes:
        missing: The places, among all its properties, of those that the records leave out.

    Raises:
        Inexpressible: If a key has to be worked out value by value.
    """

    def __init__(
        self,
        stream: str,
        lanes: Sequence[Lane],
        key: Sequence[str],
        missing: tuple[int, ...],
        *,
        forbid_unknown: bool,
    ) -> None:
        self.missing = missing
        self._at = {lane.name: f"f{at}" for at, lane in enumerate(lanes)}
        self._checks: list[tuple[attrgetter[Any], Callable[[Sequence[Any]], None]]] = []
        self._fixes: list[tuple[str, Lane, Fix]] = []
        kinds = [(lane.name, self._kind(self._at[lane.name], lane), True) for lane in lanes]
        if {lane.name for _, lane, _ in self._fixes} & set(key):
            raise Inexpressible(key)
        self._key_of = attrgetter(*(self._at[name] for name in key)) if key else None
        whole = record_type("Whole", kinds, forbid_unknown=forbid_unknown)
        message: Any = msgspec.defstruct(
            "Message",
            [("stream", Literal[stream]), ("record", whole), ("version", None, None)],
            tag_field="type",
            tag="RECORD",
            gc=False,
        )
        either = Union[message, State]  # noqa: UP007 - message is a value
        self._decode = msgspec.json.Decoder(either, float_hook=exact).decode_lines
        self._misses = self._rest = 0

    def _kind(self, field: str, lane: Lane) -> Any:
        if isinstance(lane.fix, Number) and lane.fix.any:
            check = partial(check_numbers, null_ok=lane.null_ok)
            self._checks.append((attrgetter(field), check))
            return msgspec.Raw
        if isinstance(lane.fix, Spelled):
            self._checks.append((attrgetter(field), lane.fix.check))
        elif lane.fix is not None:
            self._fixes.append((field, lane, lane.fix))
        return lane.kind

    def messages(self, block: bytes) -> list[Any] | None:
        """A message a line, or None if there is anything else in the block."""
        if self._rest:
            self._rest -= 1
            return None
        try:
            made: list[Any] = self._decode(block)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            made = []
        if not made or len(made) != _lines(block):
            self._missed()
            return None
        self._misses = 0
        return made

    def _missed(self) -> None:
        """Trying is dear where it never succeeds."""
        self._misses += 1
        if self._misses > _PATIENCE:
            self._rest = min(1 << (self._misses - _PATIENCE), _LONGEST_REST)

    def column(self, records: Sequence[Any], name: str) -> list[Any]:
        """The values of one property; none where it is left out."""
        return list(map(attrgetter(self._at[name]), records)) if name in self._at else []

    def rows(self, records: Sequence[Any]) -> tuple[bytes, list[Any] | None]:
        """The records as rows, see `copy_text.json_lines`, and their keys.

        Raises:
            NotPlain: If one of them is not ordinary after all.
        """
        for values_of, check in self._checks:
            check(list(map(values_of, records)))
        try:
            for field, lane, fix in self._fixes:
                _fix(records, field, lane, fix)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise NotPlain from None
        lines = copy_text.json_lines(list(map(astuple, records)))
        if lines is None:
            raise NotPlain
        return lines, None if self._key_of is None else list(map(self._key_of, records))


def _lines(block: bytes) -> int:
    """How many lines there are, if each is one message; 0 if it cannot be said so simply.

    msgspec takes several messages on a line, and one on several. Between a closing brace and an
    opening one a line ends only where one message ends and another begins.
    """
    body = block.removesuffix(b"\n")
    ends = body.count(b"\n")
    seams = body.count(b"}\n{")
    return ends + 1 if seams == ends or seams + body.count(b"}\r\n{") == ends else 0


def _fix(records: Sequence[Any], field: str, lane: Lane, fix: Fix) -> None:
    """What has to be done value by value."""
    values = list(map(attrgetter(field), records))
    if lane.kind is msgspec.Raw and lane.null_ok and b"".join(values) == NULL * len(values):
        return
    for record, value in zip(records, values, strict=True):
        if value is not None:
            setattr(record, field, fix(value))
        elif not lane.null_ok:
            raise NotPlain

"""Neighbouring records of one stream at one stroke: from bytes to rows of text, or to lists.

Record by record, Python's own steps cost more than the work itself. Here msgspec decodes a block in
one call. Records with the same properties come out as text, good as what COPY takes, their values
judged a column at a time; others as lists, judged a value at a time. A record that is not ordinary
is left to the careful way (`plan.py`).
"""

from __future__ import annotations

from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
from msgspec.structs import astuple

from target_telemetry_postgres.rows import copy_text
from target_telemetry_postgres.rows.fast_fields import (
    NULL,
    FastField,
    Fix,
    Number,
    Spelled,
    TakeCarefulWay,
    check_numbers,
)
from target_telemetry_postgres.rows.values import UNSET, Row, exact
from target_telemetry_postgres.schema.msgspec_types import Inexpressible, record_type

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

#: After so many blocks in a row that did not come out as text, most are no longer tried.
_PATIENCE: Final = 4
_LONGEST_REST: Final = 64

#: How many choices of properties have a decoder, beside the one of complete records.
_CHOICES: Final = 16

_properties: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


#: What decoding raises of a record that is for the careful way.
_NOT_ORDINARY: Final = (
    msgspec.MsgspecError,
    UnicodeDecodeError,
    RecursionError,
    TakeCarefulWay,
)


class TextRows(NamedTuple):
    """Records that have become text.

    Attributes:
        lines: The rows, see `copy_text.json_lines`.
        keys: Their keys, where the stream has one.
        missing: The places, among the stream's properties, of those that all of them leave out.
    """

    lines: bytes
    keys: list[Any] | None
    missing: tuple[int, ...]


class BlockDecoder:
    """Decodes the ordinary records of one stream."""

    def __init__(
        self, fields: Sequence[FastField], key: Sequence[str], *, forbid_unknown: bool
    ) -> None:
        self._fields = fields
        self._key = key
        self._forbid_unknown = forbid_unknown
        self._made: dict[tuple[int, ...], TextDecoder | None] = {}
        self._fixes = [
            (at, field.fix, field.null_ok)
            for at, field in enumerate(fields)
            if field.fix is not None
        ]
        self._decode: Callable[[bytes], list[Any]]
        try:
            record = record_type(
                "Record",
                [(field.name, field.kind, field.required) for field in fields],
                forbid_unknown=forbid_unknown,
            )
        except Inexpressible:
            self._decode = _never
        else:
            self._decode = _list_of(record)

    def texts(self, first: msgspec.Raw) -> TextDecoder | None:
        """What makes text of records with the properties of this one; None if nothing does."""
        try:
            names = _properties(first)
        except _NOT_ORDINARY:
            return None
        missing = tuple(at for at, field in enumerate(self._fields) if field.name not in names)
        if any(self._fields[at].required for at in missing):
            return None
        if missing not in self._made:
            if missing and len(self._made) >= _CHOICES:
                return None
            self._made[missing] = self._make(missing)
        return self._made[missing]

    def _make(self, missing: tuple[int, ...]) -> TextDecoder | None:
        fields = [field for at, field in enumerate(self._fields) if at not in missing]
        # One that leaves out a property may not meet it in the next record as if it were unknown.
        strict = self._forbid_unknown or bool(missing)
        try:
            return TextDecoder(fields, self._key, missing, forbid_unknown=strict)
        except Inexpressible:
            return None

    def lists(self, records: Sequence[msgspec.Raw]) -> list[Row | None]:
        """The records as rows, with UNSET for what one does not mention.

        None stands for a record that is not ordinary.
        """
        made: Sequence[Any]
        try:
            made = self._decode(joined(records))
        except _NOT_ORDINARY:
            made = [self._one(record) for record in records]
        rows = [None if one is None else list(astuple(one)) for one in made]
        for at, fix, null_ok in self._fixes:
            _fix_rows(rows, at, fix, null_ok=null_ok)
        return rows

    def _one(self, record: msgspec.Raw) -> Any:
        try:
            return self._decode(joined([record]))[0]
        except _NOT_ORDINARY:
            return None


class TextDecoder:
    """Makes text of records that all have the same properties of their stream.

    Attributes:
        missing: The places, among all its properties, of those that the records leave out.

    Raises:
        Inexpressible: If a key has to be worked out value by value.
    """

    def __init__(
        self,
        fields: Sequence[FastField],
        key: Sequence[str],
        missing: tuple[int, ...],
        *,
        forbid_unknown: bool,
    ) -> None:
        self.missing = missing
        self._at = {field.name: f"f{at}" for at, field in enumerate(fields)}
        self._checks: list[tuple[attrgetter[Any], Callable[[Sequence[Any]], None]]] = []
        self._fixes: list[tuple[str, FastField, Fix]] = []
        kinds = [(field.name, self._kind(field), True) for field in fields]
        if {field.name for _, field, _ in self._fixes} & set(key):
            raise Inexpressible(key)
        self._key_of = attrgetter(*(self._at[name] for name in key)) if key else None
        self._decode = _list_of(record_type("Whole", kinds, forbid_unknown=forbid_unknown))
        self._misses = self._rest = 0

    def _kind(self, field: FastField) -> Any:
        at = self._at[field.name]
        if isinstance(field.fix, Number) and field.fix.any:
            check = partial(check_numbers, null_ok=field.null_ok)
            self._checks.append((attrgetter(at), check))
            return msgspec.Raw
        if isinstance(field.fix, Spelled):
            self._checks.append((attrgetter(at), field.fix.check))
        elif field.fix is not None:
            self._fixes.append((at, field, field.fix))
        return field.kind

    def decode(self, records: bytes) -> list[Any] | None:
        """A JSON array of records; None if one of them is not ordinary."""
        if self._rest:
            self._rest -= 1
            return None
        try:
            made = self._decode(records)
            for values_of, check in self._checks:
                check(list(map(values_of, made)))
            for at, field, fix in self._fixes:
                _fix_column(made, at, field, fix)
        except _NOT_ORDINARY:
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

    def rows(self, records: Sequence[Any]) -> TextRows | None:
        """What `decode` made as text; None if it is beyond that after all."""
        lines = copy_text.json_lines(list(map(astuple, records)))
        if lines is None:
            return None
        keys = None if self._key_of is None else list(map(self._key_of, records))
        return TextRows(lines, keys, self.missing)


def _list_of(record: Any) -> Callable[[bytes], list[Any]]:
    return msgspec.json.Decoder(list[record], float_hook=exact).decode


def _never(_: object) -> Any:
    """For what is beyond these decoders, such as a property's name."""
    raise TakeCarefulWay


def joined(records: Sequence[msgspec.Raw]) -> bytes:
    """The records as one JSON array."""
    return b"[%b]" % b",".join(records)


def _fix_rows(rows: list[Row | None], at: int, fix: Fix, *, null_ok: bool) -> None:
    for number, row in enumerate(rows):
        if row is None or (value := row[at]) is UNSET or (value is None and null_ok):
            continue
        try:
            row[at] = _never(row) if value is None else fix(value)
        except _NOT_ORDINARY:
            rows[number] = None


def _fix_column(records: Sequence[Any], at: str, field: FastField, fix: Fix) -> None:
    """What has to be done value by value."""
    values = list(map(attrgetter(at), records))
    if field.kind is msgspec.Raw and field.null_ok and b"".join(values) == NULL * len(values):
        return
    for record, value in zip(records, values, strict=True):
        if value is not None:
            setattr(record, at, fix(value))
        elif not field.null_ok:
            raise TakeCarefulWay

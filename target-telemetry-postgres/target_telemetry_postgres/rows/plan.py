"""A record to a row of its table: checked, converted, in column order.

A plan is built once per SCHEMA. Its fast lane decodes bytes straight to a row; whatever is out
of the ordinary takes the careful lane, which validates as the SDK does, converts value by value
and can say what is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import msgspec
from jsonschema import ValidationError
from msgspec.structs import astuple
from singer_sdk.exceptions import InvalidRecord

from target_telemetry_postgres.rows.block_decoder import Blocks
from target_telemetry_postgres.rows.fast_fields import Lane, NotPlain, lane, unchecked_lane
from target_telemetry_postgres.rows.rejection import Rejection
from target_telemetry_postgres.rows.values import Misfit, converter, exact
from target_telemetry_postgres.schema.msgspec_types import Inexpressible, record_type
from target_telemetry_postgres.schema.sdc_columns import (
    METADATA,
)
from target_telemetry_postgres.schema.validation import RecordValidator, validator

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Mapping, Sequence

    from target_telemetry_postgres.schema.pg_types import Json

UNSET: Final = msgspec.UNSET


#: After so many records that lacked a property, completeness is no longer tried first.
_PARTIAL_ROWS: Final = 1000

Row = list[Any]


class Refused(Exception):  # noqa: N818 - carries the rejection to whoever decides
    """The record cannot be stored."""

    def __init__(self, rejection: Rejection) -> None:
        super().__init__(rejection.reason)
        self.rejection = rejection


@dataclass(frozen=True, slots=True)
class Field:
    """One property and the column it goes to."""

    name: str
    column: str
    pg_type: str
    schema: Json
    not_null: bool = False


class Plan:
    """How the records of one stream become rows, under one SCHEMA."""

    def __init__(
        self,
        stream: str,
        schema: dict[str, Any],
        key: Sequence[str],
        fields: Sequence[Field],
        *,
        validate: bool,
        logger: logging.Logger,
    ) -> None:
        self.stream = stream
        self.key = tuple(key)
        self.fields = tuple(fields)
        self._logger = logger
        self._schema = schema
        self._validator = RecordValidator(schema) if validate else None
        self._required = frozenset(schema.get("required", ())) if validate else frozenset()
        self._converters = [converter(field.pg_type) for field in self.fields]
        self._known = {field.name for field in self.fields} | METADATA.keys()
        self._warned: set[str] = set()
        self._lanes = [self._lane(field) for field in self.fields]
        self._fixes = [
            (number, lane.fix, lane.null_ok)
            for number, lane in enumerate(self._lanes)
            if lane.fix is not None
        ]
        self._fast: Callable[[Any], Any]
        self._whole: Callable[[Any], Any]
        self._partial_rows = 0
        self._refuse_unknown(refuse=True)

    def _lane(self, field: Field) -> Lane:
        required = field.name in self.key or field.name in self._required
        if self._validator is None:
            null_ok = not field.not_null
            kind, fix = unchecked_lane(field.pg_type)
        else:
            null_ok = not field.not_null and validator(field.schema).is_valid(None)
            kind, fix = lane(field.schema, field.pg_type, null_ok=null_ok)
        return Lane(field.name, kind, fix, null_ok, required)

    def _refuse_unknown(self, *, refuse: bool) -> None:
        """Compile the decoders; those that refuse unknown fields let the first be reported."""
        self._refusing = refuse
        try:
            made = record_type(
                "Record",
                [(lane.name, lane.kind, lane.required) for lane in self._lanes],
                forbid_unknown=refuse,
            )
            whole = record_type(
                "Whole",
                [(lane.name, lane.kind, True) for lane in self._lanes],
                forbid_unknown=refuse,
            )
        except Inexpressible:
            self._fast = self._whole = _never
        else:
            self._fast = msgspec.json.Decoder(made, float_hook=exact).decode
            self._whole = msgspec.json.Decoder(whole, float_hook=exact).decode
        self.blocks = Blocks(self.stream, self._lanes, self.key, forbid_unknown=refuse)

    def whole_row(self, record: msgspec.Raw | bytes) -> Row | None:
        """Decode and check an ordinary record that has every property; None if it has not."""
        if self._partial_rows > _PARTIAL_ROWS:
            return None
        try:
            return self._fixed(list(astuple(self._whole(record))))
        except (msgspec.MsgspecError, UnicodeDecodeError):
            # Trying is dear where it always fails: after so many, complete records are no habit.
            self._partial_rows += 1
            return None

    def row(self, record: msgspec.Raw | bytes) -> Row:
        """Decode and check an ordinary record, with UNSET for what it does not mention.

        Raises:
            NotPlain: If the careful lane must look at it.
        """
        try:
            return self._fixed(list(astuple(self._fast(record))))
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise NotPlain from None

    def _fixed(self, row: Row) -> Row:
        for number, fix, null_ok in self._fixes:
            value = row[number]
            if value is None:
                if not null_ok:
                    raise NotPlain
            elif value is not UNSET:
                row[number] = fix(value)
        return row

    def careful_row(self, record: Mapping[str, Any]) -> Row:
        """Validate and convert one decoded record.

        Raises:
            Refused: If it does not satisfy its schema or does not fit its table.
        """
        judged = {
            name: value
            for name, value in record.items()
            if name not in METADATA or name in self._schema["properties"]
        }
        self._validate(judged)
        self._require_key(judged)
        self._notice_unknown(judged)
        return [
            self._converted(field, convert, record)
            for field, convert in zip(self.fields, self._converters, strict=True)
        ]

    def _validate(self, record: dict[str, Any]) -> None:
        if self._validator is None:
            return
        try:
            self._validator.validate(record)
        except InvalidRecord as error:
            rejection = Rejection(self.stream, error.error_message, record)
            cause = error.__cause__
            if isinstance(cause, ValidationError) and cause.absolute_path:
                column = str(cause.absolute_path[0])
                rejection = replace(rejection, column=column, value=record.get(column))
            raise Refused(rejection) from None

    def _require_key(self, record: Mapping[str, Any]) -> None:
        if all(name in record for name in self.key):
            return
        reason = (
            f"Record is missing one or more key_properties. \n"
            f"Key Properties: {list(self.key)}, Record Keys: {list(record)}"
        )
        raise Refused(Rejection(self.stream, reason, record, missing_key=True))

    def _notice_unknown(self, record: Mapping[str, Any]) -> None:
        unknown = record.keys() - self._known - self._warned
        for name in sorted(unknown):
            if record[name] is not None:
                self._logger.warning(
                    "Stream '%s': no schema for record field '%s'; it is not stored.",
                    self.stream,
                    name,
                )
        if unknown:
            self._warned |= unknown
        if self._refusing and (record.keys() - self._known) and self._open_ended():
            self._refuse_unknown(refuse=False)

    def _open_ended(self) -> bool:
        """Whether unknown fields are of no consequence, once they have been mentioned."""
        return self._validator is None or (
            self._schema.get("additionalProperties", True) in (True, {})
            and not {"patternProperties", "propertyNames"} & self._schema.keys()
        )

    def _converted(
        self, field: Field, convert: Callable[[Any], Any], record: Mapping[str, Any]
    ) -> Any:
        value = record.get(field.name, UNSET)
        if value is UNSET:
            return UNSET
        if value is None:
            if field.not_null:
                reason = "null, where the table needs a value"
                raise Refused(Rejection(self.stream, reason, dict(record), field.name))
            return None
        try:
            return convert(value)
        except Misfit as misfit:
            reason = f"{misfit} (the column is {field.pg_type})"
            raise Refused(Rejection(self.stream, reason, dict(record), field.name, value)) from None


def _never(_: object) -> Any:
    """The fast lane of a stream whose property names are beyond it."""
    raise NotPlain

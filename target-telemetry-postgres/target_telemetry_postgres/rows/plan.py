"""A record to a row of its table: checked, converted, in column order.

A plan is built once per SCHEMA. Its block decoder takes many records at one stroke; whatever is out
of the ordinary takes the careful way, which validates as the SDK does, converts value by value
and can say what is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from jsonschema import ValidationError
from singer_sdk.exceptions import InvalidRecord

from target_telemetry_postgres.rows.block_decoder import BlockDecoder
from target_telemetry_postgres.rows.fast_fields import FastField, fast_type, unchecked_type
from target_telemetry_postgres.rows.rejection import Rejection
from target_telemetry_postgres.rows.values import UNSET, RejectedValue, Row, converter
from target_telemetry_postgres.schema.sdc_columns import (
    METADATA,
)
from target_telemetry_postgres.schema.validation import RecordValidator, validator

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Mapping, Sequence

    from target_telemetry_postgres.schema.pg_types import Json


class Rejected(Exception):  # noqa: N818 - carries the rejection to whoever decides
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
        self._fast_fields = [self._fast_field(field) for field in self.fields]
        self._decode_blocks(forbid_unknown=True)

    def _fast_field(self, field: Field) -> FastField:
        required = field.name in self.key or field.name in self._required
        if self._validator is None:
            null_ok = not field.not_null
            kind, fix = unchecked_type(field.pg_type)
        else:
            null_ok = not field.not_null and validator(field.schema).is_valid(None)
            kind, fix = fast_type(field.schema, field.pg_type, null_ok=null_ok)
        return FastField(field.name, kind, fix, null_ok, required)

    def _decode_blocks(self, *, forbid_unknown: bool) -> None:
        """Make the decoder; one that forbids unknown fields lets the first be reported."""
        self._forbidding = forbid_unknown
        self.block = BlockDecoder(self._fast_fields, self.key, forbid_unknown=forbid_unknown)

    def careful_row(self, record: Mapping[str, Any]) -> Row:
        """Validate and convert one decoded record.

        Raises:
            Rejected: If it does not satisfy its schema or does not fit its table.
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
            raise Rejected(rejection) from None

    def _require_key(self, record: Mapping[str, Any]) -> None:
        if all(name in record for name in self.key):
            return
        reason = (
            f"Record is missing one or more key_properties. \n"
            f"Key Properties: {list(self.key)}, Record Keys: {list(record)}"
        )
        raise Rejected(Rejection(self.stream, reason, record, missing_key=True))

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
        if self._forbidding and (record.keys() - self._known) and self._open_ended():
            self._decode_blocks(forbid_unknown=False)

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
                raise Rejected(Rejection(self.stream, reason, dict(record), field.name))
            return None
        try:
            return convert(value)
        except RejectedValue as rejected:
            reason = f"{rejected} (the column is {field.pg_type})"
            raise Rejected(
                Rejection(self.stream, reason, dict(record), field.name, value)
            ) from None

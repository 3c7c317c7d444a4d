"""The SDK's JSON Schema validation, for numbers that are exact decimals."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from jsonschema import validators
from singer_sdk.sinks.core import JSONSchemaValidator
from singer_sdk.typing import DEFAULT_JSONSCHEMA_VALIDATOR

if TYPE_CHECKING:
    from target_telemetry_postgres.columns import Json


def _is_integer(_: Any, instance: Any) -> bool:
    """`1.0` is an integer to JSON Schema, also when it was read as a decimal."""
    if isinstance(instance, Decimal):
        return instance.is_finite() and instance == instance.to_integral_value()
    return bool(DEFAULT_JSONSCHEMA_VALIDATOR.TYPE_CHECKER.is_type(instance, "integer"))


_Exact = validators.extend(  # type: ignore[no-untyped-call] # their stubs leave it out
    DEFAULT_JSONSCHEMA_VALIDATOR,
    type_checker=DEFAULT_JSONSCHEMA_VALIDATOR.TYPE_CHECKER.redefine("integer", _is_integer),
)


def validator(schema: Json) -> Any:
    """A validator of values by this schema."""
    return _Exact(dict(schema))


class RecordValidator(JSONSchemaValidator):
    """What the SDK does with a record, in the SDK's words."""

    def __init__(self, schema: dict[str, Any]) -> None:
        super().__init__(schema)
        self.validator = _Exact(schema, format_checker=self.validator.format_checker)

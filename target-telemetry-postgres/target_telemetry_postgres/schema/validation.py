"""The SDK's JSON Schema validation, for numbers that are exact decimals."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from jsonschema import validators
from singer_sdk.sinks.core import JSONSchemaValidator
from singer_sdk.typing import DEFAULT_JSONSCHEMA_VALIDATOR

if TYPE_CHECKING:
    from target_telemetry_postgres.schema.pg_types import Json


def _is_integer(_: Any, instance: Any) -> bool:
    """`1.0` is an integer to JSON Schema, also when it was read as a decimal."""
    if isinstance(instance, Decimal):
        return instance.is_finite() and instance == instance.to_integral_value()
    return bool(DEFAULT_JSONSCHEMA_VALIDATOR.TYPE_CHECKER.is_type(instance, "integer"))


_Exact = validators.extend(  # type: ignore[no-untyped-call] # their stubs leave it out
    DEFAULT_JSONSCHEMA_VALIDATOR,
    type_checker=DEFAULT_JSONSCHEMA_VALIDATOR.TYPE_CHECKER.redefine("integer", _is_integer),
)


def expanded(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema with what its `$ref`s name put in their place, so each property stands alone.

    A schema that refers to itself allows anything there; what is outside the schema, too.
    """

    def put(part: Any, within: tuple[str, ...]) -> Any:
        if isinstance(part, list):
            return [put(one, within) for one in part]
        if not isinstance(part, dict):
            return part
        reference = part.get("$ref")
        if not isinstance(reference, str):
            return {name: put(value, within) for name, value in part.items()}
        found = None if reference in within else _named(schema, reference)
        beside = {name: value for name, value in part.items() if name != "$ref"}
        return put({**found, **beside} if isinstance(found, dict) else beside, (*within, reference))

    made: dict[str, Any] = put(schema, ())
    return made


def _named(schema: dict[str, Any], reference: str) -> Any:
    found: Any = schema
    if not reference.startswith("#/"):
        return None
    for step in reference[2:].split("/"):
        name = step.replace("~1", "/").replace("~0", "~")
        found = found.get(name) if isinstance(found, dict) else None
    return found


def validator(schema: Json) -> Any:
    """A validator of values by this schema."""
    return _Exact(dict(schema))


class RecordValidator(JSONSchemaValidator):
    """What the SDK does with a record, in the SDK's words."""

    def __init__(self, schema: dict[str, Any]) -> None:
        super().__init__(schema)
        self.validator = _Exact(schema, format_checker=self.validator.format_checker)

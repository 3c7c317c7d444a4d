"""The SDK's JSON Schema validation, for numbers that are exact decimals."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from jsonschema import ValidationError, validators
from singer_sdk.sinks.core import JSONSchemaValidator
from singer_sdk.typing import DEFAULT_JSONSCHEMA_VALIDATOR

if TYPE_CHECKING:
    from collections.abc import Iterator

    from target_telemetry_postgres.schema.pg_types import Json


def _is_integer(_: Any, instance: Any) -> bool:
    """`1.0` is an integer to JSON Schema, also when it was read as a decimal."""
    if isinstance(instance, Decimal):
        return instance.is_finite() and instance == instance.to_integral_value()
    return bool(DEFAULT_JSONSCHEMA_VALIDATOR.TYPE_CHECKER.is_type(instance, "integer"))


def _multiple_of(validator: Any, divisor: Any, instance: Any, _: Any) -> Iterator[ValidationError]:
    """Exactly, for numbers of any size: by their digits and exponents, never by dividing them."""
    if validator.is_type(instance, "number") and not _divides(_parts(divisor), _parts(instance)):
        yield ValidationError(f"{instance!r} is not a multiple of {divisor}")


def _parts(number: Any) -> tuple[int, int] | None:
    """A number as digits and a power of ten; None if it is none."""
    if isinstance(number, int):
        return abs(number), 0
    decimal = number if isinstance(number, Decimal) else Decimal(repr(number))
    _, digits, exponent = decimal.as_tuple()
    return (int(Decimal((0, digits, 0))), exponent) if isinstance(exponent, int) else None


def _divides(divisor: tuple[int, int] | None, number: tuple[int, int] | None) -> bool:
    if divisor is None or number is None:
        return False
    (by, by_power), (digits, power) = divisor, number
    if digits == 0:
        return True
    apart = power - by_power
    if apart >= 0:
        return digits * pow(10, apart, by) % by == 0
    # Only a number that ends in as many zeros can be a multiple.
    return -apart <= digits.bit_length() and digits % (by * 10**-apart) == 0


_Exact = validators.extend(  # type: ignore[no-untyped-call] # their stubs leave it out
    DEFAULT_JSONSCHEMA_VALIDATOR,
    validators={"multipleOf": _multiple_of},
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

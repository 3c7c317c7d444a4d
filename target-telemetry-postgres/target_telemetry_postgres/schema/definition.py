"""What a SCHEMA message and the settings together say of a stream: its columns and its key."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from target_telemetry_postgres.errors import RecordError
from target_telemetry_postgres.schema.pg_types import (
    Json,
    Name,
    fitted,
    fitted_column,
    nullable,
    postgres_type,
)
from target_telemetry_postgres.schema.sdc_columns import (
    DELETED_AT,
    METADATA,
    TABLE_VERSION,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a stream needs of its table."""

    stream: str
    table: Name
    columns: Mapping[str, str]
    names: Mapping[str, Name]
    key: tuple[str, ...]
    nullable_key: bool = False


#: Metadata that is appended to a row; `_sdc_deleted_at` is read from the record instead.
APPENDED: Final = tuple(name for name in METADATA if name != DELETED_AT)


@dataclass(frozen=True, slots=True)
class Options:
    """The settings that decide what is stored of a record."""

    load_method: str = "upsert"
    add_record_metadata: bool = False
    hard_delete: bool = False
    validate_records: bool = True
    versions: bool = True
    quarantine: bool = False


@dataclass(frozen=True, slots=True)
class Definition:
    """What a SCHEMA message says, with the columns that the settings add or take away."""

    stream: str
    schema: dict[str, Any]
    key: tuple[str, ...]
    appended: tuple[str, ...]
    reads_deletion: bool

    @property
    def properties(self) -> dict[str, Json]:
        """The properties that come from the record."""
        properties: dict[str, Json] = self.schema["properties"]
        return properties

    def wanted(self) -> Wanted:
        """What the stream needs of its table."""
        schemas = {**self.properties, **{name: METADATA[name] for name in self.appended}}
        names = {original: fitted_column(original) for original in schemas}
        return Wanted(
            stream=self.stream,
            table=fitted(self.stream),
            columns={names[one].name: postgres_type(schema) for one, schema in schemas.items()},
            names={name.name: name for name in names.values()},
            key=tuple(names[name].name for name in self.key),
            nullable_key=any(nullable(self.properties[name]) for name in self.key),
        )


def define(
    stream: str,
    schema: Mapping[str, Any],
    key: Sequence[str] | None,
    options: Options,
    *,
    versioned: bool,
) -> Definition:
    """Settle which columns a stream has.

    Without `add_record_metadata` the tap's own `_sdc_*` columns are left out, as the SDK does,
    except the mark of a deletion: dropping that one would bring deleted rows back to life.
    """
    made = copy.deepcopy(dict(schema))
    properties = {name: _as_object(value) for name, value in made["properties"].items()}
    made["properties"] = properties
    declared = DELETED_AT in properties
    for name in METADATA:
        properties.pop(name, None)
    made["required"] = [name for name in made.get("required", ()) if name not in METADATA]
    if not made["required"]:
        del made["required"]
    if declared or versioned or options.add_record_metadata:
        properties[DELETED_AT] = dict(METADATA[DELETED_AT])
    appended: tuple[str, ...] = ()
    if options.add_record_metadata:
        appended = APPENDED
    elif versioned:
        appended = (TABLE_VERSION,)
    missing = [name for name in key or () if name not in properties]
    if missing:
        raise RecordError(
            f"Stream '{stream}': the key property '{missing[0]}' is not among the SCHEMA's "
            "properties; correct the tap's catalog."
        )
    return Definition(
        stream, made, tuple(dict.fromkeys(key or ())), appended, DELETED_AT in properties
    )


def _as_object(schema: Any) -> Any:
    """A schema may be `true` or `false`: anything, or nothing."""
    if isinstance(schema, dict):
        return schema
    return {"not": {}} if schema is False else {}

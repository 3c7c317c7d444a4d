"""From JSON Schema to Postgres: types, names, and which type may become which.

Pure functions over plain values. A type is written as Postgres itself prints it (`format_type`),
so that what a SCHEMA wants and what the catalogue says compare as equal strings.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

Json = Mapping[str, Any]

BIGINT: Final = "bigint"
NUMERIC: Final = "numeric"
TEXT: Final = "text"
BOOLEAN: Final = "boolean"
JSONB: Final = "jsonb"
TIMESTAMPTZ: Final = "timestamp with time zone"
DATE: Final = "date"
TIME: Final = "time without time zone"
UUID: Final = "uuid"

INTEGER_RANGES: Final = {
    "smallint": (-(2**15), 2**15 - 1),
    "integer": (-(2**31), 2**31 - 1),
    BIGINT: (-(2**63), 2**63 - 1),
}
#: Longest identifier that Postgres keeps whole, in bytes.
MAX_NAME_BYTES: Final = 63

_SYSTEM_COLUMNS: Final = frozenset({"tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"})

_STRING_FORMATS: Final = {
    "date-time": TIMESTAMPTZ,
    "date": DATE,
    "time": TIME,
    "uuid": UUID,
}
_STRINGS: Final = frozenset({TEXT, TIMESTAMPTZ, DATE, TIME, UUID})
_FLOATS: Final = frozenset({"real", "double precision"})
_TEXTS: Final = frozenset({TEXT, "character varying", "character", "citext", "bpchar", "name"})
_TIMESTAMPS: Final = frozenset({TIMESTAMPTZ, "timestamp without time zone"})
_TIMES: Final = frozenset({TIME, "time with time zone"})


def base_type(pg_type: str) -> str:
    """The type without its modifier: `numeric(18,12)` is a numeric."""
    if "(" not in pg_type:
        return pg_type
    head, _, rest = pg_type.partition("(")
    return head.strip() + rest.partition(")")[2]


def element_type(pg_type: str) -> str | None:
    """What an array type is an array of; None for everything else."""
    return pg_type[:-2] if pg_type.endswith("[]") else None


# --- JSON Schema -----------------------------------------------------------------------------


def variants(schema: Json) -> list[dict[str, Any]]:
    """The alternatives of a schema, each with exactly one `type` (or none: anything)."""
    for word in ("anyOf", "oneOf"):
        if word in schema:
            common = {name: value for name, value in schema.items() if name != word}
            return [
                one for choice in schema[word] for one in variants({**common, **_mapping(choice)})
            ]
    if "allOf" in schema:
        merged = {name: value for name, value in schema.items() if name != "allOf"}
        for part in schema["allOf"]:
            merged |= _mapping(part)
        return variants(merged)
    kinds = schema.get("type")
    if kinds is None:
        return [{**schema, "type": kind} for kind in _implied_types(schema)]
    if isinstance(kinds, str):
        kinds = [kinds]
    return [{**schema, "type": kind} for kind in kinds]


def nullable(schema: Json) -> bool:
    """Whether the schema lets a value be null."""
    return any(variant["type"] in {"null", None} for variant in variants(schema))


def postgres_type(schema: Json) -> str:
    """The column type that holds every value of the schema exactly."""
    wanted = {_variant_type(one) for one in variants(schema) if one["type"] != "null"}
    if not wanted:
        return TEXT
    if len(wanted) == 1:
        return wanted.pop()
    if wanted <= {BIGINT, NUMERIC}:
        return NUMERIC
    if wanted <= {DATE, TIMESTAMPTZ}:
        return TIMESTAMPTZ
    return TEXT if wanted <= _STRINGS else JSONB


def _mapping(schema: Any) -> dict[str, Any]:
    """A schema may be `true`: anything goes."""
    return dict(schema) if isinstance(schema, Mapping) else {}


def _implied_types(schema: Json) -> Sequence[str | None]:
    """The types of a schema that does not say: those of its listed values, or anything."""
    values = [schema["const"]] if "const" in schema else list(schema.get("enum", ()))
    if values:
        return sorted({_type_of(value) for value in values})
    if "properties" in schema:
        return ["object"]
    return ["array"] if "items" in schema else [None]


def _type_of(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, str):
        return "string"
    if isinstance(value, Mapping):
        return "object"
    return "array" if isinstance(value, Sequence) else "number"


def _variant_type(schema: Json) -> str:
    kind = schema["type"]
    if kind == "string":
        return _STRING_FORMATS.get(schema.get("format", ""), TEXT)
    if kind == "integer":
        return NUMERIC if _wider_than_bigint(schema) else BIGINT
    if kind == "array":
        return _array_type(schema)
    return {"number": NUMERIC, "boolean": BOOLEAN}.get(kind, JSONB)


def _wider_than_bigint(schema: Json) -> bool:
    low, high = INTEGER_RANGES[BIGINT]
    bounds = (
        schema.get(word) for word in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
    )
    return any(
        isinstance(bound, (int, float, Decimal)) and not low <= bound <= high for bound in bounds
    )


def _array_type(schema: Json) -> str:
    items = schema.get("items")
    if not isinstance(items, Mapping) or not items:
        return JSONB
    element = postgres_type(items)
    return JSONB if element == JSONB or element.endswith("[]") else f"{element}[]"


# --- What a column can hold ------------------------------------------------------------------


def accepts(have: str, want: str) -> bool:
    """Whether a column of type `have` holds every value of type `want` without loss."""
    have, want = base_type(have), base_type(want)
    if have == want or have in {JSONB, "json"}:
        return True
    inner, wanted = element_type(have), element_type(want)
    if inner is not None or wanted is not None:
        return inner is not None and wanted is not None and accepts(inner, wanted)
    if have in _TEXTS:
        return want not in {JSONB, BOOLEAN}
    holds = {
        NUMERIC: {BIGINT},
        **{name: {BIGINT} for name in INTEGER_RANGES},
        **{name: {BIGINT, NUMERIC} for name in _FLOATS},
        **{name: {TIMESTAMPTZ, DATE} for name in _TIMESTAMPS},
        **{name: {TIME} for name in _TIMES},
    }
    return want in holds.get(have, set())


def widened(have: str, want: str) -> str:
    """The smallest type that holds what is there and what is to come."""
    if accepts(have, want):
        return have
    if accepts(want, have):
        return want
    inner, wanted = element_type(have), element_type(want)
    if inner is not None and wanted is not None:
        element = widened(inner, wanted)
        return JSONB if element == JSONB else f"{element}[]"
    scalars = inner is None and wanted is None
    return TEXT if scalars and not {BOOLEAN, JSONB} & {have, want} else JSONB


# --- Names -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Name:
    """A name in the database, and the one the tap used."""

    name: str
    original: str

    @property
    def shortened(self) -> bool:
        """Whether the database could not keep the tap's name."""
        return self.name != self.original


def fitted(original: str) -> Name:
    """The tap's name, cut to what Postgres keeps, with a hash so that two never meet."""
    cleaned = original.replace("\x00", "").encode("utf-8", "replace")
    if len(cleaned) <= MAX_NAME_BYTES and cleaned:
        return Name(cleaned.decode(), original)
    digest = hashlib.sha256(original.encode("utf-8", "surrogatepass")).hexdigest()[:10]
    kept = cleaned[: MAX_NAME_BYTES - len(digest) - 1].decode("utf-8", "ignore")
    return Name(f"{kept}_{digest}" if kept else digest, original)


def fitted_column(original: str) -> Name:
    """As `fitted`, and apart from the columns that Postgres itself gives every table."""
    name = fitted(original)
    if name.name not in _SYSTEM_COLUMNS:
        return name
    digest = hashlib.sha256(original.encode()).hexdigest()[:10]
    return Name(f"{name.name}_{digest}", original)


def derived(table: str, suffix: str) -> str:
    """A name for something that belongs to a table: an index, a shadow."""
    return fitted(f"{table}_{suffix}").name

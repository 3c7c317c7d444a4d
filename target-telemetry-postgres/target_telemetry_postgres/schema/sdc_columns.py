"""The columns that Singer itself gives a record: its times, its version, and whether it is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from target_telemetry_postgres.schema.pg_types import Json

DELETED_AT: Final = "_sdc_deleted_at"

TABLE_VERSION: Final = "_sdc_table_version"

_TIMES: Final = ("_sdc_extracted_at", "_sdc_received_at", "_sdc_batched_at", DELETED_AT)

_NUMBERS: Final = ("_sdc_sequence", TABLE_VERSION, "_sdc_sync_started_at")

METADATA: Final[dict[str, Json]] = {
    **{name: {"type": ["null", "string"], "format": "date-time"} for name in _TIMES},
    **{name: {"type": ["null", "integer"]} for name in _NUMBERS},
}

#: Metadata that is about the load, not about the row: a change of it alone is no change.
INCIDENTAL: Final = frozenset(METADATA) - {DELETED_AT, TABLE_VERSION}

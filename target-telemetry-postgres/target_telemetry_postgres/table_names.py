"""Names of tables and columns that several parts go by."""

from __future__ import annotations

from typing import Final

#: What the migrations make for the target itself; no stream writes here.
OWN_TABLES: Final = frozenset(
    ["version", "ingest_runs", "rejected_records", "runner_prices", "retention_policies"]
)

#: The column that says when a row was stored, in every modelled table.
STORED_AT: Final = "created_at"

#: Alembic's table in our schema, where no other application's Alembic looks.
VERSION_TABLE: Final = "version"

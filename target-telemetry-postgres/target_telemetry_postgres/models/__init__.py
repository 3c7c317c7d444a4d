"""The tables that the migrations make, as SQLAlchemy models.

They name no schema: the session's search path decides (`telemetry` unless configured otherwise).
A property of a stream is a column of the same name; `id` and `created_at` are ours.
"""

from __future__ import annotations

from typing import Final

from target_telemetry_postgres.models import llm_usage, own, pipelines
from target_telemetry_postgres.models.base import Base

__all__ = ["MODELLED_TABLES", "OWN_TABLES", "Base", "llm_usage", "own", "pipelines"]

#: Tables that the target itself keeps; no stream may write to them.
OWN_TABLES: Final = frozenset(
    mapper.local_table.description
    for mapper in Base.registry.mappers
    if mapper.class_.__module__ == own.__name__
)
#: Tables that streams of the same name are written to.
MODELLED_TABLES: Final = frozenset(Base.metadata.tables) - OWN_TABLES

"""The tables that the migrations make, as SQLAlchemy models: a module a branch, of the same name.

They name no schema: the session's search path decides (`telemetry` unless configured otherwise).
A property of a stream is a column of the same name; `id` and `created_at` are ours.
"""

from __future__ import annotations

from target_telemetry_postgres.models import (
    chat,
    coverage,
    estimation,
    ledger,
    llm,
    pipelines,
    traces,
)
from target_telemetry_postgres.models.base import Base

__all__ = ["Base", "chat", "coverage", "estimation", "ledger", "llm", "pipelines", "traces"]

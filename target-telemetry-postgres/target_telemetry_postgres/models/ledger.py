"""What the target keeps for itself; no stream writes here."""

# ruff: noqa: TC003 - SQLAlchemy reads the annotations when it runs.

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from target_telemetry_postgres.models.base import Base, Count


class IngestRun(Base):
    """What one run did to one stream. `status` is running, succeeded, failed or interrupted."""

    __tablename__ = "ingest_runs"
    __table_args__ = (
        UniqueConstraint("run_id", "stream"),
        CheckConstraint(
            "status IN ('running', 'succeeded', 'failed', 'interrupted')", name="status"
        ),
        Index(None, "created_at"),
        Index(None, "started_at"),
        Index(None, "stream", "started_at"),
        Index("ingest_runs_running_idx", "run_id", postgresql_where=text("status = 'running'")),
    )

    run_id: Mapped[uuid.UUID]
    stream: Mapped[str]
    state_id: Mapped[str | None]
    status: Mapped[str]
    started_at: Mapped[datetime] = mapped_column(server_default=func.now())
    last_write_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    rows_read: Mapped[Count]
    rows_inserted: Mapped[Count]
    rows_updated: Mapped[Count]
    rows_unchanged: Mapped[Count]
    rows_deleted: Mapped[Count]
    rows_rejected: Mapped[Count]
    rows_expired: Mapped[Count]
    rows_pruned: Mapped[Count]
    error: Mapped[str | None]


class Rejected(Base):
    """A record that did not fit its table, kept with the reason."""

    __tablename__ = "rejected_records"
    __table_args__ = (
        UniqueConstraint("reject_id"),
        Index(None, "created_at"),
        Index(None, "stream", "rejected_at"),
        Index(None, "run_id"),
    )

    reject_id: Mapped[uuid.UUID] = mapped_column(server_default=func.gen_random_uuid())
    run_id: Mapped[uuid.UUID | None]
    stream: Mapped[str]
    line_number: Mapped[int | None]
    column_name: Mapped[str | None]
    reason: Mapped[str]
    record: Mapped[dict[str, Any] | None]
    rejected_at: Mapped[datetime] = mapped_column(server_default=func.now())


class StateLineage(Base):
    """A line of runs whose states were kept here, and how many of its runs there were."""

    __tablename__ = "state_lineages"
    __table_args__ = (UniqueConstraint("lineage_id"),)

    lineage_id: Mapped[str]
    runs: Mapped[int]
    state_id: Mapped[str | None]
    last_seen_at: Mapped[datetime] = mapped_column(server_default=func.now())


class RetentionPolicy(Base):
    """The policy that last pruned a table, and what it left."""

    __tablename__ = "retention_policies"
    __table_args__ = (UniqueConstraint("table_name"),)

    table_name: Mapped[str]
    column_name: Mapped[str]
    keep: Mapped[timedelta]
    cutoff: Mapped[datetime]
    pruned_at: Mapped[datetime]
    rows_pruned: Mapped[int]
    is_complete: Mapped[bool]
    oldest_left: Mapped[datetime | None]

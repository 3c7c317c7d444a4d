"""Traces of pull requests and their events."""

# ruff: noqa: TC003 - SQLAlchemy reads the annotations when it runs.

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Index, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from target_telemetry_postgres.models.base import Base


class PrTrace(Base):
    """How one pull request came to be; its times are those of its events, where it has any."""

    __tablename__ = "pr_traces"
    __table_args__ = (
        UniqueConstraint("trace_id"),
        Index(None, "created_at"),
        Index(None, "pr_id"),
        Index(None, "repository", "branch"),
        Index(None, "start_time"),
    )

    trace_id: Mapped[str]
    repository: Mapped[str | None]
    branch: Mapped[str | None]
    language: Mapped[list[str] | None]
    pr_id: Mapped[str | None]
    title: Mapped[str | None]
    status: Mapped[str | None]
    pr_created_at: Mapped[datetime | None]
    merged_at: Mapped[datetime | None]
    user_id: Mapped[str | None]
    ide_version: Mapped[str | None]
    os: Mapped[str | None]
    start_time: Mapped[datetime | None]
    end_time: Mapped[datetime | None]
    duration_seconds: Mapped[Decimal | None]


class PrTraceEvent(Base):
    """Something that was done: an edit, a command, a test, a commit, a note."""

    __tablename__ = "pr_trace_events"
    __table_args__ = (
        UniqueConstraint("event_id"),
        Index(None, "created_at"),
        Index(None, "trace_id", "seq"),
        Index(None, "trace_id", "ts"),
        Index(None, "ts"),
        Index(None, "session_id"),
    )

    event_id: Mapped[str]
    trace_id: Mapped[str | None]
    seq: Mapped[int | None]
    ts: Mapped[datetime | None]
    received_at: Mapped[datetime | None]
    type: Mapped[str | None]
    payload: Mapped[Any | None] = mapped_column(JSONB)
    session_id: Mapped[str | None]

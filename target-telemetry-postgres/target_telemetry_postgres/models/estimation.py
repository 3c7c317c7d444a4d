"""Estimates of how much a model will say, beside what it said."""

# ruff: noqa: TC002, TC003 - SQLAlchemy reads the annotations when it runs.

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Index, UniqueConstraint
from sqlalchemy.orm import Mapped

from target_telemetry_postgres.models.base import Base


class TokenEstimationEvent(Base):
    """One estimate; `computed` holds our figures where the source's differ from them."""

    __tablename__ = "token_estimation_v2_events"
    __table_args__ = (
        UniqueConstraint("event_id"),
        Index(None, "created_at"),
        Index(None, "timestamp"),
        Index(None, "run_id"),
        Index(None, "category", "complexity", "timestamp"),
    )

    event_id: Mapped[str]
    run_id: Mapped[str | None]
    phase_id: Mapped[str | None]
    timestamp: Mapped[datetime | None]
    category: Mapped[str | None]
    complexity: Mapped[str | None]
    deliverable_count: Mapped[int | None]
    deliverables_json: Mapped[dict[str, Any] | None]
    predicted_output_tokens: Mapped[int | None]
    actual_output_tokens: Mapped[int | None]
    selected_budget: Mapped[int | None]
    success: Mapped[bool | None]
    truncated: Mapped[bool | None]
    stop_reason: Mapped[str | None]
    model: Mapped[str | None]
    smape_percent: Mapped[Decimal | None]
    waste_ratio: Mapped[Decimal | None]
    underestimated: Mapped[bool | None]
    actual_source: Mapped[str | None]
    computed: Mapped[dict[str, Any] | None]

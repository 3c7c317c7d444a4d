"""Chat requests, and what the models cost that answered them."""

# ruff: noqa: TC003 - SQLAlchemy reads the annotations when it runs.

from __future__ import annotations

import uuid
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Index, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from target_telemetry_postgres.models.base import Base, Count


class ChatRequest(Base):
    """One request, from the question to the answer or to where it failed."""

    __tablename__ = "chat_telemetry_log"
    __table_args__ = (
        Index(None, "created_at"),
        Index(None, "user_id", "created_at"),
        Index(
            "chat_telemetry_log_error_type_idx",
            "error_type",
            postgresql_where=text("error_type IS NOT NULL"),
        ),
        Index(
            "chat_telemetry_log_sql_fingerprint_idx",
            "sql_fingerprint",
            postgresql_where=text("sql_fingerprint IS NOT NULL"),
        ),
    )

    # The request has a key of its own, and its own time is what counts.
    id = None  # type: ignore[assignment]
    log_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    user_id: Mapped[str]
    conversation_id: Mapped[str | None]
    response_id: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    user_question: Mapped[str]
    ai_response: Mapped[str | None]
    generated_sql: Mapped[str | None]
    sql_fingerprint: Mapped[str | None]
    result_row_count: Mapped[int | None]
    follow_up_suggestions: Mapped[Any | None] = mapped_column(JSONB)
    error_type: Mapped[str | None]
    error_message: Mapped[str | None]
    failed_step: Mapped[str | None]
    is_off_topic: Mapped[bool] = mapped_column(server_default=text("false"))
    sql_model: Mapped[str | None]
    response_model: Mapped[str | None]
    nl_to_sql_duration_ms: Mapped[int | None]
    sql_execution_duration_ms: Mapped[int | None]
    response_generation_duration_ms: Mapped[int | None]
    ttfb_ms: Mapped[int | None]
    sql_input_tokens: Mapped[int | None]
    sql_output_tokens: Mapped[int | None]
    sql_cached_tokens: Mapped[int | None]
    response_input_tokens: Mapped[int | None]
    response_output_tokens: Mapped[int | None]
    response_cached_tokens: Mapped[int | None]


class ModelPrice(Base):
    """What a model costs from a day on, and from a size of call; rows may be added for own models.

    `source` says which price list a row is from; what somebody added has none.
    """

    __tablename__ = "model_prices"
    __table_args__ = (UniqueConstraint("model", "valid_from", "from_input_tokens"),)

    model: Mapped[str]
    valid_from: Mapped[date]
    from_input_tokens: Mapped[Count]
    input_usd_per_million: Mapped[Decimal]
    cached_input_usd_per_million: Mapped[Decimal]
    output_usd_per_million: Mapped[Decimal]
    source: Mapped[str | None]

"""Calls of language models, sums of them, and the files both came from."""

# ruff: noqa: TC002, TC003 - SQLAlchemy reads the annotations when it runs.

from __future__ import annotations

import uuid
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Index, UniqueConstraint
from sqlalchemy.orm import Mapped

from target_telemetry_postgres.models.base import Base, Money


class LlmCall(Base):
    """One call of a language model."""

    __tablename__ = "llm_calls"
    __table_args__ = (
        UniqueConstraint("call_id"),
        Index(None, "created_at"),
        Index(None, "model", "timestamp"),
        # What a person would call the key; too often equal to be one, and first of all a time.
        Index(None, "timestamp", "session_id", "prompt_name"),
        # By which the calls of a pull request are found.
        Index(None, "commit_sha"),
        Index(None, "repository", "branch"),
        Index(None, "session_id"),
    )

    call_id: Mapped[uuid.UUID]
    timestamp: Mapped[datetime | None]
    phase: Mapped[str | None]
    prompt_name: Mapped[str | None]
    model: Mapped[str | None]
    provider: Mapped[str | None]
    input_tokens: Mapped[int | None]
    output_tokens: Mapped[int | None]
    total_tokens: Mapped[int | None]
    cache_read_tokens: Mapped[int | None]
    cache_write_tokens: Mapped[int | None]
    reasoning_tokens: Mapped[int | None]
    estimated_cost: Mapped[Money | None]
    cost_source: Mapped[str | None]
    price_version: Mapped[str | None]
    success: Mapped[bool | None]
    error_message: Mapped[str | None]
    duration_ms: Mapped[int | None]
    ttft_ms: Mapped[int | None]
    session_id: Mapped[str | None]
    user_id: Mapped[str | None]
    finish_reason: Mapped[str | None]
    notes: Mapped[str | None]
    repository: Mapped[str | None]
    branch: Mapped[str | None]
    commit_sha: Mapped[str | None]
    environment: Mapped[str | None]
    source: Mapped[str | None]
    source_file: Mapped[str | None]
    source_line: Mapped[int | None]
    extra: Mapped[dict[str, Any] | None]


class LlmUsageBucket(Base):
    """What a provider's export sums up over an hour or a day."""

    __tablename__ = "llm_usage_buckets"
    __table_args__ = (
        UniqueConstraint("bucket_id"),
        Index(None, "created_at"),
        Index(None, "bucket_start"),
        Index(None, "model", "bucket_start"),
    )

    bucket_id: Mapped[uuid.UUID]
    bucket_start: Mapped[datetime | None]
    bucket_end: Mapped[datetime | None]
    source: Mapped[str | None]
    provider: Mapped[str | None]
    model: Mapped[str | None]
    dimensions: Mapped[dict[str, Any] | None]
    requests: Mapped[int | None]
    input_tokens: Mapped[int | None]
    output_tokens: Mapped[int | None]
    cache_read_tokens: Mapped[int | None]
    cache_write_tokens: Mapped[int | None]
    reasoning_tokens: Mapped[int | None]
    cost: Mapped[Decimal | None]
    cost_source: Mapped[str | None]
    source_file: Mapped[str | None]


class LlmCsvFile(Base):
    """One file that was read, over its whole life."""

    __tablename__ = "llm_csv_files"
    __table_args__ = (UniqueConstraint("file_id"), Index(None, "created_at"))

    file_id: Mapped[str]
    path: Mapped[str | None]
    stream: Mapped[str | None]
    dialect: Mapped[str | None]
    status: Mapped[str | None]
    size_bytes: Mapped[int | None]
    offset_bytes: Mapped[int | None]
    generation: Mapped[int | None]
    rows_read: Mapped[int | None]
    rows_emitted: Mapped[int | None]
    rows_rejected: Mapped[int | None]
    rows_skipped: Mapped[int | None]
    rows_recovered: Mapped[int | None]
    first_timestamp: Mapped[datetime | None]
    last_timestamp: Mapped[datetime | None]
    message: Mapped[str | None]


class LlmCsvReject(Base):
    """One line of a file that could not be read."""

    __tablename__ = "llm_csv_rejects"
    __table_args__ = (
        UniqueConstraint("reject_id"),
        Index(None, "created_at"),
        Index(None, "file_id"),
        Index(None, "seen_at"),
    )

    reject_id: Mapped[uuid.UUID]
    file_id: Mapped[str | None]
    path: Mapped[str | None]
    line_number: Mapped[int | None]
    byte_offset: Mapped[int | None]
    code: Mapped[str | None]
    column_name: Mapped[str | None]
    message: Mapped[str | None]
    raw: Mapped[str | None]
    severity: Mapped[str | None]
    seen_at: Mapped[datetime | None]

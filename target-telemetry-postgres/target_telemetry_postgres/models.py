"""The tables that the migrations make, as SQLAlchemy models.

They name no schema: the session's search path decides (`telemetry` unless configured otherwise).
A property of a stream is a column of the same name; `id` and `created_at` are ours.
"""

from __future__ import annotations

import uuid
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Final

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    Date,
    DateTime,
    Identity,
    Index,
    Interval,
    MetaData,
    Numeric,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

Money = Annotated[Decimal, mapped_column(Numeric(18, 12))]
Count = Annotated[int, mapped_column(BigInteger, server_default=text("0"))]
Key = Annotated[int, mapped_column(BigInteger)]


class Base(DeclarativeBase):
    """What every table has, and which Postgres type each Python type becomes."""

    # The names that Postgres itself would choose.
    metadata = MetaData(
        naming_convention={
            "pk": "%(table_name)s_pkey",
            "uq": "%(table_name)s_%(column_0_N_name)s_key",
            "ix": "%(table_name)s_%(column_0_N_name)s_idx",
            "ck": "%(table_name)s_%(constraint_name)s_check",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy's own spelling
        int: BigInteger,
        str: Text,
        Decimal: Numeric,
        datetime: DateTime(timezone=True),
        date: Date,
        timedelta: Interval,
        uuid.UUID: Uuid,
        dict[str, Any]: JSONB,
        list[int]: ARRAY(BigInteger),
        list[str]: ARRAY(Text),
    }

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True, sort_order=-1)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now(), sort_order=1000)


class WorkflowRun(Base):
    """One attempt of one run of a GitHub Actions workflow."""

    __tablename__ = "workflow_runs"
    __table_args__ = (
        UniqueConstraint("github_run_id", "run_attempt"),
        Index(None, "created_at"),
        Index(None, "run_created_at"),
        Index(None, "started_at"),
        Index(None, "repository", "workflow_name", "started_at"),
        Index(None, "commit_sha"),
    )

    github_run_id: Mapped[int]
    run_attempt: Mapped[int]
    repository: Mapped[str | None]
    repository_id: Mapped[int | None]
    workflow_id: Mapped[int | None]
    workflow_name: Mapped[str | None]
    workflow_path: Mapped[str | None]
    run_number: Mapped[int | None]
    display_title: Mapped[str | None]
    branch: Mapped[str | None]
    commit_sha: Mapped[str | None]
    event_type: Mapped[str | None]
    status: Mapped[str | None]
    conclusion: Mapped[str | None]
    actor: Mapped[str | None]
    triggering_actor: Mapped[str | None]
    run_created_at: Mapped[datetime | None]
    started_at: Mapped[datetime | None]
    completed_at: Mapped[datetime | None]
    duration_seconds: Mapped[Decimal | None]
    github_updated_at: Mapped[datetime | None]
    html_url: Mapped[str | None]
    pull_request_numbers: Mapped[list[int] | None]
    head_repository: Mapped[str | None]


class WorkflowJob(Base):
    """One job of one attempt."""

    __tablename__ = "workflow_jobs"
    __table_args__ = (
        UniqueConstraint("github_job_id"),
        Index(None, "created_at"),
        Index(None, "started_at"),
        Index(None, "github_run_id", "run_attempt"),
    )

    github_job_id: Mapped[int]
    github_run_id: Mapped[int | None]
    run_attempt: Mapped[int | None]
    repository: Mapped[str | None]
    workflow_name: Mapped[str | None]
    job_name: Mapped[str | None]
    status: Mapped[str | None]
    conclusion: Mapped[str | None]
    queued_at: Mapped[datetime | None]
    started_at: Mapped[datetime | None]
    completed_at: Mapped[datetime | None]
    queued_seconds: Mapped[Decimal | None]
    duration_seconds: Mapped[Decimal | None]
    is_carried_over: Mapped[bool | None]
    runner_name: Mapped[str | None]
    runner_group: Mapped[str | None]
    runner_labels: Mapped[list[str] | None]
    branch: Mapped[str | None]
    commit_sha: Mapped[str | None]
    html_url: Mapped[str | None]


class WorkflowStep(Base):
    """One step of one job."""

    __tablename__ = "workflow_steps"
    __table_args__ = (
        UniqueConstraint("github_job_id", "step_number"),
        Index(None, "created_at"),
        Index(None, "started_at"),
        Index(None, "github_run_id"),
    )

    github_job_id: Mapped[int]
    step_number: Mapped[int]
    repository: Mapped[str | None]
    github_run_id: Mapped[int | None]
    run_attempt: Mapped[int | None]
    step_name: Mapped[str | None]
    status: Mapped[str | None]
    conclusion: Mapped[str | None]
    started_at: Mapped[datetime | None]
    completed_at: Mapped[datetime | None]
    duration_seconds: Mapped[Decimal | None]


class Workflow(Base):
    """One workflow file of one repository."""

    __tablename__ = "workflows"
    __table_args__ = (UniqueConstraint("workflow_id"), Index(None, "created_at"))

    workflow_id: Mapped[int]
    repository: Mapped[str | None]
    repository_id: Mapped[int | None]
    workflow_name: Mapped[str | None]
    workflow_path: Mapped[str | None]
    state: Mapped[str | None]
    workflow_created_at: Mapped[datetime | None]
    workflow_updated_at: Mapped[datetime | None]
    html_url: Mapped[str | None]


class CoverageSnapshot(Base):
    """One coverage report of one commit."""

    __tablename__ = "coverage_snapshots"
    __table_args__ = (
        UniqueConstraint("snapshot_id"),
        Index(None, "created_at"),
        Index(None, "measured_at"),
        Index(None, "github_run_id"),
    )

    snapshot_id: Mapped[uuid.UUID]
    repository: Mapped[str | None]
    branch: Mapped[str | None]
    commit_sha: Mapped[str | None]
    github_run_id: Mapped[int | None]
    run_attempt: Mapped[int | None]
    report_name: Mapped[str | None]
    format: Mapped[str | None]
    lines_covered: Mapped[int | None]
    lines_total: Mapped[int | None]
    branches_covered: Mapped[int | None]
    branches_total: Mapped[int | None]
    percent: Mapped[Decimal | None]
    measured_at: Mapped[datetime | None]


class LlmCall(Base):
    """One call of a language model."""

    __tablename__ = "llm_calls"
    __table_args__ = (
        UniqueConstraint("call_id"),
        Index(None, "created_at"),
        Index(None, "model", "timestamp"),
        # What a person would call the key; too often equal to be one, and first of all a time.
        Index(None, "timestamp", "session_id", "prompt_name"),
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


class RejectedRecord(Base):
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


class RunnerPrice(Base):
    """What a minute on a GitHub runner costs from a day on; rows may be added for own runners."""

    __tablename__ = "runner_prices"
    __table_args__ = (UniqueConstraint("sku", "valid_from"),)

    sku: Mapped[str]
    valid_from: Mapped[date]
    usd_per_minute: Mapped[Decimal]
    labels: Mapped[list[str]] = mapped_column(server_default=text("'{}'"))


#: Tables that streams of the same name are written to.
MODELLED_TABLES: Final = frozenset(
    {
        "workflow_runs",
        "workflow_jobs",
        "workflow_steps",
        "workflows",
        "coverage_snapshots",
        "llm_calls",
        "llm_usage_buckets",
        "llm_csv_files",
        "llm_csv_rejects",
    }
)
#: Tables that the target itself keeps; no stream may write to them.
OWN_TABLES: Final = frozenset(Base.metadata.tables) - MODELLED_TABLES

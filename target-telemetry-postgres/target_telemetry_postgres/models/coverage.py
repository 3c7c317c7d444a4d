"""Coverage of a commit's tests."""

# ruff: noqa: TC002, TC003 - SQLAlchemy reads the annotations when it runs.

from __future__ import annotations

import uuid
from datetime import datetime
from decimal import Decimal

from sqlalchemy import Index, UniqueConstraint
from sqlalchemy.orm import Mapped

from target_telemetry_postgres.models.base import Base


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

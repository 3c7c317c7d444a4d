"""GitHub Actions: runs, jobs, steps, workflows, and what a minute of a runner costs."""

# ruff: noqa: TC003 - SQLAlchemy reads the annotations when it runs.

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from target_telemetry_postgres.models.base import Base


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
    workflow_group: Mapped[str | None]
    head_commit_at: Mapped[datetime | None]
    head_commit_author: Mapped[str | None]
    check_suite_id: Mapped[int | None]
    referenced_workflows: Mapped[list[str] | None]
    repository_private: Mapped[bool | None]
    default_branch: Mapped[str | None]


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
    workflow_group: Mapped[str | None]
    runner_id: Mapped[int | None]
    runner_os: Mapped[str | None]
    runner_arch: Mapped[str | None]
    check_run_url: Mapped[str | None]


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


class Repository(Base):
    """One repository that is read."""

    __tablename__ = "repositories"
    __table_args__ = (UniqueConstraint("repository_id"), Index(None, "created_at"))

    repository_id: Mapped[int]
    repository: Mapped[str | None]
    private: Mapped[bool | None]
    visibility: Mapped[str | None]
    archived: Mapped[bool | None]
    fork: Mapped[bool | None]
    default_branch: Mapped[str | None]
    size: Mapped[int | None]
    repository_created_at: Mapped[datetime | None]
    pushed_at: Mapped[datetime | None]
    html_url: Mapped[str | None]


class GitHubGap(Base):
    """Something that GitHub did not show when it was asked; open until `resolved_at`."""

    __tablename__ = "github_gaps"
    __table_args__ = (
        UniqueConstraint("gap_id"),
        Index(None, "created_at"),
        Index(None, "repository", "first_seen"),
    )

    gap_id: Mapped[UUID]
    repository: Mapped[str | None]
    repository_id: Mapped[int | None]
    github_run_id: Mapped[int | None]
    run_attempt: Mapped[int | None]
    what: Mapped[str | None]
    reason: Mapped[str | None]
    first_seen: Mapped[datetime | None]
    last_tried: Mapped[datetime | None]
    tries: Mapped[int | None]
    resolved_at: Mapped[datetime | None]


class PullRequest(Base):
    """One pull request."""

    __tablename__ = "pull_requests"
    __table_args__ = (
        UniqueConstraint("pull_request_id"),
        Index(None, "created_at"),
        Index(None, "repository", "merged_at"),
    )

    pull_request_id: Mapped[int]
    repository: Mapped[str | None]
    repository_id: Mapped[int | None]
    number: Mapped[int | None]
    title: Mapped[str | None]
    state: Mapped[str | None]
    is_draft: Mapped[bool | None]
    author: Mapped[str | None]
    base_branch: Mapped[str | None]
    head_branch: Mapped[str | None]
    head_sha: Mapped[str | None]
    merge_commit_sha: Mapped[str | None]
    additions: Mapped[int | None]
    deletions: Mapped[int | None]
    changed_files: Mapped[int | None]
    commits: Mapped[int | None]
    first_commit_at: Mapped[datetime | None]
    pr_created_at: Mapped[datetime | None]
    pr_updated_at: Mapped[datetime | None]
    merged_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    html_url: Mapped[str | None]


class Deployment(Base):
    """One deployment, and how it went."""

    __tablename__ = "deployments"
    __table_args__ = (
        UniqueConstraint("deployment_id"),
        Index(None, "created_at"),
        Index(None, "repository", "deployed_at"),
    )

    deployment_id: Mapped[int]
    repository: Mapped[str | None]
    repository_id: Mapped[int | None]
    environment: Mapped[str | None]
    task: Mapped[str | None]
    ref: Mapped[str | None]
    commit_sha: Mapped[str | None]
    creator: Mapped[str | None]
    state: Mapped[str | None]
    deployed_at: Mapped[datetime | None]
    succeeded_at: Mapped[datetime | None]
    failed_at: Mapped[datetime | None]
    github_updated_at: Mapped[datetime | None]


class JobAnnotation(Base):
    """Why a job failed, as its runner or its tools said it."""

    __tablename__ = "job_annotations"
    __table_args__ = (
        UniqueConstraint("annotation_id"),
        Index(None, "created_at"),
        Index(None, "github_job_id"),
        Index(None, "job_completed_at"),
    )

    annotation_id: Mapped[UUID]
    github_job_id: Mapped[int | None]
    github_run_id: Mapped[int | None]
    run_attempt: Mapped[int | None]
    repository: Mapped[str | None]
    workflow_name: Mapped[str | None]
    job_name: Mapped[str | None]
    annotation_level: Mapped[str | None]
    title: Mapped[str | None]
    message: Mapped[str | None]
    path: Mapped[str | None]
    start_line: Mapped[int | None]
    end_line: Mapped[int | None]
    job_completed_at: Mapped[datetime | None]


class BillingUsage(Base):
    """What one SKU cost in one repository on one day."""

    __tablename__ = "billing_usage"
    __table_args__ = (
        UniqueConstraint("usage_id"),
        Index(None, "created_at"),
        Index(None, "usage_date"),
    )

    usage_id: Mapped[UUID]
    owner: Mapped[str | None]
    usage_date: Mapped[date | None]
    product: Mapped[str | None]
    sku: Mapped[str | None]
    repository: Mapped[str | None]
    quantity: Mapped[Decimal | None]
    unit_type: Mapped[str | None]
    price_per_unit: Mapped[Decimal | None]
    gross_amount: Mapped[Decimal | None]
    discount_amount: Mapped[Decimal | None]
    net_amount: Mapped[Decimal | None]


class RunnerPrice(Base):
    """What a minute on a GitHub runner costs from a day on; rows may be added for own runners."""

    __tablename__ = "runner_prices"
    __table_args__ = (UniqueConstraint("sku", "valid_from"),)

    sku: Mapped[str]
    valid_from: Mapped[date]
    usd_per_minute: Mapped[Decimal]
    labels: Mapped[list[str]] = mapped_column(server_default=text("'{}'"))

"""Pull requests, deployments, why jobs failed, what was billed."""

from __future__ import annotations

from alembic import op

revision = "pipelines_0004"
down_revision = "pipelines_0003"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE pull_requests (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    pull_request_id bigint NOT NULL UNIQUE,
    repository text,
    repository_id bigint,
    number bigint,
    title text,
    state text,
    is_draft boolean,
    author text,
    base_branch text,
    head_branch text,
    head_sha text,
    merge_commit_sha text,
    additions bigint,
    deletions bigint,
    changed_files bigint,
    commits bigint,
    first_commit_at timestamptz,
    pr_created_at timestamptz,
    pr_updated_at timestamptz,
    merged_at timestamptz,
    closed_at timestamptz,
    html_url text,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON pull_requests (created_at);
CREATE INDEX ON pull_requests (repository, merged_at);

CREATE TABLE deployments (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    deployment_id bigint NOT NULL UNIQUE,
    repository text,
    repository_id bigint,
    environment text,
    task text,
    ref text,
    commit_sha text,
    creator text,
    state text,
    deployed_at timestamptz,
    succeeded_at timestamptz,
    failed_at timestamptz,
    github_updated_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON deployments (created_at);
CREATE INDEX ON deployments (repository, deployed_at);

CREATE TABLE job_annotations (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    annotation_id uuid NOT NULL UNIQUE,
    github_job_id bigint,
    github_run_id bigint,
    run_attempt bigint,
    repository text,
    workflow_name text,
    job_name text,
    annotation_level text,
    title text,
    message text,
    path text,
    start_line bigint,
    end_line bigint,
    job_completed_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON job_annotations (created_at);
CREATE INDEX ON job_annotations (github_job_id);
CREATE INDEX ON job_annotations (job_completed_at);

CREATE TABLE billing_usage (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    usage_id uuid NOT NULL UNIQUE,
    owner text,
    usage_date date,
    product text,
    sku text,
    repository text,
    quantity numeric,
    unit_type text,
    price_per_unit numeric,
    gross_amount numeric,
    discount_amount numeric,
    net_amount numeric,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON billing_usage (created_at);
CREATE INDEX ON billing_usage (usage_date);
"""

BACK = """
DROP TABLE billing_usage;
DROP TABLE job_annotations;
DROP TABLE deployments;
DROP TABLE pull_requests;
"""


def upgrade() -> None:
    """Make the tables."""
    op.execute(TABLES)


def downgrade() -> None:
    """Drop them."""
    op.execute(BACK)

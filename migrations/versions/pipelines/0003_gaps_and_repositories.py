"""What GitHub did not show when it was asked, the repositories, and more of runs and jobs."""

from __future__ import annotations

from alembic import op

revision = "pipelines_0003"
down_revision = "pipelines_0002"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE repositories (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    repository_id bigint NOT NULL UNIQUE,
    repository text,
    private boolean,
    visibility text,
    archived boolean,
    fork boolean,
    default_branch text,
    size bigint,
    repository_created_at timestamptz,
    pushed_at timestamptz,
    html_url text,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON repositories (created_at);

CREATE TABLE github_gaps (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    gap_id uuid NOT NULL UNIQUE,
    repository text,
    repository_id bigint,
    github_run_id bigint,
    run_attempt bigint,
    what text,
    reason text,
    first_seen timestamptz,
    last_tried timestamptz,
    tries bigint,
    resolved_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON github_gaps (created_at);
CREATE INDEX ON github_gaps (repository, first_seen);
"""

COLUMNS = """
ALTER TABLE workflow_runs
    ADD COLUMN workflow_group text,
    ADD COLUMN head_commit_at timestamptz,
    ADD COLUMN head_commit_author text,
    ADD COLUMN check_suite_id bigint,
    ADD COLUMN referenced_workflows text[],
    ADD COLUMN repository_private boolean,
    ADD COLUMN default_branch text;
ALTER TABLE workflow_jobs
    ADD COLUMN workflow_group text,
    ADD COLUMN runner_id bigint,
    ADD COLUMN runner_os text,
    ADD COLUMN runner_arch text,
    ADD COLUMN check_run_url text;
"""

BACK = """
ALTER TABLE workflow_jobs
    DROP COLUMN workflow_group,
    DROP COLUMN runner_id,
    DROP COLUMN runner_os,
    DROP COLUMN runner_arch,
    DROP COLUMN check_run_url;
ALTER TABLE workflow_runs
    DROP COLUMN workflow_group,
    DROP COLUMN head_commit_at,
    DROP COLUMN head_commit_author,
    DROP COLUMN check_suite_id,
    DROP COLUMN referenced_workflows,
    DROP COLUMN repository_private,
    DROP COLUMN default_branch;
DROP TABLE github_gaps;
DROP TABLE repositories;
"""


def upgrade() -> None:
    """Make the tables and add the columns."""
    op.execute(TABLES)
    op.execute(COLUMNS)


def downgrade() -> None:
    """Take them away."""
    op.execute(BACK)

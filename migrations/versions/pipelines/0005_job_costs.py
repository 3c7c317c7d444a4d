"""A view of what each job cost by the price list, for every report that counts money."""

from __future__ import annotations

from alembic import op

revision = "pipelines_0005"
down_revision = "pipelines_0004"
branch_labels = None
depends_on = None

VIEW = """
CREATE VIEW job_costs AS
SELECT
    job.github_job_id,
    job.github_run_id,
    job.run_attempt,
    job.repository,
    coalesce(job.workflow_group, job.workflow_name) AS workflow,
    job.job_name,
    job.conclusion,
    job.started_at,
    job.runner_labels,
    ceil(job.duration_seconds / 60) AS minutes,
    price.sku,
    CASE
        WHEN run.repository_private IS FALSE AND price.sku IN (
            'linux', 'linux_slim', 'linux_2_core_arm', 'windows', 'windows_2_core_arm', 'macos'
        ) THEN 0
        ELSE ceil(job.duration_seconds / 60) * price.usd_per_minute
    END AS estimated_cost
FROM workflow_jobs AS job
LEFT JOIN workflow_runs AS run
    ON run.github_run_id = job.github_run_id AND run.run_attempt = job.run_attempt
LEFT JOIN LATERAL (
    SELECT listed.sku, listed.usd_per_minute
    FROM runner_prices AS listed
    WHERE listed.labels && job.runner_labels
        AND listed.valid_from <= (job.started_at AT TIME ZONE 'UTC')::date
        AND (listed.sku = 'self_hosted' OR NOT 'self-hosted' = ANY (job.runner_labels))
    ORDER BY listed.valid_from DESC, listed.sku
    LIMIT 1
) AS price ON true
WHERE job.is_carried_over IS NOT TRUE
    AND job.conclusion IS DISTINCT FROM 'skipped'
    AND job.duration_seconds IS NOT NULL;

COMMENT ON VIEW job_costs IS
    'Jobs that really ran, with what they cost by runner_prices: each is rounded up to a minute, '
    'and GitHub''s standard runners are free where the repository is public. No price: NULL.';
"""


def upgrade() -> None:
    """Make the view."""
    op.execute(VIEW)


def downgrade() -> None:
    """Drop it."""
    op.execute("DROP VIEW job_costs")

-- The jobs of those runs, in the order in which they started.
select
  github_run_id, run_attempt, github_job_id, job_name, conclusion, queued_at, started_at,
  completed_at, queued_seconds, duration_seconds, is_carried_over, runner_name, html_url
from workflow_jobs
where github_run_id = any(%(runs)s)
order by coalesce(started_at, queued_at, completed_at), github_job_id

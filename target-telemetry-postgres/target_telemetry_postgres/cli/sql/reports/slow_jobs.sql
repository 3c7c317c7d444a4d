-- The jobs that take the most time, with how long they wait for a runner.
-- A job that a re-run carried over from an earlier attempt did not run again and is left out.
select
  repository,
  workflow_name as workflow,
  job_name as job,
  count(*) as runs,
  round(percentile_cont(0.5) within group (order by duration_seconds)::numeric / 60, 1)
    as p50_minutes,
  round(percentile_cont(0.95) within group (order by duration_seconds)::numeric / 60, 1)
    as p95_minutes,
  round(percentile_cont(0.95) within group (order by queued_seconds)::numeric, 0)
    as p95_queued_seconds,
  round(sum(duration_seconds) / 3600, 1) as total_hours
from workflow_jobs
where started_at >= %(since)s and started_at < %(until)s
  and conclusion is distinct from 'skipped'
  and is_carried_over is not true
group by 1, 2, 3
order by p95_minutes desc nulls last, total_hours desc nulls last, 1, 2, 3
limit %(limit)s

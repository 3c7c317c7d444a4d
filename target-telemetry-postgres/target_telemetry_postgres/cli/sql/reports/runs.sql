-- Workflow runs per week: how many, how many went well, how long they took.
-- An attempt counts by itself; a skipped or cancelled one is neither success nor failure.
select
  date_trunc('week', started_at at time zone 'UTC')::date as week,
  repository,
  workflow_name as workflow,
  count(*) as attempts,
  round(
    count(*) filter (where conclusion = 'success')::numeric
      / nullif(count(*) filter (
          where conclusion in ('success', 'failure', 'timed_out', 'startup_failure')
        ), 0),
    3
  ) as success_rate,
  round(percentile_cont(0.5) within group (order by duration_seconds)::numeric / 60, 1)
    as p50_minutes,
  round(percentile_cont(0.95) within group (order by duration_seconds)::numeric / 60, 1)
    as p95_minutes
from workflow_runs
where started_at >= %(since)s and started_at < %(until)s
group by 1, 2, 3
order by 1 desc, attempts desc, 2, 3
limit %(limit)s

-- How long jobs wait for a runner, by the labels that they ask for.
select
  coalesce(nullif(array_to_string(runner_labels, ', '), ''), '(none)') as labels,
  count(*) as jobs,
  round(percentile_cont(0.5) within group (order by queued_seconds)::numeric, 1) as p50_seconds,
  round(percentile_cont(0.95) within group (order by queued_seconds)::numeric, 1) as p95_seconds,
  round(max(queued_seconds), 1) as longest_seconds
from workflow_jobs
where started_at >= %(since)s and started_at < %(until)s
  and queued_seconds is not null
group by 1
order by p95_seconds desc, jobs desc, 1
limit %(limit)s

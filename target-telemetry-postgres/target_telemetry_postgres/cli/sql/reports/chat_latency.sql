-- How long each step of a chat request takes, and the time to the first byte of the answer.
-- A step that a request did not come to is left out of its line.
with steps as (
  select step.place, step.name, step.ms
  from chat_telemetry_log
  cross join lateral (
    values
      (1, 'question to SQL', nl_to_sql_duration_ms),
      (2, 'running the SQL', sql_execution_duration_ms),
      (3, 'writing the answer', response_generation_duration_ms),
      (4, 'time to first byte', ttfb_ms)
  ) as step (place, name, ms)
  where created_at >= %(since)s and created_at < %(until)s
    and step.ms is not null
)
select
  name as step,
  count(*) as requests,
  round(percentile_cont(0.5) within group (order by ms)::numeric, 0) as p50_ms,
  round(percentile_cont(0.95) within group (order by ms)::numeric, 0) as p95_ms,
  round(percentile_cont(0.99) within group (order by ms)::numeric, 0) as p99_ms,
  max(ms) as longest_ms
from steps
group by place, name
order by place
limit %(limit)s

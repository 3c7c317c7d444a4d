-- How often LLM calls fail, per week and model, and how long they take.
select
  date_trunc('week', "timestamp" at time zone 'UTC')::date as week,
  coalesce(model, '(none)') as model,
  count(*) as calls,
  count(*) filter (where not success) as failed,
  round(avg(case when success then 0 when not success then 1 end), 3) as error_rate,
  round(percentile_cont(0.5) within group (order by duration_ms)::numeric, 0) as p50_ms,
  round(percentile_cont(0.95) within group (order by duration_ms)::numeric, 0) as p95_ms
from llm_calls
where "timestamp" >= %(since)s and "timestamp" < %(until)s
group by 1, 2
order by 1 desc, failed desc, calls desc, 2
limit %(limit)s

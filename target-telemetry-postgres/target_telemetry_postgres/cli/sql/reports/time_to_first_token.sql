-- How long models let one wait for their first token.
-- Only calls that say so count.
select
  coalesce(model, '(none)') as model,
  count(*) as calls,
  round(percentile_cont(0.5) within group (order by ttft_ms)::numeric, 0) as p50_ms,
  round(percentile_cont(0.95) within group (order by ttft_ms)::numeric, 0) as p95_ms,
  round(percentile_cont(0.99) within group (order by ttft_ms)::numeric, 0) as p99_ms,
  max(ttft_ms) as longest_ms
from llm_calls
where "timestamp" >= %(since)s and "timestamp" < %(until)s
  and ttft_ms is not null
group by 1
order by p95_ms desc, 1
limit %(limit)s

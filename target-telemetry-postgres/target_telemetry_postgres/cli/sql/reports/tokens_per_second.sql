-- How quickly models write: tokens of output for each second that a call took.
-- Failed calls, and calls that say no duration or no output, are left out.
with calls as (
  select
    coalesce(model, '(none)') as model,
    output_tokens,
    duration_ms,
    output_tokens * 1000.0 / duration_ms as speed
  from llm_calls
  where "timestamp" >= %(since)s and "timestamp" < %(until)s
    and output_tokens > 0
    and duration_ms > 0
    and success is not false
)
select
  model,
  count(*) as calls,
  round(sum(output_tokens) * 1000.0 / sum(duration_ms), 1) as tokens_per_second,
  round(percentile_cont(0.05) within group (order by speed)::numeric, 1) as slowest_5_percent,
  round(percentile_cont(0.5) within group (order by speed)::numeric, 1) as p50,
  round(percentile_cont(0.95) within group (order by speed)::numeric, 1) as p95
from calls
group by 1
order by tokens_per_second, 1
limit %(limit)s

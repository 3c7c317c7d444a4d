-- What each prompt costs.
-- Calls without a known price are counted, not guessed.
select
  coalesce(prompt_name, '(none)') as prompt,
  count(*) as calls,
  sum(total_tokens)::bigint as total_tokens,
  round(sum(estimated_cost), 6) as cost,
  round(avg(estimated_cost), 9) as cost_per_call,
  round(avg(case when success then 1 when not success then 0 end), 3) as success_rate,
  count(*) filter (where estimated_cost is null) as calls_without_cost
from llm_calls
where "timestamp" >= %(since)s and "timestamp" < %(until)s
group by 1
order by cost desc nulls last, calls desc, 1
limit %(limit)s

-- What each model cost, and where the price comes from: given by the provider, or estimated.
select
  coalesce(model, '(none)') as model,
  coalesce(cost_source, 'unknown') as cost_source,
  count(*) as calls,
  sum(total_tokens)::bigint as total_tokens,
  round(sum(estimated_cost), 6) as cost,
  round(avg(estimated_cost), 9) as cost_per_call
from llm_calls
where "timestamp" >= %(since)s and "timestamp" < %(until)s
group by 1, 2
order by cost desc nulls last, calls desc, 1, 2
limit %(limit)s

-- Models whose price is not known.
-- An alias in tap-llm-csv (model_aliases), then `telemetry reprice`, gives them one.
select
  coalesce(model, '(none)') as model,
  coalesce(provider, '(none)') as provider,
  count(*) as calls,
  sum(total_tokens)::bigint as total_tokens,
  min("timestamp") as first_seen,
  max("timestamp") as last_seen
from llm_calls
where "timestamp" >= %(since)s and "timestamp" < %(until)s
  and estimated_cost is null
group by 1, 2
order by calls desc, 1, 2
limit %(limit)s

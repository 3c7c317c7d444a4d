-- What LLM calls cost per day and model (UTC days, US dollars).
-- Calls without a known price are counted, not guessed.
select
  date_trunc('day', "timestamp" at time zone 'UTC')::date as day,
  coalesce(model, '(none)') as model,
  count(*) as calls,
  sum(input_tokens)::bigint as input_tokens,
  sum(output_tokens)::bigint as output_tokens,
  round(sum(estimated_cost), 6) as cost,
  count(*) filter (where estimated_cost is null) as calls_without_cost
from llm_calls
where "timestamp" >= %(since)s and "timestamp" < %(until)s
group by 1, 2
order by 1 desc, cost desc nulls last, calls desc, 2
limit %(limit)s

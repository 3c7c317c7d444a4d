-- What each session costs, and how long it went on.
-- Calls without a known price are counted, not guessed; calls without a session are left out.
select
  session_id as session,
  count(*) as calls,
  count(distinct model) as models,
  sum(total_tokens)::bigint as total_tokens,
  round(sum(estimated_cost), 6) as cost,
  round((extract(epoch from max("timestamp") - min("timestamp")) / 60)::numeric, 1) as minutes,
  count(*) filter (where not success) as failed,
  count(*) filter (where estimated_cost is null) as calls_without_cost,
  min("timestamp") as first_call
from llm_calls
where "timestamp" >= %(since)s and "timestamp" < %(until)s
  and session_id is not null
group by 1
order by cost desc nulls last, calls desc, 1
limit %(limit)s

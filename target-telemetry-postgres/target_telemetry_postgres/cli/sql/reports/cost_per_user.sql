-- What each user's calls cost.
-- Calls without a known price are counted, not guessed.
-- needs: llm_calls.user_id
select
  coalesce(user_id, '(none)') as user_id,
  count(*) as calls,
  count(distinct session_id) as sessions,
  sum(total_tokens)::bigint as total_tokens,
  round(sum(estimated_cost), 6) as cost,
  round(avg(case when success then 1 when not success then 0 end), 3) as success_rate,
  count(*) filter (where estimated_cost is null) as calls_without_cost
from llm_calls
where "timestamp" >= %(since)s and "timestamp" < %(until)s
group by 1
order by cost desc nulls last, calls desc, 1
limit %(limit)s

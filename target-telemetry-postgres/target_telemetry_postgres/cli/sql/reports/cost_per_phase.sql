-- What the phases of the work cost.
select
  coalesce(phase, '(none)') as phase,
  count(*) as calls,
  count(distinct session_id) as sessions,
  round(sum(estimated_cost), 6) as cost,
  round(avg(case when success then 1 when not success then 0 end), 3) as success_rate
from llm_calls
where "timestamp" >= %(since)s and "timestamp" < %(until)s
group by 1
order by cost desc nulls last, calls desc, 1
limit %(limit)s

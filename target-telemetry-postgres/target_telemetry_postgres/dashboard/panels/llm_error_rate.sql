-- Failed calls ÷ calls whose outcome is known.
select
  $__timeGroup(at, $__interval) as "time",
  count(*) filter (where success is false)::float8 / nullif(count(success), 0) as "error rate"
from call_facts
where $__timeFilter(at)
  and model in (${model:sqlstring})
group by 1
order by 1

-- What the phases of the work cost.
select phase, count(*) as calls, sum(cost)::float8 as cost
from call_facts
where $__timeFilter(at)
  and model in (${model:sqlstring})
group by 1
order by cost desc nulls last, 1
limit 40

-- Sum of estimated_cost by model.
select
  $__timeGroup(at, $__interval) as "time",
  model as metric,
  sum(cost)::float8 as cost
from call_facts
where $__timeFilter(at)
  and model in (${model:sqlstring})
group by 1, 2
having sum(cost) is not null
order by 1, 2

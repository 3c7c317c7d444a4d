-- Sum of estimated_cost; calls without a known price are not in it.
select coalesce(sum(cost), 0)::float8 as cost
from call_facts
where $__timeFilter(at)
  and model in (${model:sqlstring})

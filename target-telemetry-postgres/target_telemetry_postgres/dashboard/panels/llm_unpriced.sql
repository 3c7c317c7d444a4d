-- Calls whose price is not known: they are missing in every cost.
select count(*) as "calls without a price"
from call_facts
where $__timeFilter(at)
  and model in (${model:sqlstring})
  and cost is null

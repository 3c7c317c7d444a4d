-- What runners cost at list prices, by workflow.
select
  $__timeGroup(at, $__interval) as "time",
  workflow as metric,
  sum(cost)::float8 as cost
from job_facts
where $__timeFilter(at)
  and repository in (${repository:sqlstring})
  and workflow in (${workflow:sqlstring})
group by 1, 2
having sum(cost) is not null
order by 1, 2

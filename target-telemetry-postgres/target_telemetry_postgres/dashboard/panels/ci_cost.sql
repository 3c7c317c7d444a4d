-- Minutes of each job, rounded up, at the list price of its runner's label on that day.
select coalesce(sum(cost), 0)::float8 as "runner cost"
from job_facts
where $__timeFilter(at)
  and repository in (${repository:sqlstring})
  and workflow in (${workflow:sqlstring})

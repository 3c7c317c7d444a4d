-- Failed or timed out steps of jobs.
select repository, workflow, job, step, count(*) as failures
from failed_step_facts
where $__timeFilter(at)
  and repository in (${repository:sqlstring})
  and workflow in (${workflow:sqlstring})
group by 1, 2, 3, 4
order by failures desc, 1, 2, 3, 4
limit 50

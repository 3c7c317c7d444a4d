-- Attempts by how they ended, on the day they started; skipped ones are left out.
select
  $__timeGroup(at, $__interval) as "time",
  outcome as metric,
  count(*) as attempts
from run_facts
where $__timeFilter(at)
  and repository in (${repository:sqlstring})
  and workflow in (${workflow:sqlstring})
  and outcome <> 'skipped'
group by 1, 2
order by 1, 2

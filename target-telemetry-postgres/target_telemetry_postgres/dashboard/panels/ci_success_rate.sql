-- Success at the first attempt, and at the last attempt of each run.
select
  $__timeGroup(at, $__interval) as "time",
  count(*) filter (where is_first and outcome = 'success')::float8
    / nullif(count(*) filter (where is_first), 0) as "first attempt",
  count(*) filter (where is_last and outcome = 'success')::float8
    / nullif(count(*) filter (where is_last), 0) as "after re-runs"
from run_facts
where $__timeFilter(at)
  and repository in (${repository:sqlstring})
  and workflow in (${workflow:sqlstring})
  and outcome in ('success', 'failed')
group by 1
order by 1

-- Median time of finished attempts.
select percentile_cont(0.5) within group (order by seconds) as "median"
from run_facts
where $__timeFilter(at)
  and repository in (${repository:sqlstring})
  and workflow in (${workflow:sqlstring})
  and outcome in ('success', 'failed')

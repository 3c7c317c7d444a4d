-- Median and 95th percentile of how long finished attempts took.
select
  $__timeGroup(at, $__interval) as "time",
  percentile_cont(0.5) within group (order by seconds) as "median",
  percentile_cont(0.95) within group (order by seconds) as "p95"
from run_facts
where $__timeFilter(at)
  and repository in (${repository:sqlstring})
  and workflow in (${workflow:sqlstring})
  and outcome in ('success', 'failed')
  and seconds is not null
group by 1
order by 1

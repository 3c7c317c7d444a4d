-- Median and 95th percentile of how long jobs waited for a runner.
select
  $__timeGroup(at, $__interval) as "time",
  percentile_cont(0.5) within group (order by queued_seconds) as "median",
  percentile_cont(0.95) within group (order by queued_seconds) as "p95"
from job_facts
where $__timeFilter(at)
  and repository in (${repository:sqlstring})
  and workflow in (${workflow:sqlstring})
  and queued_seconds is not null
group by 1
order by 1

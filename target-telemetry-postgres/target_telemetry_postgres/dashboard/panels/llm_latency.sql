-- Median and 95th percentile of calls that did not fail.
select
  $__timeGroup(at, $__interval) as "time",
  percentile_cont(0.5) within group (order by duration_ms) as "median",
  percentile_cont(0.95) within group (order by duration_ms) as "p95"
from call_facts
where $__timeFilter(at)
  and model in (${model:sqlstring})
  and success is not false
  and duration_ms is not null
group by 1
order by 1

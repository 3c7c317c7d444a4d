-- Median time from the end of the first failed attempt on the default branch to the next good one.
select percentile_cont(0.5) within group (order by seconds) as "time to green"
from green_facts
where $__timeFilter(at)
  and repository in (${repository:sqlstring})
  and workflow in (${workflow:sqlstring})
  and seconds >= 0

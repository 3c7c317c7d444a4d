-- Jobs that really ran. Flaky: a failure whose job passed on the same commit.
select
  repository,
  workflow,
  job,
  count(*) filter (where outcome in ('success', 'failed')) as finished,
  count(*) filter (where outcome = 'failed') as failed,
  count(*) filter (where is_flaky) as flaky,
  percentile_cont(0.5) within group (order by seconds)
    filter (where outcome in ('success', 'failed')) as p50,
  percentile_cont(0.95) within group (order by seconds)
    filter (where outcome in ('success', 'failed')) as p95,
  sum(seconds) as took,
  sum(cost)::float8 as cost
from job_facts
where $__timeFilter(at)
  and repository in (${repository:sqlstring})
  and workflow in (${workflow:sqlstring})
group by 1, 2, 3
order by took desc nulls last, 1, 2, 3
limit 50

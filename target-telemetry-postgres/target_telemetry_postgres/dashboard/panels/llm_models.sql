-- Per success: cost ÷ calls that did not fail.
select
  model,
  count(*) as calls,
  sum(cost)::float8 as cost,
  (sum(cost) / nullif(count(*) filter (where success is not false), 0))::float8 as "per success",
  count(*) filter (where success is false)::float8 / nullif(count(success), 0) as "error rate",
  percentile_cont(0.5) within group (order by duration_ms)
    filter (where success is not false) as p50,
  percentile_cont(0.95) within group (order by duration_ms)
    filter (where success is not false) as p95,
  count(*) filter (where cost is null) as "without a price"
from call_facts
where $__timeFilter(at)
  and model in (${model:sqlstring})
group by 1
order by cost desc nulls last, 1

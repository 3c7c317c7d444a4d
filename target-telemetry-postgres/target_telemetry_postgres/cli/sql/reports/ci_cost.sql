-- Minutes and estimated cost of each workflow (US dollars, by the price list).
select
  repository,
  workflow,
  count(distinct github_run_id) as runs,
  count(*) as jobs,
  sum(minutes)::bigint as minutes,
  round(sum(estimated_cost), 4) as estimated_cost,
  count(*) filter (where sku is null) as jobs_without_price
from job_costs
where started_at >= %(since)s and started_at < %(until)s
group by 1, 2
order by estimated_cost desc nulls last, minutes desc, 1, 2
limit %(limit)s

-- Minutes and money of attempts that were run again: what unreliable workflows cost.
with marked as (
  select
    repository,
    workflow,
    github_run_id,
    minutes,
    estimated_cost,
    run_attempt < max(run_attempt) over (partition by github_run_id) as was_rerun
  from job_costs
  where started_at >= %(since)s and started_at < %(until)s
)
select
  repository,
  workflow,
  count(distinct github_run_id) filter (where was_rerun) as rerun_runs,
  coalesce(sum(minutes) filter (where was_rerun), 0)::bigint as wasted_minutes,
  sum(minutes)::bigint as minutes,
  round(coalesce(sum(minutes) filter (where was_rerun), 0) / nullif(sum(minutes), 0), 3)
    as wasted_share,
  round(sum(estimated_cost) filter (where was_rerun), 4) as wasted_cost
from marked
group by 1, 2
having bool_or(was_rerun)
order by wasted_minutes desc, 1, 2
limit %(limit)s

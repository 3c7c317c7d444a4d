-- How often runs succeed at their first attempt and at their last.
-- A skipped or cancelled attempt is neither success nor failure.
with decided as (
  select
    repository,
    coalesce(workflow_group, workflow_name) as workflow,
    github_run_id,
    run_attempt,
    conclusion = 'success' as succeeded,
    row_number() over (partition by github_run_id order by run_attempt desc) as from_last
  from workflow_runs
  where coalesce(run_created_at, started_at) >= %(since)s
    and coalesce(run_created_at, started_at) < %(until)s
    and conclusion in ('success', 'failure', 'timed_out', 'startup_failure')
)
select
  repository,
  workflow,
  count(distinct github_run_id) as runs,
  count(distinct github_run_id) filter (where run_attempt > 1) as rerun,
  round(
    count(*) filter (where run_attempt = 1 and succeeded)::numeric
      / nullif(count(*) filter (where run_attempt = 1), 0),
    3
  ) as first_attempt,
  round(
    count(*) filter (where from_last = 1 and succeeded)::numeric
      / count(*) filter (where from_last = 1),
    3
  ) as last_attempt
from decided
group by 1, 2
order by runs desc, 1, 2
limit %(limit)s

-- How long a workflow on the default branch stays broken: from a first failure to the next success.
-- Only the last attempt of each run counts, and no run of a pull request.
with lasts as (
  select distinct on (github_run_id)
    repository,
    coalesce(workflow_group, workflow_name) as workflow,
    github_run_id,
    coalesce(run_created_at, started_at) as run_created_at,
    coalesce(completed_at, github_updated_at, run_created_at) as ended_at,
    conclusion = 'success' as succeeded
  from workflow_runs
  where coalesce(run_created_at, started_at) >= %(since)s
    and coalesce(run_created_at, started_at) < %(until)s
    and conclusion in ('success', 'failure', 'timed_out', 'startup_failure')
    and event_type is distinct from 'pull_request'
    and (branch = default_branch or (default_branch is null and branch in ('main', 'master')))
  order by github_run_id, run_attempt desc
),
ordered as (
  select
    repository,
    workflow,
    succeeded,
    ended_at,
    lag(succeeded, 1, true) over in_order as succeeded_before,
    min(ended_at) filter (where succeeded) over (
      partition by repository, workflow
      order by run_created_at, github_run_id
      rows between 1 following and unbounded following
    ) as restored_at
  from lasts
  window in_order as (partition by repository, workflow order by run_created_at, github_run_id)
)
select
  repository,
  workflow,
  count(*) as times_broken,
  count(*) filter (where restored_at is null) as still_broken,
  round(
    percentile_cont(0.5) within group (
      order by extract(epoch from restored_at - ended_at)
    )::numeric / 60,
    1
  ) as p50_minutes,
  round(max(extract(epoch from restored_at - ended_at)) / 60, 1) as longest_minutes
from ordered
where not succeeded and succeeded_before
group by 1, 2
order by times_broken desc, 1, 2
limit %(limit)s

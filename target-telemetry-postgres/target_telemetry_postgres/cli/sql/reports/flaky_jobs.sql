-- Jobs that failed and, on the same commit, succeeded: nothing changed but the luck.
with outcomes as (
  select
    repository,
    workflow_name,
    job_name,
    commit_sha,
    bool_or(conclusion in ('failure', 'timed_out')) as failed,
    bool_or(conclusion = 'success') as succeeded,
    max(started_at) filter (where conclusion in ('failure', 'timed_out')) as failed_at
  from workflow_jobs
  where started_at >= %(since)s and started_at < %(until)s
    and commit_sha is not null
    and is_carried_over is not true
  group by 1, 2, 3, 4
)
select
  repository,
  workflow_name as workflow,
  job_name as job,
  count(*) as commits,
  count(*) filter (where failed and succeeded) as flaky_commits,
  round(count(*) filter (where failed and succeeded)::numeric / count(*), 3) as flaky_share,
  max(failed_at) filter (where failed and succeeded) as last_seen
from outcomes
group by 1, 2, 3
having count(*) filter (where failed and succeeded) > 0
order by flaky_commits desc, flaky_share desc, 1, 2, 3
limit %(limit)s

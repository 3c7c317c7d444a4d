-- One row an attempt of a run: when it counts, how it ended, and whether it was the run's first and last.
select
  coalesce(run.started_at, run.run_created_at) as at,
  coalesce(run.completed_at, run.started_at, run.run_created_at) as ended_at,
  coalesce(run.repository, '(none)') as repository,
  coalesce(run.workflow_name, '(none)') as workflow,
  coalesce(run.branch, '(none)') as branch,
  run.github_run_id,
  run.run_attempt,
  case
    when run.conclusion = 'success' then 'success'
    when run.conclusion in ('failure', 'timed_out', 'startup_failure') then 'failed'
    when run.conclusion = 'cancelled' then 'cancelled'
    when run.conclusion = 'skipped' then 'skipped'
    else 'other'
  end as outcome,
  run.run_attempt = 1 as is_first,
  not exists (
    select from workflow_runs later
    where later.github_run_id = run.github_run_id and later.run_attempt > run.run_attempt
  ) as is_last,
  case when run.duration_seconds >= 0 then run.duration_seconds::float8 end as seconds,
  run.display_title as title,
  run.html_url
from workflow_runs run

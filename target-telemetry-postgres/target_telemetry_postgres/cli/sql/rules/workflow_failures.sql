-- Each workflow's runs of the last day, and of the eight weeks before.
select
  coalesce(repository, '(none)') as repository,
  coalesce(workflow_name, '(none)') as workflow,
  count(*) filter (where started_at >= %(since)s) as runs,
  count(*) filter (where started_at >= %(since)s and conclusion <> 'success') as failures,
  count(*) filter (where started_at < %(since)s) as runs_before,
  count(*) filter (where started_at < %(since)s and conclusion <> 'success') as failures_before
from workflow_runs
where started_at >= %(since)s::timestamptz - interval '56 days' and started_at < %(until)s
  and conclusion in ('success', 'failure', 'timed_out', 'startup_failure')
group by 1, 2
having count(*) filter (where started_at >= %(since)s) > 0
order by 1, 2

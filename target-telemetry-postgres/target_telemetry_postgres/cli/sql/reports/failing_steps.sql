-- The steps at which jobs break.
select
  jobs.repository,
  jobs.workflow_name as workflow,
  jobs.job_name as job,
  steps.step_name as step,
  count(*) as failures,
  max(steps.completed_at) as last_failure
from workflow_steps steps
join workflow_jobs jobs using (github_job_id)
where steps.started_at >= %(since)s and steps.started_at < %(until)s
  and steps.conclusion in ('failure', 'timed_out')
  and jobs.is_carried_over is not true
group by 1, 2, 3, 4
order by failures desc, last_failure desc, 1, 2, 3, 4
limit %(limit)s

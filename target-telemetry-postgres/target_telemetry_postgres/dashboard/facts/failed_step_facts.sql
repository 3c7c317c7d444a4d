-- One row a step at which a job broke.
select
  coalesce(step.started_at, step.completed_at, job.started_at, job.queued_at) as at,
  coalesce(job.repository, '(none)') as repository,
  coalesce(job.workflow_name, '(none)') as workflow,
  coalesce(job.branch, '(none)') as branch,
  coalesce(job.job_name, '(none)') as job,
  coalesce(step.step_name, '(none)') as step
from workflow_steps step
join workflow_jobs job on job.github_job_id = step.github_job_id
where step.conclusion in ('failure', 'timed_out')
  and job.is_carried_over is not true

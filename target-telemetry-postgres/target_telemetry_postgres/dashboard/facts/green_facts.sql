-- One row a time that a workflow was red on its default branch: from the end of the first failed
-- attempt to the end of the next good one.
with ended as (
  select
    run.repository, run.workflow, run.branch, run.ended_at, run.outcome,
    count(*) filter (where run.outcome = 'success') over (
      partition by run.repository, run.workflow
      order by run.ended_at, run.github_run_id, run.run_attempt
    ) - case when run.outcome = 'success' then 1 else 0 end as stretch
  from run_facts run
  join default_branch_facts using (repository, branch)
  where run.outcome in ('success', 'failed')
)
select
  min(ended_at) filter (where outcome = 'success') as at,
  repository,
  workflow,
  branch,
  extract(epoch from
    min(ended_at) filter (where outcome = 'success')
      - min(ended_at) filter (where outcome = 'failed')
  )::float8 as seconds
from ended
group by repository, workflow, branch, stretch
having bool_or(outcome = 'success') and bool_or(outcome = 'failed')

-- The workflows whose newest finished attempt on the default branch failed.
select
  repository,
  workflow,
  case when %(with_branches)s then branch else '(other)' end as branch,
  github_run_id as run_id,
  run_attempt as attempt,
  extract(epoch from at)::bigint as at
from (
  select distinct on (run.repository, run.workflow) run.*
  from run_facts run
  join default_branch_facts main using (repository, branch)
  where run.outcome in ('success', 'failed')
    and run.at < %(until)s
    and (%(repositories)s::text[] is null or run.repository = any(%(repositories)s))
  order by run.repository, run.workflow, run.at desc, run.github_run_id desc, run.run_attempt desc
) as newest
where outcome = 'failed' and at >= %(since)s
order by at desc
limit 100

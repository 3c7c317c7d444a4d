-- Each repository's default branch: main, else master, else the busiest.
select distinct on (repository) repository, branch
from (
  select
    coalesce(repository, '(none)') as repository, branch, count(*) as runs
  from workflow_runs
  where branch is not null
  group by 1, 2
) as counted
order by repository, branch = 'main' desc, branch = 'master' desc, runs desc, branch

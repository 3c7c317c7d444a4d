-- Where the runs of a repository are found: what its runs' addresses have before the number.
select
  coalesce(repository, '(none)') as repository,
  max(substring(html_url from '^https?://.*/actions/runs/')) as address
from workflow_runs
where html_url is not null
  and (%(repositories)s::text[] is null or coalesce(repository, '(none)') = any(%(repositories)s))
group by 1
order by 1
limit 1000

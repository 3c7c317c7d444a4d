-- The newest failed attempts.
select
  at as "time", repository, workflow, branch, title, run_attempt as attempt, seconds,
  html_url as run
from run_facts
where $__timeFilter(at)
  and repository in (${repository:sqlstring})
  and workflow in (${workflow:sqlstring})
  and outcome = 'failed'
order by at desc
limit 50

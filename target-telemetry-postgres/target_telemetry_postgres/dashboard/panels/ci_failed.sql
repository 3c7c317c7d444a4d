-- Attempts that failed: failure, timed_out, startup_failure.
select count(*) as "failed attempts"
from run_facts
where $__timeFilter(at)
  and repository in (${repository:sqlstring})
  and workflow in (${workflow:sqlstring})
  and outcome = 'failed'

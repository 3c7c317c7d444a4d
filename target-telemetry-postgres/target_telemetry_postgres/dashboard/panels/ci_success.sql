-- Success of first attempts: success ÷ (success + failed).
select
  count(*) filter (where outcome = 'success')::float8 / nullif(count(*), 0) as "first attempt"
from run_facts
where $__timeFilter(at)
  and repository in (${repository:sqlstring})
  and workflow in (${workflow:sqlstring})
  and is_first
  and outcome in ('success', 'failed')

-- The workflows of the chosen repositories.
select distinct workflow
from run_facts
where repository in (${repository:sqlstring}) and at >= now() - interval '186 days'
order by 1

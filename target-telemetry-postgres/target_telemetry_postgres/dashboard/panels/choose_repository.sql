-- The repositories that have runs.
select distinct repository from run_facts where at >= now() - interval '186 days' order by 1

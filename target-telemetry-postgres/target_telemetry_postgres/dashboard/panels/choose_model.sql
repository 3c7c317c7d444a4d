-- The models that were called.
select distinct model from call_facts where at >= now() - interval '186 days' order by 1

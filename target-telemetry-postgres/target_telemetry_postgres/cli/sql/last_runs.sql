-- The newest times of the runs and calls that are stored: whether GitHub or the files are behind,
-- and not only the loading of them.
select * from (
  select 'workflow_runs' as table, max(started_at) as latest from workflow_runs
  union all
  select 'llm_calls', max("timestamp") from llm_calls
) latest
where latest is not null
order by 1

-- How many of the commands that were run for pull requests failed.
-- A command without an exit code is left out.
select
  date_trunc('week', start_time at time zone 'UTC')::date as week,
  coalesce(repository, '(none)') as repository,
  count(*) as traces,
  sum(commands)::bigint as commands,
  sum(failed_commands)::bigint as failed,
  round(sum(failed_commands) / nullif(sum(commands), 0), 4) as failure_rate
from pr_trace_measures
where start_time >= %(since)s and start_time < %(until)s
group by 1, 2
order by 1 desc, commands desc, 2
limit %(limit)s

-- How many edits go into a commit, over all traces that begin in a week.
select
  date_trunc('week', start_time at time zone 'UTC')::date as week,
  coalesce(repository, '(none)') as repository,
  count(*) as traces,
  sum(edits)::bigint as edits,
  sum(commits)::bigint as commits,
  round(sum(edits) / nullif(sum(commits), 0), 2) as edits_per_commit
from pr_trace_measures
where start_time >= %(since)s and start_time < %(until)s
group by 1, 2
order by 1 desc, traces desc, 2
limit %(limit)s

-- The last report of each day, by repository, workflow, branch and report.
select distinct on (1, 2, 3, 4, 5)
  (snapshot.measured_at at time zone %(timezone)s)::date - %(first_day)s::date as day,
  coalesce(snapshot.repository, '(none)') as repository,
  case when concat_ws(chr(31), run.repository, run.workflow) = any(%(workflows)s)
    then run.workflow else %(rest)s end as workflow,
  case when coalesce(snapshot.branch, '(none)') = any(%(branches)s)
    then coalesce(snapshot.branch, '(none)') else %(rest)s end as branch,
  coalesce(snapshot.report_name, '(none)') as report,
  extract(epoch from (snapshot.measured_at at time zone %(timezone)s)::time)::int as second,
  round(snapshot.percent * 100)::int as hundredths
from coverage_snapshots snapshot
left join run_facts run
  on run.github_run_id = snapshot.github_run_id
  and run.run_attempt = coalesce(snapshot.run_attempt, 1)
where snapshot.measured_at >= %(since)s and snapshot.measured_at < %(until)s
  and (
    %(repositories)s::text[] is null
    or coalesce(snapshot.repository, '(none)') = any(%(repositories)s)
  )
  and snapshot.percent is not null
order by 1, 2, 3, 4, 5, snapshot.measured_at desc, snapshot.id desc

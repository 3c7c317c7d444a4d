-- Steps at which jobs broke, by day.
select
  (at at time zone %(timezone)s)::date - %(first_day)s::date as day,
  repository,
  case when concat_ws(chr(31), repository, workflow) = any(%(workflows)s)
    then workflow else %(rest)s end as workflow,
  case when branch = any(%(branches)s) then branch else %(rest)s end as branch,
  case when concat_ws(chr(31), repository, workflow, job) = any(%(jobs)s)
    then job else %(rest)s end as job,
  case when step = any(%(steps)s) then step else %(rest)s end as step,
  count(*)::int as failures
from failed_step_facts
where at >= %(since)s and at < %(until)s
  and (%(repositories)s::text[] is null or repository = any(%(repositories)s))
group by 1, 2, 3, 4, 5, 6
order by 1, 2, 3, 4, 5, 6

-- How long jobs waited for a runner, as a histogram a day.
with counted as (
  select
    (at at time zone %(timezone)s)::date - %(first_day)s::date as day,
    repository,
    case when concat_ws(chr(31), repository, workflow) = any(%(workflows)s)
      then workflow else %(rest)s end as workflow,
    case when branch = any(%(branches)s) then branch else %(rest)s end as branch,
    case when queued_seconds < 0.001 then 0
      else least(255, 1 + floor(ln(queued_seconds * 1000) / %(bin_width)s))::int end as bin,
    count(*)::int as n
  from job_facts
  where at >= %(since)s and at < %(until)s
    and (%(repositories)s::text[] is null or repository = any(%(repositories)s))
    and queued_seconds is not null
  group by 1, 2, 3, 4, 5
)
select
  day, repository, workflow, branch,
  array_agg(bin order by bin) as bins, array_agg(n order by bin) as counts
from counted
group by 1, 2, 3, 4
order by 1, 2, 3, 4

-- How long workflows stayed red on the default branch, on the day on which they were green again.
-- Bins of seconds here: a branch may stay red for longer than bins of milliseconds reach.
with counted as (
  select
    (at at time zone %(timezone)s)::date - %(first_day)s::date as day,
    repository,
    case when concat_ws(chr(31), repository, workflow) = any(%(workflows)s)
      then workflow else %(rest)s end as workflow,
    case when branch = any(%(branches)s) then branch else %(rest)s end as branch,
    case when seconds < 1 then 0
      else least(255, 1 + floor(ln(seconds) / %(bin_width)s))::int end as bin,
    count(*)::int as n
  from green_facts
  where at >= %(since)s and at < %(until)s
    and (%(repositories)s::text[] is null or repository = any(%(repositories)s))
    and seconds >= 0
  group by 1, 2, 3, 4, 5
)
select
  day, repository, workflow, branch,
  array_agg(bin order by bin) as bins, array_agg(n order by bin) as counts
from counted
group by 1, 2, 3, 4
order by 1, 2, 3, 4

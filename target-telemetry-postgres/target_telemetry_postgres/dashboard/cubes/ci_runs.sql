-- Attempts by day, hour and how they ended. `kind` is the outcome (0 success, 1 failed,
-- 2 cancelled, 3 other), plus 4 for a run's first attempt, plus 8 for its last.
select
  (at at time zone %(timezone)s)::date - %(first_day)s::date as day,
  repository,
  case when concat_ws(chr(31), repository, workflow) = any(%(workflows)s)
    then workflow else %(rest)s end as workflow,
  case when branch = any(%(branches)s) then branch else %(rest)s end as branch,
  extract(hour from at at time zone %(timezone)s)::int as hour,
  case outcome when 'success' then 0 when 'failed' then 1 when 'cancelled' then 2 else 3 end
    + case when is_first then 4 else 0 end
    + case when is_last then 8 else 0 end as kind,
  count(*)::int as attempts,
  coalesce(round(sum(seconds) filter (where not is_first)), 0)::bigint as rerun_seconds
from run_facts
where at >= %(since)s and at < %(until)s
  and (%(repositories)s::text[] is null or repository = any(%(repositories)s))
  and outcome <> 'skipped'
group by 1, 2, 3, 4, 5, 6
order by 1, 2, 3, 4, 5, 6

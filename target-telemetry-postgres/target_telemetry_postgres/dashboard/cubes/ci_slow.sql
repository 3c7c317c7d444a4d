-- The forty slowest finished attempts of each day.
with ranked as (
  select
    (at at time zone %(timezone)s)::date - %(first_day)s::date as day,
    run_facts.*,
    row_number() over (
      partition by (at at time zone %(timezone)s)::date
      order by seconds desc, github_run_id, run_attempt
    ) as place
  from run_facts
  where at >= %(since)s and at < %(until)s
    and (%(repositories)s::text[] is null or repository = any(%(repositories)s))
    and outcome in ('success', 'failed')
    and seconds is not null
)
select
  day,
  repository,
  case when concat_ws(chr(31), repository, workflow) = any(%(workflows)s)
    then workflow else %(rest)s end as workflow,
  case when branch = any(%(branches)s) then branch else %(rest)s end as branch,
  github_run_id as run_id,
  run_attempt as attempt,
  round(seconds)::bigint as seconds
from ranked
where place <= 40
order by day, seconds desc

-- The newest failed attempts, with their titles where they are among the first thousand.
select
  (at at time zone %(timezone)s)::date - %(first_day)s::date as day,
  repository,
  case when concat_ws(chr(31), repository, workflow) = any(%(workflows)s)
    then workflow else %(rest)s end as workflow,
  case when branch = any(%(branches)s) then branch else %(rest)s end as branch,
  extract(epoch from (at at time zone %(timezone)s)::time)::int as second,
  github_run_id as run_id,
  run_attempt as attempt,
  coalesce(round(seconds)::bigint, 0) as seconds,
  case when %(with_titles)s and row_number() over newest <= 1000
    then coalesce(left(title, 120), '') else '' end as title
from run_facts
where at >= %(since)s and at < %(until)s
  and (%(repositories)s::text[] is null or repository = any(%(repositories)s))
  and outcome = 'failed'
window newest as (order by at desc, github_run_id desc, run_attempt desc)
order by at desc, github_run_id desc, run_attempt desc
limit 20000

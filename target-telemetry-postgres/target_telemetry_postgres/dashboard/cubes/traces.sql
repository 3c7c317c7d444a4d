-- Traced pull requests, the newest five thousand, one row each.
select
  (at at time zone %(timezone)s)::date - %(first_day)s::date as day,
  repository,
  case when branch = any(%(branches)s) then branch else %(rest)s end as branch,
  status,
  case when %(with_titles)s then left(title, 120) else coalesce(pr_id, '') end as title,
  events::bigint as events,
  edits::bigint as edits,
  commits::bigint as commits,
  commands::bigint as commands,
  failed_commands::bigint as failed_commands,
  tests::bigint as tests,
  coalesce(round(seconds_to_first_test)::bigint, -1) as first_test_seconds,
  coalesce(round(red_seconds)::bigint, -1) as red_seconds
from trace_facts
where at >= %(since)s and at < %(until)s
  and (%(repositories)s::text[] is null or repository = any(%(repositories)s))
order by day desc, title
limit 5000

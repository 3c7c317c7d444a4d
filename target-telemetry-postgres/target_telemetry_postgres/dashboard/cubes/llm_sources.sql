-- Calls and their cost by day and source.
select
  (at at time zone %(timezone)s)::date - %(first_day)s::date as day,
  case when %(all_dimensions)s and repository = any(%(call_repositories)s)
    then repository else %(rest)s end as repository,
  case when %(all_dimensions)s and branch = any(%(call_branches)s)
    then branch else %(rest)s end as branch,
  case when %(all_dimensions)s and environment = any(%(environments)s)
    then environment else %(rest)s end as environment,
  case when %(all_dimensions)s and phase = any(%(phases)s)
    then phase else %(rest)s end as phase,
  case when %(by_model)s and model = any(%(models)s) then model else %(rest)s end as model,
  case when source = any(%(sources)s) then source else %(rest)s end as source,
  count(*)::bigint as calls,
  count(*) filter (where success is null)::bigint as unknown,
  count(*) filter (where success is false)::bigint as failed,
  coalesce(round(sum(cost) * 1000000000), 0)::bigint as nanodollars
from call_facts
where at >= %(since)s and at < %(until)s
  and (%(repositories)s::text[] is null or repository = any(%(repositories)s))
group by 1, 2, 3, 4, 5, 6, 7
order by 1, 2, 3, 4, 5, 6, 7

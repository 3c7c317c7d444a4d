-- How many rows the cube of calls would have.
select count(*)
from (
  select distinct
    (at at time zone %(timezone)s)::date as day,
    case when repository = any(%(call_repositories)s) then repository end as repository,
    case when branch = any(%(call_branches)s) then branch end as branch,
    case when environment = any(%(environments)s) then environment end as environment,
    case when phase = any(%(phases)s) then phase end as phase,
    case when model = any(%(models)s) then model end as model
  from call_facts
  where at >= %(since)s and at < %(until)s
    and (%(repositories)s::text[] is null or repository = any(%(repositories)s))
) as cells

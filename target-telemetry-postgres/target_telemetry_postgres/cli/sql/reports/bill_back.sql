-- What each team's repositories cost: billed where GitHub's report is there, else estimated.
-- Teams come from --teams; the first pattern that fits a repository says whose it is.
with teams as (
  select
    pair ->> 1 as name,
    replace(replace(replace(lower(pair ->> 0), '\', '\\'), '_', '\_'), '*', '%%') as pattern,
    place from jsonb_array_elements(%(teams)s::jsonb) with ordinality as listed (pair, place)
),
billed as (
  select
    lower(repository) as repository,
    sum(net_amount) as cost
  from billing_usage
  where usage_date >= (%(since)s at time zone 'UTC')::date
    and usage_date < %(until)s at time zone 'UTC'
  group by 1
),
estimated as (
  select
    lower(repository) as repository,
    sum(minutes) as minutes,
    sum(estimated_cost) as cost
  from job_costs
  where started_at >= %(since)s and started_at < %(until)s
  group by 1
),
both_ways as (
  select
    coalesce(repository, '(none)') as repository,
    estimated.minutes,
    billed.cost as billed_cost,
    estimated.cost as estimated_cost
  from billed
  full join estimated using (repository)
)
select
  coalesce(
    (
      select teams.name from teams
      where both_ways.repository like teams.pattern
      order by teams.place
      limit 1
    ),
    '(no team)'
  ) as team,
  repository,
  minutes::bigint as minutes,
  round(billed_cost, 4) as billed_cost,
  round(estimated_cost, 4) as estimated_cost,
  round(coalesce(billed_cost, estimated_cost), 4) as cost
from both_ways
order by 1, cost desc nulls last, 2
limit %(limit)s

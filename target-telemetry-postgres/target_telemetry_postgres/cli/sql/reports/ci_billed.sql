-- What GitHub billed for Actions minutes, beside what the price list says (UTC months, US dollars).
with billed as (
  select
    date_trunc('month', usage_date)::date as month,
    lower(coalesce(repository, '(none)')) as repository,
    sum(quantity) as minutes,
    sum(gross_amount) as gross_cost,
    sum(net_amount) as net_cost
  from billing_usage
  where usage_date >= (%(since)s at time zone 'UTC')::date
    and usage_date < %(until)s at time zone 'UTC'
    and product ilike 'actions'
    and unit_type ilike 'minute%%'
  group by 1, 2
),
estimated as (
  select
    date_trunc('month', started_at at time zone 'UTC')::date as month,
    lower(coalesce(repository, '(none)')) as repository,
    sum(minutes) as minutes,
    sum(estimated_cost) as cost
  from job_costs
  where started_at >= %(since)s and started_at < %(until)s
  group by 1, 2
)
select
  month,
  repository,
  round(billed.minutes, 1) as billed_minutes,
  estimated.minutes::bigint as counted_minutes,
  round(billed.gross_cost, 4) as billed_gross,
  round(billed.net_cost, 4) as billed_net,
  round(estimated.cost, 4) as estimated_cost,
  round(billed.gross_cost - estimated.cost, 4) as difference
from billed
full join estimated using (month, repository)
order by 1 desc, coalesce(billed.gross_cost, estimated.cost) desc nulls last, 2
limit %(limit)s

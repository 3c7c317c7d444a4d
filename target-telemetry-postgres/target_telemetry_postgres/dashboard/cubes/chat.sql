-- Chat requests by day: how many, how they ended, what they cost, how long their steps took together.
with counted as (
  select
    (at at time zone %(timezone)s)::date - %(first_day)s::date as day,
    model, stage,
    case when %(with_errors)s then error else '(other)' end as error,
    case when is_failed or duration_ms is null then null when duration_ms < 1 then 0
      else least(255, 1 + floor(ln(duration_ms::float8) / %(bin_width)s))::int end as bin,
    count(*)::int as requests,
    count(*) filter (where is_failed) as failed,
    count(*) filter (where is_off_topic) as off_topic,
    sum(cost) as cost,
    count(*) filter (where cost is null) as unpriced
  from chat_facts
  where at >= %(since)s and at < %(until)s
    and %(repositories)s::text[] is null
  group by 1, 2, 3, 4, 5
)
select
  day, model, stage, error,
  sum(requests)::bigint as requests,
  sum(failed)::bigint as failed,
  sum(off_topic)::bigint as off_topic,
  coalesce(round(sum(cost) * 1000000000), 0)::bigint as nanodollars,
  sum(unpriced)::bigint as unpriced,
  coalesce(array_agg(bin order by bin) filter (where bin is not null), '{}') as bins,
  coalesce(array_agg(requests order by bin) filter (where bin is not null), '{}') as counts
from counted
group by 1, 2, 3, 4
order by 1, 2, 3, 4

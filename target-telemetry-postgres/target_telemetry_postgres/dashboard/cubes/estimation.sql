-- Estimates by day: how many, how far off (in thousandths of a percent), what of the budget was used.
with counted as (
  select
    (at at time zone %(timezone)s)::date - %(first_day)s::date as day,
    category, complexity, model,
    case when smape is null then null when smape < 0.001 then 0
      else least(255, 1 + floor(ln(smape * 1000) / %(bin_width)s))::int end as bin,
    count(*)::int as estimates,
    count(*) filter (where is_truncated) as truncated,
    count(*) filter (where is_underestimated) as underestimated,
    count(is_underestimated) as judged,
    sum(smape) as smape,
    sum(budget) filter (where actual is not null and not is_truncated) as budget,
    sum(actual) filter (where budget is not null and not is_truncated) as used
  from estimation_facts
  where at >= %(since)s and at < %(until)s
    and %(repositories)s::text[] is null
  group by 1, 2, 3, 4, 5
)
select
  day, category, complexity, model,
  sum(estimates)::bigint as estimates,
  sum(truncated)::bigint as truncated,
  sum(underestimated)::bigint as underestimated,
  sum(judged)::bigint as judged,
  coalesce(round(sum(smape) * 1000), 0)::bigint as smape_thousandths,
  coalesce(sum(budget), 0)::bigint as budget,
  coalesce(sum(used), 0)::bigint as used,
  coalesce(array_agg(bin order by bin) filter (where bin is not null), '{}') as bins,
  coalesce(array_agg(estimates order by bin) filter (where bin is not null), '{}') as counts
from counted
group by 1, 2, 3, 4
order by 1, 2, 3, 4

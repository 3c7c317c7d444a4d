-- How long tests stay red: from the first that failed to the next that passed.
-- A spell that has not ended is counted, not timed.
select
  date_trunc('week', red_at at time zone 'UTC')::date as week,
  coalesce(repository, '(none)') as repository,
  count(*) as red_spells,
  count(*) filter (where green_at is null) as still_red,
  count(distinct trace_id) as traces,
  round(percentile_cont(0.5) within group (order by seconds)::numeric, 0) as p50_seconds,
  round(percentile_cont(0.9) within group (order by seconds)::numeric, 0) as p90_seconds
from pr_trace_red_spells
join pr_trace_measures using (trace_id)
where red_at >= %(since)s and red_at < %(until)s
group by 1, 2
order by 1 desc, red_spells desc, 2
limit %(limit)s

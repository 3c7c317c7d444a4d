-- The days of the last eight weeks on which each stream brought new rows.
select
  stream,
  array_agg(distinct (started_at at time zone 'UTC')::date order by (started_at at time zone 'UTC')::date)
    as days,
  max(started_at) as last_new
from {ingest_runs}
where started_at >= %(until)s::timestamptz - interval '56 days' and started_at < %(until)s
  and rows_inserted > 0
group by 1
order by 1

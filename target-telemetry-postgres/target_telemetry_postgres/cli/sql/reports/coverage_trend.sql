-- Coverage by week and branch: where it stood at the end, and between which values it was.
with weeks as (
  select
    date_trunc('week', measured_at at time zone 'UTC')::date as week,
    coalesce(repository, '(none)') as repository,
    coalesce(branch, '(none)') as branch,
    coalesce(report_name, '(none)') as report,
    (array_agg(percent order by measured_at desc, snapshot_id))[1] as percent,
    min(percent) as lowest,
    max(percent) as highest,
    count(*) as snapshots
  from coverage_snapshots
  where measured_at >= %(since)s and measured_at < %(until)s
    and percent is not null
  group by 1, 2, 3, 4
)
select
  week,
  repository,
  branch,
  report,
  round(percent, 2) as percent,
  round(
    percent - lag(percent) over (partition by repository, branch, report order by week), 2
  ) as since_last_week,
  round(lowest, 2) as lowest,
  round(highest, 2) as highest,
  snapshots
from weeks
order by week desc, 2, 3, 4
limit %(limit)s

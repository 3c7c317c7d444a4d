-- The newest coverage of each branch.
with ranked as (
  select
    coalesce(repository, '(none)') as repository,
    coalesce(branch, '(none)') as branch,
    coalesce(report_name, '(none)') as report,
    commit_sha,
    percent,
    lines_covered,
    lines_total,
    measured_at,
    count(*) over snapshots as snapshots,
    row_number() over (snapshots order by measured_at desc, snapshot_id) as place
  from coverage_snapshots
  where measured_at >= %(since)s and measured_at < %(until)s
  window snapshots as (partition by repository, branch, report_name)
)
select
  repository,
  branch,
  report,
  round(percent, 2) as percent,
  lines_covered,
  lines_total,
  snapshots,
  left(commit_sha, 10) as commit,
  measured_at
from ranked
where place = 1
order by measured_at desc, 1, 2, 3
limit %(limit)s

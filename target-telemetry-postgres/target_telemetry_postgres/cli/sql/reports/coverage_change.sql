-- Coverage of branches against the default branch, or of --head against --base.
-- The default branch is main, else master, else the one with most snapshots.
-- key: repository, branch, report
with snapshots as (
  select
    coalesce(repository, '(none)') as repository,
    coalesce(branch, '(none)') as branch,
    coalesce(report_name, '(none)') as report,
    coalesce(commit_sha, '') as commit_sha,
    percent,
    lines_covered,
    lines_total,
    measured_at,
    snapshot_id
  from coverage_snapshots
  where measured_at < %(until)s
    and percent is not null
),
default_branches as (
  select distinct on (repository) repository, branch
  from snapshots
  group by repository, branch
  order by repository, branch = 'main' desc, branch = 'master' desc, count(*) desc, branch
),
bases as (
  select distinct on (s.repository, s.report) s.*
  from snapshots s
  join default_branches d on d.repository = s.repository
  where case
    when %(base)s::text is null then s.branch = d.branch
    else s.branch = %(base)s or starts_with(s.commit_sha, lower(%(base)s))
  end
  order by s.repository, s.report, s.measured_at desc, s.snapshot_id
),
heads as (
  select distinct on (s.repository, s.branch, s.report) s.*
  from snapshots s
  join default_branches d on d.repository = s.repository
  where case
    when %(head)s::text is null then s.branch <> d.branch and s.measured_at >= %(since)s
    else s.branch = %(head)s or starts_with(s.commit_sha, lower(%(head)s))
  end
  order by s.repository, s.branch, s.report, s.measured_at desc, s.snapshot_id
)
select
  heads.repository,
  heads.branch,
  heads.report,
  round(bases.percent, 2) as base_percent,
  round(heads.percent, 2) as percent,
  round(heads.percent - bases.percent, 2) as change,
  heads.lines_total - bases.lines_total as more_lines,
  (heads.lines_total - heads.lines_covered) - (bases.lines_total - bases.lines_covered)
    as more_uncovered_lines,
  left(bases.commit_sha, 10) as base_commit,
  left(heads.commit_sha, 10) as commit,
  heads.measured_at
from heads
left join bases on bases.repository = heads.repository and bases.report = heads.report
order by change nulls last, heads.measured_at desc, 1, 2, 3
limit %(limit)s

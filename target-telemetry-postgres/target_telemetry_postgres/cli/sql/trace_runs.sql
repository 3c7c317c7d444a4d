-- Runs of a pull request, branch or commit, and every other run of the same commits: GitHub names
-- the pull request only on some of them (never for forks).
with named as (
  select repository, commit_sha, github_run_id
  from workflow_runs
  where (
      pull_request_numbers @> array[%(number)s]::bigint[]
      or branch = %(branch)s
      or commit_sha like any(%(commits)s)
    )
    and (%(repository)s::text is null or repository = %(repository)s)
)
select
  runs.repository, runs.workflow_name, runs.github_run_id, runs.run_attempt, runs.run_number,
  runs.display_title, runs.event_type, runs.branch, runs.commit_sha, runs.conclusion, runs.actor,
  runs.run_created_at, runs.started_at, runs.completed_at, runs.duration_seconds,
  runs.pull_request_numbers, runs.html_url
from workflow_runs runs
where runs.github_run_id in (select github_run_id from named)
   or (runs.repository, runs.commit_sha) in (select repository, commit_sha from named)
order by coalesce(runs.started_at, runs.run_created_at), runs.github_run_id, runs.run_attempt

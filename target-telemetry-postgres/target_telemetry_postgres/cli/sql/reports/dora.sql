-- DORA's four figures by repository and environment, from GitHub's deployments.
-- Lead time counts from a change's first commit where its pull request is known, else from the
-- commit that was deployed. A failed deployment is restored by the next one that succeeds.
with changes as (
  select
    each.repository,
    each.environment,
    each.state,
    each.deployed_at,
    each.succeeded_at,
    each.failed_at,
    coalesce(pull.first_commit_at, started.head_commit_at) as committed_at,
    min(each.succeeded_at) over (
      partition by each.repository, each.environment
      order by each.deployed_at, each.deployment_id
      rows between 1 following and unbounded following
    ) as next_success_at
  from deployments as each
  left join lateral (
    select found.first_commit_at
    from pull_requests as found
    where found.merge_commit_sha = each.commit_sha and found.repository = each.repository
    order by found.pull_request_id
    limit 1
  ) as pull on true
  left join lateral (
    select found.head_commit_at
    from workflow_runs as found
    where found.commit_sha = each.commit_sha and found.repository = each.repository
    order by found.github_run_id
    limit 1
  ) as started on true
  where each.deployed_at >= %(since)s and each.deployed_at < %(until)s
)
select
  repository,
  environment,
  count(*) filter (where succeeded_at is not null) as deployments,
  round(
    count(*) filter (where succeeded_at is not null)
      / greatest(extract(epoch from %(until)s::timestamptz - %(since)s::timestamptz) / 604800, 1),
    2
  ) as deployments_a_week,
  round(
    percentile_cont(0.5) within group (
      order by extract(epoch from succeeded_at - committed_at)
    )::numeric / 3600,
    1
  ) as lead_time_hours,
  round(
    count(*) filter (where failed_at is not null)::numeric
      / nullif(count(*) filter (where coalesce(succeeded_at, failed_at) is not null), 0),
    3
  ) as change_failure_rate,
  round(
    percentile_cont(0.5) within group (
      order by extract(epoch from coalesce(
        case when succeeded_at > failed_at then succeeded_at end, next_success_at
      ) - failed_at)
    )::numeric / 60,
    1
  ) as restore_minutes
from changes
group by 1, 2
order by deployments desc, 1, 2
limit %(limit)s

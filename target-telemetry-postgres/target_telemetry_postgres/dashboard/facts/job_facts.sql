-- One row a job that really ran: skipped ones, and ones that a re-run carried over, are left out.
-- A failure is flaky when the same job passed on the same commit. A price counts from its day on.
with label_sets as (
  select distinct runner_labels as labels from workflow_jobs where runner_labels is not null
),
matching as (
  select
    label_sets.labels,
    price.sku,
    price.usd_per_minute,
    price.valid_from,
    lead(price.valid_from, 1, 'infinity'::date)
      over (partition by label_sets.labels, price.sku order by price.valid_from) as valid_until
  from label_sets
  join runner_prices price on price.labels && label_sets.labels
  -- A machine of one's own may be called ubuntu-latest too; GitHub does not bill it.
  where not ('self-hosted' = any(label_sets.labels) and price.sku ~ '^(linux|windows|macos)')
),
chosen as (
  select distinct on (start.labels, start.valid_from)
    start.labels, start.valid_from, price.usd_per_minute
  from matching start
  join matching price
    on price.labels = start.labels
    and start.valid_from >= price.valid_from
    and start.valid_from < price.valid_until
  order by start.labels, start.valid_from, price.sku = 'self_hosted', price.sku
),
prices as (
  select
    labels,
    valid_from,
    lead(valid_from, 1, 'infinity'::date) over (partition by labels order by valid_from)
      as valid_until,
    usd_per_minute
  from chosen
),
flaky as (
  select distinct failed.github_job_id
  from workflow_jobs failed
  join workflow_jobs passed
    on passed.commit_sha = failed.commit_sha
    and passed.job_name = failed.job_name
    and passed.repository = failed.repository
    and passed.workflow_name = failed.workflow_name
  where failed.conclusion in ('failure', 'timed_out')
    and failed.is_carried_over is not true
    and passed.conclusion = 'success'
    and passed.is_carried_over is not true
)
select
  coalesce(job.started_at, job.queued_at) as at,
  coalesce(job.repository, '(none)') as repository,
  coalesce(job.workflow_name, '(none)') as workflow,
  coalesce(job.branch, '(none)') as branch,
  coalesce(job.job_name, '(none)') as job,
  job.github_job_id,
  case
    when job.conclusion = 'success' then 'success'
    when job.conclusion in ('failure', 'timed_out', 'startup_failure') then 'failed'
    when job.conclusion = 'cancelled' then 'cancelled'
    else 'other'
  end as outcome,
  flaky.github_job_id is not null as is_flaky,
  case when job.queued_seconds >= 0 then job.queued_seconds::float8 end as queued_seconds,
  case when job.duration_seconds >= 0 then job.duration_seconds::float8 end as seconds,
  case when job.duration_seconds >= 0 then ceil(job.duration_seconds / 60) end as billed_minutes,
  prices.usd_per_minute,
  case when job.duration_seconds >= 0 then ceil(job.duration_seconds / 60) end
    * prices.usd_per_minute as cost
from workflow_jobs job
left join flaky on flaky.github_job_id = job.github_job_id
left join prices
  on prices.labels = job.runner_labels
  and (coalesce(job.started_at, job.queued_at) at time zone 'UTC')::date >= prices.valid_from
  and (coalesce(job.started_at, job.queued_at) at time zone 'UTC')::date < prices.valid_until
where job.conclusion is distinct from 'skipped'
  and job.is_carried_over is not true

-- Jobs by day: how many finished, failed and were flaky, the minutes that are billed, the seconds of
-- them that were not used, and how long jobs took. What a minute costs (`rate`) divides them too, so
-- that the cost is the minutes times it.
with jobs as (
  select
    (at at time zone %(timezone)s)::date - %(first_day)s::date as day,
    repository,
    case when concat_ws(chr(31), repository, workflow) = any(%(workflows)s)
      then workflow else %(rest)s end as workflow,
    case when branch = any(%(branches)s) then branch else %(rest)s end as branch,
    case when concat_ws(chr(31), repository, workflow, job) = any(%(jobs)s)
      then job else %(rest)s end as job,
    coalesce(usd_per_minute::text, '') as rate,
    outcome, is_flaky, seconds, billed_minutes,
    case when seconds < 0.001 then 0
      else least(255, 1 + floor(ln(seconds * 1000) / %(bin_width)s))::int end as bin
  from job_facts
  where at >= %(since)s and at < %(until)s
    and (%(repositories)s::text[] is null or repository = any(%(repositories)s))
),
counted as (
  select
    day, repository, workflow, branch, job, rate, bin,
    count(*) filter (where outcome in ('success', 'failed') and seconds is not null)::int as timed,
    count(*) filter (where outcome in ('success', 'failed')) as finished,
    count(*) filter (where outcome = 'failed') as failed,
    count(*) filter (where is_flaky) as flaky,
    sum(seconds) as seconds,
    sum(billed_minutes) as minutes,
    count(*) filter (where billed_minutes > 0 and rate = '') as unpriced
  from jobs
  group by 1, 2, 3, 4, 5, 6, 7
)
select
  day, repository, workflow, branch, job, rate,
  sum(finished)::int as finished,
  sum(failed)::int as failed,
  sum(flaky)::int as flaky,
  coalesce(sum(minutes), 0)::bigint as minutes,
  coalesce(60 * sum(minutes) - round(sum(seconds)), 0)::bigint as spare_seconds,
  sum(unpriced)::int as unpriced,
  coalesce(array_agg(bin order by bin) filter (where timed > 0), '{}') as bins,
  coalesce(array_agg(timed order by bin) filter (where timed > 0), '{}') as counts
from counted
group by 1, 2, 3, 4, 5, 6
order by 1, 2, 3, 4, 5, 6

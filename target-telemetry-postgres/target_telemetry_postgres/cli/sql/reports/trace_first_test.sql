-- How long it takes from the first event of a pull request's trace to its first test.
-- A command that runs a test runner is a test, too; traces without one are counted, not timed.
select
  date_trunc('week', start_time at time zone 'UTC')::date as week,
  coalesce(repository, '(none)') as repository,
  count(*) as traces,
  count(*) filter (where tests = 0) as traces_without_test,
  round(percentile_cont(0.5) within group (order by seconds_to_first_test)::numeric, 0)
    as p50_seconds,
  round(percentile_cont(0.9) within group (order by seconds_to_first_test)::numeric, 0)
    as p90_seconds
from pr_trace_measures
where start_time >= %(since)s and start_time < %(until)s
group by 1, 2
order by 1 desc, traces desc, 2
limit %(limit)s

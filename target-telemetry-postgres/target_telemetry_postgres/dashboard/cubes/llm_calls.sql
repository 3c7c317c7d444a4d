-- Calls by day: how many, how they ended, what they used and cost, and how long good ones took.
with calls as (
  select
    (at at time zone %(timezone)s)::date - %(first_day)s::date as day,
    case when repository = any(%(call_repositories)s) then repository else %(rest)s end as repository,
    case when branch = any(%(call_branches)s) then branch else %(rest)s end as branch,
    case when environment = any(%(environments)s) then environment else %(rest)s end as environment,
    case when phase = any(%(phases)s) then phase else %(rest)s end as phase,
    case when model = any(%(models)s) then model else %(rest)s end as model,
    success, cost, input_tokens, output_tokens, cache_read_tokens, duration_ms,
    case
      when success is false or duration_ms is null then null
      when duration_ms < 1 then 0
      else least(255, 1 + floor(ln(duration_ms::float8) / %(bin_width)s))::int
    end as bin
  from call_facts
  where at >= %(since)s and at < %(until)s
    and (%(repositories)s::text[] is null or repository = any(%(repositories)s))
),
counted as (
  select
    day, repository, branch, environment, phase, model, bin,
    count(*)::int as calls,
    count(*) filter (where success is null) as unknown,
    count(*) filter (where success is false) as failed,
    sum(cost) as cost,
    count(*) filter (where cost is null) as unpriced,
    sum(input_tokens) as input_tokens,
    sum(output_tokens) as output_tokens,
    sum(cache_read_tokens) as cache_tokens,
    sum(input_tokens) filter (where cache_read_tokens is null) as uncached_tokens,
    sum(output_tokens) filter (where bin is null or bin = 0) as untimed_tokens,
    sum(duration_ms) filter (where bin > 0 and output_tokens is not null) as timed_ms
  from calls
  group by 1, 2, 3, 4, 5, 6, 7
)
select
  day, repository, branch, environment, phase, model,
  sum(calls)::bigint as calls,
  sum(unknown)::bigint as unknown,
  sum(failed)::bigint as failed,
  coalesce(round(sum(cost) * 1000000000), 0)::bigint as nanodollars,
  sum(unpriced)::bigint as unpriced,
  coalesce(sum(input_tokens), 0)::bigint as input_tokens,
  coalesce(sum(output_tokens), 0)::bigint as output_tokens,
  coalesce(sum(cache_tokens), 0)::bigint as cache_tokens,
  coalesce(sum(uncached_tokens), 0)::bigint as uncached_tokens,
  coalesce(sum(untimed_tokens), 0)::bigint as untimed_tokens,
  coalesce(sum(timed_ms), 0)::bigint as timed_ms,
  coalesce(array_agg(bin order by bin) filter (where bin is not null), '{}') as bins,
  coalesce(array_agg(calls order by bin) filter (where bin is not null), '{}') as counts
from counted
group by 1, 2, 3, 4, 5, 6
order by 1, 2, 3, 4, 5, 6

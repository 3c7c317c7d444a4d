-- What LLM calls cost a merged pull request (US dollars): calls of its commits, branch or sessions.
-- A call that several pull requests share is divided among them; calls without a price are counted.
-- On a branch that is used again, a call belongs to the next pull request that is merged.
with every_merged as (
  select trace_id, coalesce(pr_id, trace_id) as pr, repository, branch,
    coalesce(merged_at, end_time) as merged_at
  from pr_trace_measures
  where status = 'merged'
),
placed as (
  select *, coalesce(
      max(merged_at) over (
        partition by repository, branch order by merged_at
        range between unbounded preceding and '1 microsecond' preceding
      ),
      '-infinity'
    ) as merged_before
  from every_merged
),
merged as (
  select * from placed where merged_at >= %(since)s and merged_at < %(until)s
),
calls as (
  select merged.pr, merged.repository, llm_calls.call_id, llm_calls.estimated_cost
  from merged
  join pr_trace_commits using (trace_id)
  join llm_calls on lower(llm_calls.commit_sha) like pr_trace_commits.commit_sha || '%%'
    and coalesce(llm_calls.repository = merged.repository, true)
  union
  select merged.pr, merged.repository, llm_calls.call_id, llm_calls.estimated_cost
  from merged
  join llm_calls on llm_calls.repository = merged.repository
    and llm_calls.branch = merged.branch
    and llm_calls."timestamp" > merged.merged_before
    and llm_calls."timestamp" <= merged.merged_at
  union
  select merged.pr, merged.repository, llm_calls.call_id, llm_calls.estimated_cost
  from merged
  join pr_trace_order using (trace_id)
  join llm_calls on llm_calls.session_id = pr_trace_order.session_id
),
shared as (
  select pr, repository, estimated_cost,
    estimated_cost / count(*) over (partition by call_id) as cost
  from calls
),
by_pr as (
  select pr, count(*) as calls, sum(cost) as cost,
    count(*) filter (where cost is null) as calls_without_cost
  from shared
  group by 1
)
select
  coalesce(repository, '(none)') as repository,
  count(distinct pr) as merged_prs,
  count(distinct pr) filter (where calls > 0) as prs_with_calls,
  coalesce(sum(calls), 0)::bigint as calls,
  round(sum(cost), 6) as cost,
  round(sum(cost) / count(distinct pr), 6) as cost_per_merged_pr,
  round(max(cost), 6) as dearest,
  coalesce(sum(calls_without_cost), 0)::bigint as calls_without_cost
from (select distinct pr, repository from merged) prs
left join by_pr using (pr)
group by 1
order by cost desc nulls last, merged_prs desc, 1
limit %(limit)s

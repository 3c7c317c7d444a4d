-- Prompts in the last 7 days against the 28 days before, the worst first.
-- z: by how many standard errors the failure rates differ; below 2 it may be chance.
-- window: fixed
with calls as (
  select
    coalesce(prompt_name, '(none)') as prompt,
    "timestamp" >= %(until)s::timestamptz - interval '7 days' as recent,
    success,
    duration_ms,
    output_tokens,
    estimated_cost
  from llm_calls
  where "timestamp" >= %(until)s::timestamptz - interval '35 days' and "timestamp" < %(until)s
),
prompts as (
  select
    prompt,
    count(*) filter (where recent) as calls,
    count(*) filter (where not recent) as calls_earlier,
    count(success) filter (where recent)::numeric as judged,
    count(success) filter (where not recent)::numeric as judged_earlier,
    count(*) filter (where recent and not success)::numeric as failed,
    count(*) filter (where not recent and not success)::numeric as failed_earlier,
    percentile_cont(0.5) within group (order by duration_ms) filter (where recent) as p50,
    percentile_cont(0.5) within group (order by duration_ms) filter (where not recent)
      as p50_earlier,
    avg(output_tokens) filter (where recent) as output,
    avg(output_tokens) filter (where not recent) as output_earlier,
    avg(estimated_cost) filter (where recent) as cost,
    avg(estimated_cost) filter (where not recent) as cost_earlier
  from calls
  group by 1
)
select
  prompt,
  calls,
  calls_earlier,
  round(failed / nullif(judged, 0), 3) as failure_rate,
  round(failed_earlier / nullif(judged_earlier, 0), 3) as failure_rate_earlier,
  round(
    (failed / nullif(judged, 0) - failed_earlier / nullif(judged_earlier, 0))
      / nullif(
        sqrt(
          (failed + failed_earlier) / nullif(judged + judged_earlier, 0)
            * (1 - (failed + failed_earlier) / nullif(judged + judged_earlier, 0))
            * (1 / nullif(judged, 0) + 1 / nullif(judged_earlier, 0))
        ),
        0
      ),
    1
  ) as z,
  round(p50::numeric, 0) as p50_ms,
  round(p50_earlier::numeric, 0) as p50_ms_earlier,
  round(output, 0) as output_tokens,
  round(output_earlier, 0) as output_tokens_earlier,
  round(cost, 9) as cost_per_call,
  round(cost_earlier, 9) as cost_per_call_earlier
from prompts
where calls > 0
order by z desc nulls last, calls desc, 1
limit %(limit)s

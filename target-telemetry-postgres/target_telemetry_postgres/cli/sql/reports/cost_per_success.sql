-- What a successful call costs by model and prompt: what all of them cost, failed ones too.
-- Only calls that say whether they succeeded, and that have a price, count; others are counted.
with calls as (
  select
    coalesce(model, '(none)') as model,
    coalesce(prompt_name, '(none)') as prompt,
    success,
    estimated_cost,
    success is not null and estimated_cost is not null as counts
  from llm_calls
  where "timestamp" >= %(since)s and "timestamp" < %(until)s
)
select
  model,
  prompt,
  count(*) filter (where counts and success) as succeeded,
  count(*) filter (where counts and not success) as failed,
  round(sum(estimated_cost) filter (where counts), 6) as cost,
  round(sum(estimated_cost) filter (where counts and not success), 6) as cost_of_failures,
  round(
    sum(estimated_cost) filter (where counts)
      / nullif(count(*) filter (where counts and success), 0),
    9
  ) as cost_per_success,
  count(*) filter (where not counts) as calls_left_out
from calls
group by 1, 2
order by cost_per_success desc nulls last, cost desc nulls last, 1, 2
limit %(limit)s

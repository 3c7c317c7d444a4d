-- One row an estimate of output tokens. A truncated answer is a lower bound: it says nothing of the error.
select
  event."timestamp" as at,
  coalesce(event.category, '(none)') as category,
  coalesce(event.complexity, '(none)') as complexity,
  coalesce(event.model, '(none)') as model,
  coalesce(event.truncated, false) as is_truncated,
  event.selected_budget as budget,
  event.actual_output_tokens as actual,
  case when event.truncated is not true
      and event.predicted_output_tokens > 0 and event.actual_output_tokens > 0
    then event.actual_output_tokens > event.predicted_output_tokens end as is_underestimated,
  case when event.truncated is not true
      and event.predicted_output_tokens > 0 and event.actual_output_tokens > 0
    then event.smape_percent::float8 end as smape
from token_estimation_v2_events event

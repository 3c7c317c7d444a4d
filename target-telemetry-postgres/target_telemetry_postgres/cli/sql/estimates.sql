-- Every estimate beside what came, for `telemetry replay`.
select
  event_id,
  coalesce(category, '(none)') as category,
  coalesce(complexity, '(none)') as complexity,
  deliverables_json as deliverables,
  coalesce(
    deliverable_count,
    case when jsonb_typeof(deliverables_json) = 'array' then jsonb_array_length(deliverables_json) end
  ) as deliverable_count,
  predicted_output_tokens as predicted,
  actual_output_tokens as actual,
  selected_budget as budget,
  -- A reason that says so counts where the column is empty.
  coalesce(truncated, stop_reason in ('max_tokens', 'length'), false) as truncated,
  coalesce(actual_source = 'total_tokens', false) as from_total,
  computed is not null as differs
from token_estimation_v2_events
where %(since)s::timestamptz is null or "timestamp" >= %(since)s
order by category, complexity, event_id

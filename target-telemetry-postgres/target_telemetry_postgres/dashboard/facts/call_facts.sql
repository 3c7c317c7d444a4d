-- One row a call of a model. A store that older migrations made knows no repository, branch or
-- environment of a call: a name that llm_calls lacks is then taken from `absent`.
select
  call."timestamp" as at,
  coalesce(call.repository, '(none)') as repository,
  coalesce(call.branch, '(none)') as branch,
  coalesce(call.environment, '(none)') as environment,
  coalesce(call.phase, '(none)') as phase,
  coalesce(call.model, '(none)') as model,
  coalesce(call.prompt_name, '(none)') as prompt,
  coalesce(call.user_id, '(none)') as "user",
  coalesce(call.source, '(none)') as source,
  call.session_id as session,
  call.success,
  call.estimated_cost as cost,
  call.input_tokens,
  call.output_tokens,
  call.cache_read_tokens,
  case when call.duration_ms >= 0 then call.duration_ms end as duration_ms,
  case when call.success is false then coalesce(
    nullif(left(regexp_replace(
      regexp_replace(call.error_message, '\s*[(\[][^()\[\]]*[)\]]\s*$', ''), '\d+', '#', 'g'
    ), 120), ''),
    '(no message)'
  ) end as error
from (values (null::text, null::text, null::text)) as absent (repository, branch, environment)
cross join lateral (
  select
    stored."timestamp", stored.phase, stored.model, stored.prompt_name, stored.user_id,
    stored.source, stored.session_id, stored.success, stored.estimated_cost, stored.input_tokens,
    stored.output_tokens, stored.cache_read_tokens, stored.duration_ms, stored.error_message,
    repository, branch, environment
  from llm_calls stored
) as call

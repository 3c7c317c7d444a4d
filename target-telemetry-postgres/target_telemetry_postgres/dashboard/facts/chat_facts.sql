-- One row a chat request: what it cost by the prices of its day, and how long its steps took.
select
  request.created_at as at,
  coalesce(request.sql_model, request.response_model, '(none)') as model,
  coalesce(request.user_id, '(none)') as "user",
  request.is_off_topic,
  request.error_type is not null as is_failed,
  coalesce(request.failed_step, '(none)') as stage,
  coalesce(request.error_type, '(none)') as error,
  request.ttfb_ms,
  case when coalesce(
      request.nl_to_sql_duration_ms, request.sql_execution_duration_ms,
      request.response_generation_duration_ms
    ) is not null
    then coalesce(request.nl_to_sql_duration_ms, 0)
      + coalesce(request.sql_execution_duration_ms, 0)
      + coalesce(request.response_generation_duration_ms, 0)
  end as duration_ms,
  coalesce(model_cost(
    request.sql_model, request.created_at, request.sql_input_tokens, request.sql_cached_tokens,
    request.sql_output_tokens
  ), case when request.sql_model is null then 0 end)
  + coalesce(model_cost(
    request.response_model, request.created_at, request.response_input_tokens,
    request.response_cached_tokens, request.response_output_tokens
  ), case when request.response_model is null then 0 end) as cost
from chat_telemetry_log request

-- Who asks how much, and what it costs (US dollars), each request priced at its own date.
-- Requests that used a model without a known price are counted beside the sum, not guessed.
with requests as (
  select
    user_id, created_at, is_off_topic,
    error_type is not null or failed_step is not null as has_failed,
    coalesce(sql_input_tokens, 0) + coalesce(response_input_tokens, 0)
      + coalesce(sql_output_tokens, 0) + coalesce(response_output_tokens, 0) as tokens,
    model_cost(
      sql_model, created_at, sql_input_tokens, sql_cached_tokens, sql_output_tokens
    ) + model_cost(
      response_model, created_at, response_input_tokens, response_cached_tokens,
      response_output_tokens
    ) as cost
  from chat_telemetry_log
  where created_at >= %(since)s and created_at < %(until)s
)
select
  user_id as user,
  count(*) as requests,
  count(*) filter (where has_failed) as failed,
  count(*) filter (where is_off_topic) as off_topic,
  sum(tokens)::bigint as tokens,
  round(sum(cost), 6) as cost,
  count(*) filter (where cost is null) as requests_without_price,
  max(created_at) as last_seen
from requests
group by 1
order by cost desc nulls last, requests desc, 1
limit %(limit)s

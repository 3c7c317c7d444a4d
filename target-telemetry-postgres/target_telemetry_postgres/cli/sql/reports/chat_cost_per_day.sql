-- What chat requests cost per day (UTC days, US dollars), each priced at its own date.
-- Requests that used a model without a known price are counted beside the sum, not guessed.
with requests as (
  select
    date_trunc('day', created_at at time zone 'UTC')::date as day,
    coalesce(sql_input_tokens, 0) + coalesce(response_input_tokens, 0) as input_tokens,
    coalesce(sql_cached_tokens, 0) + coalesce(response_cached_tokens, 0) as cached_tokens,
    coalesce(sql_output_tokens, 0) + coalesce(response_output_tokens, 0) as output_tokens,
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
  day,
  count(*) as requests,
  sum(input_tokens)::bigint as input_tokens,
  sum(cached_tokens)::bigint as cached_tokens,
  sum(output_tokens)::bigint as output_tokens,
  round(sum(cost), 6) as cost,
  count(*) filter (where cost is null) as requests_without_price
from requests
group by 1
order by 1 desc
limit %(limit)s

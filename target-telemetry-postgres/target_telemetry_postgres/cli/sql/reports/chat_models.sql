-- The models that write the SQL and the answers of chats, side by side (US dollars).
-- Each step is priced at its own date; steps without a known price are counted beside the sum.
with steps as (
  select
    sql_model as model, 'SQL' as writes, nl_to_sql_duration_ms as ms,
    sql_input_tokens as input_tokens, sql_output_tokens as output_tokens,
    error_type is not null or failed_step is not null as has_failed,
    model_cost(
      sql_model, created_at, sql_input_tokens, sql_cached_tokens, sql_output_tokens
    ) as cost
  from chat_telemetry_log
  where created_at >= %(since)s and created_at < %(until)s
    and sql_model is not null
  union all
  select
    response_model, 'answers', response_generation_duration_ms,
    response_input_tokens, response_output_tokens,
    error_type is not null or failed_step is not null,
    model_cost(
      response_model, created_at, response_input_tokens, response_cached_tokens,
      response_output_tokens
    )
  from chat_telemetry_log
  where created_at >= %(since)s and created_at < %(until)s
    and response_model is not null
)
select
  model,
  writes,
  count(*) as requests,
  round(avg(case when has_failed then 1 else 0 end), 4) as error_rate,
  round(percentile_cont(0.5) within group (order by ms)::numeric, 0) as p50_ms,
  round(percentile_cont(0.95) within group (order by ms)::numeric, 0) as p95_ms,
  sum(input_tokens)::bigint as input_tokens,
  sum(output_tokens)::bigint as output_tokens,
  round(sum(cost), 6) as cost,
  round(avg(cost), 6) as cost_per_request,
  count(*) filter (where cost is null) as requests_without_price
from steps
group by 1, 2
order by requests desc, 1, 2
limit %(limit)s
